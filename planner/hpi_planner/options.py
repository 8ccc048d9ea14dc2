"""From a user's ``backend_config`` to an engine's full configuration: every option explicit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas.target import Target

from hpi_planner import knowledge
from hpi_planner.backends import Backend, Option, load_all
from hpi_planner.diagnostics import Code, Diagnostic, Severity, error, warning
from hpi_planner.ir import Module, Origin, Traced
from hpi_planner.suggest import did_you_mean
from hpi_planner.value_types import is_of

# PaddleX's guide to high-performance inference names 8 threads as its default.
_DEFAULT_THREADS = 8
_PREFIX = "backend_config."


@dataclass
class Resolved:
    """The full configuration of an engine, where each value comes from, and what was found."""

    config: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    def put(self, key: str, value: Any, origin: Origin) -> None:
        """Set one option."""
        self.config[key] = value
        self.origins[key] = origin


def resolve(
    module: Module, backend: Backend, device: str, target: Target, run_mode: Traced | None, use_given: bool = True
) -> Resolved:
    """Fill in every option of a backend.

    Args:
        module: whose ``backend_config`` counts.
        device: the kind of device, such as ``cpu``.
        run_mode: Paddle's run mode as the ranking or a module file has it, None for the default.
        use_given: False leaves the user's ``backend_config`` aside (regular inference).
    """
    result = Resolved()
    given = _given(module) if use_given else {}
    for key in sorted(given):
        _take(key, given[key], module, backend, device, result)
    for key, option in backend.options.items():
        if key not in result.config and _counts(option, device):
            _default(key, option, module, backend, target, device, run_mode, result)
    if backend.name == "paddle":
        _agree_on_precision(given, result)
    _check_threads(target, result)
    return result


def _given(module: Module) -> dict[str, Traced]:
    return {key[len(_PREFIX) :]: item for key, item in module.keys.items() if key.startswith(_PREFIX)}


def _counts(option: Option, device: str) -> bool:
    return not option.devices or device in option.devices


def _take(key: str, item: Traced, module: Module, backend: Backend, device: str, result: Resolved) -> None:
    option = backend.options.get(key)
    label = item.origin.labels()
    if option is None:
        owners = [other.name for other in load_all().values() if key in other.options]
        if owners:
            result.found.append(_leak(key, item, module, backend, owners))
        else:
            known = did_you_mean(key, backend.options)
            message = f"{module.address}: no backend has an option `{key}`"
            result.found.append(error(Code.BACKEND_CONFIG_INVALID, message, *label, help=known))
        return
    problem = _fault(key, option, item.value)
    if problem is not None:
        result.found.append(error(Code.BACKEND_CONFIG_INVALID, f"{module.address}: {problem}", *label))
    elif item.value is not None and _counts(option, device):
        result.put(key, item.value, item.origin)


def _leak(key: str, item: Traced, module: Module, backend: Backend, owners: list[str]) -> Diagnostic:
    chosen = module.keys.get("backend")
    labels = item.origin.labels(f"an option of {' and '.join(owners)}")
    if chosen is not None:
        labels += chosen.origin.labels(f"the backend here is {backend.name}")
    return warning(
        Code.BACKEND_CONFIG_LEAK,
        f"{module.address}: `{key}` is no option of {backend.name} and is left out",
        *labels,
        help=f"options of {backend.name}: {', '.join(backend.options)}",
    )


def _fault(key: str, option: Option, value: Any) -> str | None:
    if value is None:
        return None
    if not is_of(value, option.type):
        return f"`{key}` must be of type {option.type}, not `{value}`"
    if option.one_of and value not in option.one_of:
        return f"`{key}` must be one of {', '.join(map(str, option.one_of))}, not `{value}`"
    if option.minimum is not None and isinstance(value, (int, float)) and value < option.minimum:
        return f"`{key}` must be at least {option.minimum}, not {value}"
    return None


def _default(
    key: str,
    option: Option,
    module: Module,
    backend: Backend,
    target: Target,
    device: str,
    run_mode: Traced | None,
    result: Resolved,
) -> None:
    if option.model_default:
        value = _from_model(module, option.model_default)
        if value is not None:
            result.put(key, value, Origin(f"model:inference.yml#Hpi.backend_configs.{option.model_default}"))
        return
    if option.rule == "threads":
        result.put(key, min(_DEFAULT_THREADS, target.cores), Origin("rule:threads"))
    elif option.rule == "run_mode":
        chosen = run_mode or Traced(regular_run_mode(module.model_name, device), Origin("rule:run_mode"))
        problem = _fault(key, option, chosen.value)
        if problem is not None:
            result.found.append(error(Code.BACKEND_CONFIG_INVALID, problem, *chosen.origin.labels()))
        result.put(key, chosen.value, chosen.origin)
    elif option.rule == "new_ir":
        result.put(key, not knowledge.blocked("new_ir", module.model_name), Origin("rule:new_ir"))
    elif not option.rule:
        result.put(key, option.default, Origin(f"default:{backend.name}"))


def _from_model(module: Module, dotted: str) -> Any:
    explicit = module.keys.get("hpi_info")
    value: Any = explicit.value if explicit else module.facts and module.facts.hpi
    for part in ("backend_configs", *dotted.split(".")):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def regular_run_mode(model_name: str, device: str) -> str:
    """Return PaddleX's default run mode: oneDNN on a CPU, unless the model is kept away from it."""
    return "mkldnn" if device == "cpu" and not knowledge.blocked("mkldnn", model_name) else "paddle"


def _agree_on_precision(given: Mapping[str, Traced], result: Resolved) -> None:
    """Make Paddle's run mode and precision say the same; the run mode's suffix names the precision."""
    base, _, suffix = str(result.config["run_mode"]).partition("_")
    wanted = result.config.get("precision")
    if wanted is None or wanted == (suffix or "fp32"):
        result.put("precision", suffix or "fp32", result.origins["run_mode"])
        return
    if "run_mode" not in given:
        mode = f"{base}_{wanted}" if wanted != "fp32" or base == "trt" else base
        option = load_all()["paddle"].options["run_mode"]
        if mode in option.one_of:
            result.put("run_mode", mode, result.origins["precision"])
            return
    item = given["precision"]
    label = item.origin.labels()
    message = f"`precision: {wanted}` does not go with the run mode `{result.config['run_mode']}`"
    result.found.append(error(Code.BACKEND_CONFIG_INVALID, message, *label, help="leave one of the two out"))


def _check_threads(target: Target, result: Resolved) -> None:
    for key in ("cpu_num_threads", "cpu_threads"):
        threads: Any = result.config.get(key, 0)
        origin = result.origins.get(key)
        if threads > target.cores and origin is not None and origin.span is not None:
            result.found.append(
                warning(
                    Code.THREADS_EXCEED_CORES,
                    f"{threads} threads, but the target has {target.cores} cores",
                    *origin.labels(),
                    help="leave the option out to use as many as there are, 8 at most",
                )
            )


def is_error(result: Resolved) -> bool:
    """Tell whether the configuration cannot be used."""
    return any(item.severity is Severity.ERROR for item in result.found)
