"""From a user's ``backend_config`` to an engine's full configuration: every option explicit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas import tasks
from hpi_schemas.backends import THREADS, Backend, Option, load_all, option_of, value_of
from hpi_schemas.backends.options import fault, provider
from hpi_schemas.model_inputs import Tensors
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.target import Target

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Findings, Label, error, warning
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Module, Origin, Traced, default, rule
from hpi_planner.select import shapes

# PaddleX's guide to high-performance inference names 8 threads as its default.
DEFAULT_THREADS = 8
_SECTION = "backend_config"


@dataclass
class Resolved:
    """The full configuration of an engine, where each value comes from, and what was found."""

    config: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    found: Findings = field(default_factory=Findings)

    def put(self, key: str, value: Any, origin: Origin) -> None:
        """Set one option."""
        self.config[key] = value
        self.origins[key] = origin


def resolve(
    module: Module,
    backend: Backend,
    device: str,
    target: Target,
    run_mode: Traced | None,
    given: Mapping[str, Traced],
) -> Resolved:
    """Fill in every option of a backend.

    Args:
        module: what the engine is for.
        device: the kind of device, such as ``cpu``.
        run_mode: Paddle's run mode as the ranking has it, None for the default.
        given: the user's options, see ``given``.
    """
    resolver = _Resolver(module, backend, device, target, given)
    return resolver.resolve(run_mode)


def regular_run_mode(model_name: str, device: str, target: Target) -> str:
    """Return PaddleX's default run mode: oneDNN on a CPU, unless the model is kept away from it."""
    usable = device == "cpu" and target.paddle_can("mkldnn") and not knowledge.blocked("mkldnn", model_name)
    return "mkldnn" if usable else "paddle"


def _of_the_model(key: str) -> Origin:
    return Origin(plan_origin.Origin(plan_origin.MODEL, f"inference.yml#Hpi.backend_configs.{key}"))


def given(keys: Mapping[str, Traced]) -> dict[str, Traced]:
    """Return the options that a ``backend_config`` gives, by name."""
    section = keys.get(_SECTION)
    names = section.value if section is not None and isinstance(section.value, dict) else {}
    return {str(name): keys[f"{_SECTION}.{name}"] for name in names}


