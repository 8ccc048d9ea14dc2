"""The choice of a backend for one module, with the reason, and a reason for each backend not chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hpi_schemas.backends import Backend, load_all
from hpi_schemas.device import Device
from hpi_schemas.device import parse as parse_device
from hpi_schemas.packages import install
from hpi_schemas.plan.model import EngineRecord

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Findings, Severity, has_errors
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir, Module, Origin, Traced, rule
from hpi_planner.paddlex import engine_names, ranking
from hpi_planner.select import options, prepare_steps
from hpi_planner.select.availability import Availability
from hpi_planner.select.facts import TargetFacts
from hpi_planner.select.reasons import NOT_RANKED, NOT_REQUESTED, RANKED_LOWER, WHY, regular
from hpi_planner.select.refusals import Refusals

# An engine, and where its options come from.
Variant = tuple[EngineRecord, Mapping[str, Origin]]


class Choice:
    """The decision for one module."""

    def __init__(self, ir: Ir, module: Module, facts: TargetFacts) -> None:
        """Take a module whose model is known.

        Args:
            ir: the pipeline's state.
            module: of it.
            facts: of the target; what is asked of them is recorded.
        """
        assert module.facts is not None
        self.module, self._model = module, module.facts
        self.target, self._facts = facts.target, facts
        self._tell = Refusals(module)
        self._device = self._module_device(ir)
        self._kind = self._device.kind
        self._availability = Availability(module, self._kind, facts)

    @property
    def found(self) -> Findings:
        """What there is to tell."""
        return self._tell.found

    def decide(self) -> Module:
        """Return the module with its engine, or broken if there is none."""
        if has_errors(self.found):
            return self._broken()
        if self.module.paddlex_engine.value == engine_names.PADDLE and not self.module.keys:
            return self._regular()
        requested = self.module.asked("backend")
        if requested is not None and str(requested) not in load_all():
            self._tell.fail(
                Code.BACKEND_UNKNOWN,
                f"there is no backend `{requested}`",
                "hpi_config.backend",
                did_you_mean(requested, load_all()),
            )
            return self._broken()
        if not self.module.asked("auto_config", True):
            return self._manual(requested)
        return self._automatic(requested)

    # -- three ways to decide ------------------------------------------------------------------

    def _regular(self) -> Module:
        others = regular(load_all(), self._model.formats)
        if "paddle" in self._model.formats:
            name = "paddle"
        elif "onnx" in self._model.formats:
            name = "onnxruntime"
        else:
            self._tell.fail(Code.MODEL_FORMAT_MISSING, "regular inference needs a Paddle or an ONNX model", "use_hpip")
            return self._broken()
        if self._kind not in load_all()[name].devices:
            self._tell.fail(
                Code.BACKEND_UNAVAILABLE,
                f"regular inference needs {load_all()[name].title} for ONNX, which does not run on {self._device}",
                "use_hpip",
                help="bring the model in Paddle's format, or `inference.om` with `use_hpip: true`; or `--device cpu`",
            )
            return self._broken()
        if self._facts.backend(name) is None:
            extra = load_all()[name].extra
            self._tell.fail(
                Code.BACKEND_UNAVAILABLE,
                f"regular inference needs {load_all()[name].title}, which the target does not have",
                "use_hpip",
                help=f"`{install(extra)}`; or `use_hpip: true`, with `{install('convert')}` without an ONNX file",
            )
            return self._broken()
        if name != "paddle":
            self._tell.note_onnx()
        given = options.given(self.module.kernel_option) if name == "paddle" else {}
        return self._with_engine(load_all()[name], None, rule("regular"), others, given)

    def _manual(self, requested: str | None) -> Module:
        if requested is None:
            self._tell.fail(
                Code.BACKEND_REQUIRED,
                "`auto_config: false` needs a `backend`",
                "hpi_config.auto_config",
                help="add `backend: openvino` (or another) to the same `hpi_config`",
            )
            return self._broken()
        backend = load_all()[requested]
        reason = self._availability.unavailable(backend)
        if reason is not None:
            self._refuse(requested, reason)
            return self._broken()
        others = dict.fromkeys(load_all(), NOT_REQUESTED)
        given = options.given(self.module.keys)
        if (
            self.module.paddlex_engine.value in (engine_names.PADDLE, engine_names.STATIC)
            and self.module.engine_config is None
        ):
            given = options.given(self.module.kernel_option)
        return self._with_engine(backend, None, self.module.keys["backend"].origin, others, given)

    def _automatic(self, requested: str | None) -> Module:
        reasons = {name: self._availability.unavailable(backend) for name, backend in load_all().items()}
        if requested is not None and reasons[requested] is not None:
            return self._refuse_backend(requested, reasons[requested])
        if all(reasons.values()):
            self._tell.every_backend(reasons, self._kind)
            return self._broken()
        try:
            entries, ranked_by, told = self._availability.ranked()
        except ranking.NoRankingError as fault:
            self._tell.unranked(str(fault), requested, reasons)
            self._check_options(requested)
            return self._broken()
        if requested is None and not ranking.usable(entries, reasons):
            entries, ranked_by, told = self._availability.generic()
        usable = ranking.usable(entries, reasons)
        if told:
            self._tell.note_ranking(told)
        for name, reason in reasons.items():
            if reason is None and name not in map(ranking.backend_of, usable):
                reasons[name] = NOT_RANKED
        if requested is not None and reasons[requested] is not None:
            return self._refuse_backend(requested, reasons[requested])
        candidates = [entry for entry in usable if requested in (None, ranking.backend_of(entry))]
        if not candidates:
            self._tell.every_backend(reasons, self._kind)
            return self._broken()
        backend = load_all()[ranking.backend_of(candidates[0])]
        if backend.name == "paddle" and self._tell.refuses_run_mode(candidates):
            self._check_options(requested)
            return self._broken()
        lower = NOT_REQUESTED if requested else RANKED_LOWER
        others = {name: reason or lower for name, reason in reasons.items()}
        origin = self.module.keys["backend"].origin if requested else rule(ranked_by)
        mode = ranking.run_mode(candidates[0])
        run_mode = None if mode is None else Traced(mode, rule(ranked_by))
        return self._with_engine(backend, run_mode, origin, others, options.given(self.module.keys))

    # -- what else could run it ------------------------------------------------------------------

    def feasible(self) -> list[str]:
        """Return the backends that could run the module as its configuration has it, ranked or not."""
        if self.module.paddlex_engine.value != engine_names.HPI:
            return []
        requested = self.module.asked("backend")
        names = load_all() if requested is None else [str(requested)]
        blocked = "tensorrt" if knowledge.blocked("tensorrt", self.module.model_name) and requested is None else None
        return [name for name in names if name != blocked and self._availability.unavailable(load_all()[name]) is None]

    def given(self) -> Mapping[str, Traced]:
        """Return the options that the configuration gives."""
        return options.given(self.module.keys)

    def variant(self, backend: Backend, run_mode: Traced | None, tried: Mapping[str, Traced]) -> Variant | None:
        """Return the module's engine on a backend with options that the configuration leaves open, and their origins.

        None if they do not go together, or the target lacks a tool that they need.
        """
        resolved = options.resolve(self.module, backend, self._kind, self.target, run_mode, {**self.given(), **tried})
        if has_errors(resolved.found) or self._availability.missing_tool(backend, resolved.config) is not None:
            return None
        return self.engine(backend, resolved.config), resolved.origins

    def engine(self, backend: Backend, config: Mapping[str, Any]) -> EngineRecord:
        """Return an engine of the module, with the prepare steps that its configuration needs."""
        direct = [form for form in backend.formats if form in self._model.formats]
        form = direct[0] if direct else "paddle"
        prepare = prepare_steps.steps(backend, config, not direct, self._model.files[form], self.target)
        return EngineRecord(backend.name, config, prepare, form)

    @property
    def kind(self) -> str:
        """The kind of device that the module runs on."""
        return self._kind

    # -- facts ---------------------------------------------------------------------------------

    def _module_device(self, ir: Ir) -> Device:
        assert ir.bound_device is not None
        number = self.module.asked("device_id")
        kind = self.module.asked("device_type", None if number is None else ir.bound_device.kind)
        if ir.device is not None or kind is None:
            return ir.bound_device
        text = kind if number is None or kind == "cpu" else f"{kind}:{number}"
        try:
            parsed = parse_device(str(text))
        except ValueError as fault:
            self._tell.fail(Code.DEVICE_INVALID, str(fault), "hpi_config.device_type")
            return ir.bound_device
        count = {"cpu": 1, "gpu": len(self.target.gpus), "npu": self.target.npus}.get(parsed.kind, 0)
        if parsed.number >= count:
            self._tell.fail(Code.DEVICE_MISSING, f"the target has no `{text}`", "hpi_config.device_type")
        return parsed.at(parsed.number)

    def _refuse(self, requested: str, reason: str | None) -> None:
        self._tell.backend(requested, reason, self._availability, self._facts)

    def _refuse_backend(self, requested: str, reason: str | None) -> Module:
        self._refuse(requested, reason)
        self._check_options(requested)
        return self._broken()

    def _check_options(self, requested: str | None) -> None:
        """Report what is wrong with the options of a backend that was asked for and cannot be had."""
        if requested is None:
            return
        backend = load_all()[requested]
        if self._kind in backend.devices:
            given = options.given(self.module.keys)
            resolved = options.resolve(self.module, backend, self._kind, self.target, None, given)
            self.found.extend(item for item in resolved.found if item.severity is Severity.ERROR)

    # -- results -------------------------------------------------------------------------------

    def _with_engine(
        self,
        backend: Backend,
        run_mode: Traced | None,
        origin: Origin,
        reasons: Mapping[str, str],
        given: Mapping[str, Traced],
    ) -> Module:
        resolved = options.resolve(self.module, backend, self._kind, self.target, run_mode, given)
        self.found.extend(resolved.found)
        tool = self._availability.missing_tool(backend, resolved.config)
        if has_errors(resolved.found) or tool is not None:
            if tool is not None:
                self._tell.tool_missing(backend, str(resolved.config["precision"]), tool)
            return self._broken()
        fallback = self._fallback(backend)
        origins = {f"engine.config.{key}": item for key, item in resolved.origins.items()}
        return replace(
            self.module,
            engine=self.engine(backend, resolved.config),
            fallback=fallback,
            not_chosen={name: reason for name, reason in reasons.items() if name != backend.name},
            origins={**self.module.origins, **origins, "engine.backend": origin},
            device=self._device,
        )

    def _fallback(self, chosen: Backend) -> tuple[EngineRecord, ...]:
        names = self.module.asked("on_failure")
        if names is None:
            return ()
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            self._tell.fail(Code.FALLBACK_INVALID, "`on_failure` must be a list of backends", "hpi_config.on_failure")
            return ()
        found: list[EngineRecord] = []
        for name in dict.fromkeys(names):
            backend = load_all().get(name)
            if backend is None:
                self._tell.fail(
                    Code.FALLBACK_INVALID,
                    f"there is no backend `{name}`",
                    "hpi_config.on_failure",
                    did_you_mean(name, load_all()),
                )
                continue
            reason = self._availability.unavailable(backend)
            if reason is not None:
                self._tell.fail(
                    Code.FALLBACK_INVALID, f"cannot fall back on {name}: {WHY[reason]}", "hpi_config.on_failure"
                )
            elif backend.name != chosen.name:
                resolved = options.resolve(self.module, backend, self._kind, self.target, None, {})
                self.found.extend(resolved.found)
                found.append(self.engine(backend, resolved.config))
        return tuple(found)

    def _broken(self) -> Module:
        return replace(self.module, broken=True)