class _Resolver:
    def __init__(
        self, module: Module, backend: Backend, device: str, target: Target, given: Mapping[str, Traced]
    ) -> None:
        self.module = module
        self.backend = backend
        self.device = device
        self.target = target
        self.given = given
        self.result = Resolved()

    def resolve(self, run_mode: Traced | None) -> Resolved:
        for key in sorted(self.given):
            self._take(key, self.given[key])
        for key, option in self.backend.options.items():
            if key not in self.result.config and self._counts(option):
                self._default(key, option, run_mode)
        if self.backend.name == "paddle":
            self._settle_run_mode()
            self._agree_on_precision()
            self._check_half_precision()
        self._check_calibration()
        self._check_shapes()
        self._check_threads()
        return self.result

    # -- given options -------------------------------------------------------------------------

    def _take(self, key: str, item: Traced) -> None:
        option = self.backend.options.get(key)
        if option is None:
            owners = [other.name for other in load_all().values() if key in other.options]
            if owners:
                self._warn_leak(key, item, owners)
            else:
                message = f"no backend has an option `{key}`"
                help = None if self.result.found.is_full else did_you_mean(key, self.backend.options)
                self._fail(message, item.origin.key_labels(), help)
            return
        given = {name: traced.value for name, traced in self.given.items()}
        problem = fault(key, option, item.value, provider(self.backend, given, self.device))
        if problem is not None:
            self._fail(problem, item.origin.labels())
        elif not self._counts(option):
            kinds = " or a ".join(option.devices)
            message = f"{self.module.address}: `{key}` counts on a {kinds} alone; the device is a {self.device}"
            self.result.found.append(warning(Code.BACKEND_CONFIG_LEAK, message, *item.origin.key_labels()))
        elif item.value is not None:
            self.result.put(key, item.value, item.origin)

    def _counts(self, option: Option) -> bool:
        return not option.devices or self.device in option.devices

    def _warn_leak(self, key: str, item: Traced, owners: list[str]) -> None:
        name = self.backend.name
        chosen = self.module.keys.get("backend")
        labels = item.origin.labels(f"an option of {' and '.join(owners)}")
        if chosen is not None:
            labels += chosen.origin.labels(f"the backend here is {name}")
        known = ", ".join(self.backend.options) or "none"
        message = f"{self.module.address}: `{key}` is no option of {name} and is left out"
        self.result.found.append(
            warning(Code.BACKEND_CONFIG_LEAK, message, *labels, help=f"options of {name}: {known}")
        )

    # -- defaults ------------------------------------------------------------------------------

    def _default(self, key: str, option: Option, run_mode: Traced | None) -> None:
        put = self.result.put
        if option.model_default:
            value = self._from_model(option.model_default)
            if value is not None:
                put(key, value, _of_the_model(option.model_default))
        elif option.rule == "threads":
            put(key, min(DEFAULT_THREADS, self.target.cores), rule("threads"))
        elif option.rule == "run_mode":
            self._default_run_mode(option, run_mode)
        elif option.rule == "trt_settings":
            # PaddleX has some for the new IR, and only TensorRT reads them.
            reads = str(self.result.config["run_mode"]).startswith("trt") and self.result.config["enable_new_ir"]
            settings = knowledge.trt_settings(self.module.model_name) if reads else {}
            put(key, settings, rule("trt_settings"))
        elif option.rule == "new_ir":
            put(key, not knowledge.blocked("new_ir", self.module.model_name), rule("new_ir"))
        elif option.rule == "one_size":
            contract = tasks.find(self.module.module_name)
            put(key, contract is not None and contract.is_one_size, rule("one_size"))
        elif not option.rule and option.default is not None:
            put(key, option.default, default(self.backend.name))

    def _default_run_mode(self, option: Option, run_mode: Traced | None) -> None:
        # A `run_mode: null` asks for the default, whatever the ranking says.
        if run_mode is None or "run_mode" in self.given:
            mode = regular_run_mode(self.module.model_name, self.device, self.target)
            run_mode = Traced(mode, rule("run_mode"))
        problem = fault("run_mode", option, run_mode.value)
        if problem is not None:
            self._fail(problem, run_mode.origin.labels())
        self.result.put("run_mode", run_mode.value, run_mode.origin)

    def _from_model(self, dotted: str) -> Any:
        explicit = self.module.keys.get("hpi_info")
        value: Any = explicit.value if explicit else self.module.facts and self.module.facts.hpi
        for part in ("backend_configs", *dotted.split(".")):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    # -- what must agree -----------------------------------------------------------------------

    def _settle_run_mode(self) -> None:
        """Refuse a run mode that is for another device; leave one that PaddleX keeps the model away from."""
        mode, origin = str(self.result.config["run_mode"]), self.result.origins["run_mode"]
        if mode == "paddle_fp32":
            self.result.put("run_mode", "paddle", origin)
        kind = mode.partition("_")[0]
        needed = {"mkldnn": "cpu", "trt": "gpu"}.get(kind, self.device)
        if needed != self.device:
            self._fail(f"the run mode `{mode}` is for a {needed}, and the device is a {self.device}", origin.labels())
            return
        feature = {"mkldnn": "mkldnn", "trt": "tensorrt"}.get(kind)
        if feature is not None and knowledge.blocked(feature, self.module.model_name):
            self.result.found.append(
                warning(
                    Code.RUN_MODE_BLOCKED,
                    f"{self.module.address}: PaddleX keeps `{self.module.model_name}` away from {feature}, so its run "
                    f"mode is `paddle`, not `{mode}`",
                    *origin.labels(),
                )
            )
            self.result.put("run_mode", "paddle", origin)

    def _agree_on_precision(self) -> None:
        """Make Paddle's run mode and precision say the same; the run mode's suffix names the precision."""
        result = self.result
        base, _, suffix = str(result.config["run_mode"]).partition("_")
        wanted = result.config.get("precision")
        if wanted is None or wanted == (suffix or "fp32"):
            result.put("precision", suffix or "fp32", result.origins["run_mode"])
            return
        if "run_mode" not in self.given:
            mode = f"{base}_{wanted}" if wanted != "fp32" or base == "trt" else base
            if mode in self.backend.options["run_mode"].one_of:
                result.put("run_mode", mode, result.origins["precision"])
                return
        message = f"`precision: {wanted}` does not go with the run mode `{result.config['run_mode']}`"
        self._fail(message, self.given["precision"].origin.labels(), "leave one of the two out")

    def _check_half_precision(self) -> None:
        """Refuse fp16 on a CPU, where Paddle would run fp32 without a word."""
        origin = self.result.origins["run_mode"]
        if self.result.config["run_mode"] == "paddle_fp16" and self.device == "cpu":
            self._fail("the run mode `paddle_fp16` is for a gpu, and the device is a cpu", origin.labels())

    def _check_calibration(self) -> None:
        """Refuse int8 without the samples that say how far the numbers of the model reach."""
        if self.backend.int8 is None or self.result.config.get("precision") != "int8":
            return
        if "calibration" not in self.result.config:
            self._fail(
                "`precision: int8` needs `calibration`, the digest of samples of the model's input",
                self.result.origins["precision"].labels(),
                help="`hpi-bench --candidates` collects samples, and `--profile` chooses int8 where it is worth it",
            )

    def _check_shapes(self) -> None:
        for key, option in self.backend.options.items():
            value = self.result.config.get(key)
            if option.items not in ("shapes", "values") or not isinstance(value, dict):
                continue
            if option.items == "shapes":
                problems = shapes.shapes(value, self._inputs(), self.module.batch_size)
            else:
                problems = shapes.values(value, self.result.config.get("trt_dynamic_shapes", {}))
            self._report_shapes(key, problems)

    def _report_shapes(self, key: str, problems: Iterable[shapes.Problem]) -> None:
        origin = self.result.origins[key]
        for problem in problems:
            below = self.module.keys.get(f"{_SECTION}.{key}.{problem.input}")
            place = below.origin if below is not None and key in self.given else origin
            where = f" ({origin.recorded})" if origin.span is None else ""
            self._fail(f"`{key}` of the input `{problem.input}` {problem.message}{where}", place.labels())

    def _inputs(self) -> Tensors | None:
        facts = self.module.facts
        if facts is None:
            return None
        form = next((item for item in (*self.backend.formats, "paddle") if item in facts.formats), "")
        return dict(facts.inputs.get(form, {})) or None

    def _check_threads(self) -> None:
        key = option_of(self.backend.name, THREADS)
        origin = None if key is None else self.result.origins.get(key)
        threads: Any = value_of(self.backend.name, self.result.config, THREADS) or 0
        if threads > self.target.cores and origin is not None and origin.span is not None:
            self.result.found.append(
                warning(
                    Code.THREADS_EXCEED_CORES,
                    f"{threads} threads, but the target has {self.target.cores} cores",
                    *origin.labels(),
                    help="leave the option out to use as many as there are, 8 at most",
                )
            )

    def _fail(self, message: str, labels: tuple[Label, ...], help: str | None = None) -> None:
        text = f"{self.module.address}: {message}"
        self.result.found.append(error(Code.BACKEND_CONFIG_INVALID, text, *labels, help=help))
