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
from hpi_schemas.target import Target

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Findings, Label, Severity, error, has_errors, note
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir, ModelFacts, Module, Origin, Traced, rule
from hpi_planner.paddlex import engine_names, ranking
from hpi_planner.select import options, prepare_steps

# Reasons for a backend not chosen; plan.schema.json enumerates them.
DEVICE_MISMATCH = "DEVICE_MISMATCH"
MODEL_FORMAT_MISSING = "MODEL_FORMAT_MISSING"
CONVERSION_OFF = "CONVERSION_OFF"
CONVERTER_MISSING = "CONVERTER_MISSING"
CONVERSION_UNSUPPORTED = "CONVERSION_UNSUPPORTED"
NOT_INSTALLED = "NOT_INSTALLED"
NOT_RANKED = "NOT_RANKED"
RANKED_LOWER = "RANKED_LOWER"
NOT_REQUESTED = "NOT_REQUESTED"
MEASURED_SLOWER = "MEASURED_SLOWER"
MEASURED_INACCURATE = "MEASURED_INACCURATE"
MEASURED_FAULTY = "MEASURED_FAULTY"
NOT_MEASURED = "NOT_MEASURED"
REGULAR_INFERENCE = "REGULAR_INFERENCE"

WHY = {
    DEVICE_MISMATCH: "it does not run on this device",
    MODEL_FORMAT_MISSING: "the model is not there in a format that it loads",
    CONVERSION_OFF: "the model would have to be converted, and `auto_paddle2onnx` is off",
    CONVERSION_UNSUPPORTED: "the model would have to be converted, and paddle2onnx is known not to",
    CONVERTER_MISSING: "the model would have to be converted, and the target has no paddle2onnx",
    NOT_INSTALLED: "the target does not have it",
    NOT_RANKED: "PaddleX's prior knowledge does not rank it for this model",
    RANKED_LOWER: "another is ranked higher for this model",
    NOT_REQUESTED: "another was asked for",
    MEASURED_SLOWER: "the profile has another that is faster",
    MEASURED_INACCURATE: "the profile has no answers of it that are accurate enough",
    MEASURED_FAULTY: "it failed when the profile was made",
    NOT_MEASURED: "the profile does not have it",
    REGULAR_INFERENCE: "high-performance inference is off here",
}


# An engine, and where its options come from.
Variant = tuple[EngineRecord, Mapping[str, Origin]]


class Choice:
    """The decision for one module."""

    def __init__(self, ir: Ir, module: Module, target: Target, read: dict[str, Any]) -> None:
        self.module = module
        self.target = target
        self.found = Findings()
        self._read = read
        self._device = self._module_device(ir)
        self._kind = self._device.kind
        assert module.facts is not None
        self._facts: ModelFacts = module.facts

    def decide(self) -> Module:
        """Return the module with its engine, or broken if there is none."""
        if has_errors(self.found):
            return self._broken()
        if self.module.paddlex_engine.value == engine_names.PADDLE and not self.module.keys:
            return self._regular()
        requested = self._value("backend", None)
        if requested is not None and str(requested) not in load_all():
            self._fail(
                Code.BACKEND_UNKNOWN,
                f"there is no backend `{requested}`",
                "hpi_config.backend",
                did_you_mean(requested, load_all()),
            )
            return self._broken()
        if not self._value("auto_config", True):
            return self._manual(requested)
        return self._automatic(requested)

    # -- three ways to decide ------------------------------------------------------------------

    def _regular(self) -> Module:
        others = dict.fromkeys(load_all(), REGULAR_INFERENCE)
        if "paddle" in self._facts.formats:
            name = "paddle"
        elif "onnx" in self._facts.formats:
            name = "onnxruntime"
        else:
            self._fail(Code.MODEL_FORMAT_MISSING, "regular inference needs a Paddle or an ONNX model", "use_hpip")
            return self._broken()
        if self._kind not in load_all()[name].devices:
            self._fail(
                Code.BACKEND_UNAVAILABLE,
                f"regular inference of an ONNX model needs {load_all()[name].title}, which does not run on this device "
                f"(`{self._device}`)",
                "use_hpip",
                help="bring the model in Paddle's format, or `inference.om` with `use_hpip: true`; or `--device cpu`",
            )
            return self._broken()
        if self._installed(name) is None:
            extra = load_all()[name].extra
            self._fail(
                Code.BACKEND_UNAVAILABLE,
                f"regular inference needs {load_all()[name].title}, which the target does not have",
                "use_hpip",
                help=f"`{install(extra)}` there; or `use_hpip: true`, with `{install('convert')}` if the model has no "
                "ONNX file",
            )
            return self._broken()
        if name != "paddle":
            self._note_onnx()
        given = options.given(self.module.kernel_option) if name == "paddle" else {}
        return self._with_engine(load_all()[name], None, rule("regular"), others, given)

    def _manual(self, requested: str | None) -> Module:
        if requested is None:
            self._fail(
                Code.BACKEND_REQUIRED,
                "`auto_config: false` needs a `backend`",
                "hpi_config.auto_config",
                help="add `backend: openvino` (or another) to the same `hpi_config`",
            )
            return self._broken()
        backend = load_all()[requested]
        reason = self._unavailable(backend)
        if reason is not None:
            self._fail_backend(requested, reason)
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
        reasons = {name: self._unavailable(backend) for name, backend in load_all().items()}
        if requested is not None and reasons[requested] is not None:
            return self._refuse_backend(requested, reasons[requested])
        if all(reasons.values()):
            self._fail_all(reasons)
            return self._broken()
        try:
            entries, ranked_by = self._ranking()
        except ranking.NoRankingError as fault:
            self._fail_unranked(str(fault), requested, reasons)
            self._check_options(requested)
            return self._broken()
        usable = [entry for entry in entries if reasons[ranking.backend_of(entry)] is None]
        for name, reason in reasons.items():
            if reason is None and name not in map(ranking.backend_of, usable):
                reasons[name] = NOT_RANKED
        if requested is not None and reasons[requested] is not None:
            return self._refuse_backend(requested, reasons[requested])
        candidates = [entry for entry in usable if requested in (None, ranking.backend_of(entry))]
        if not candidates:
            self._fail_all(reasons)
            return self._broken()
        backend = load_all()[ranking.backend_of(candidates[0])]
        if backend.name == "paddle" and self._refuses_run_mode(candidates):
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
        requested = self._value("backend", None)
        names = load_all() if requested is None else [str(requested)]
        blocked = "tensorrt" if knowledge.blocked("tensorrt", self.module.model_name) and requested is None else None
        return [name for name in names if name != blocked and self._unavailable(load_all()[name]) is None]

    def given(self) -> Mapping[str, Traced]:
        """Return the options that the configuration gives."""
        return options.given(self.module.keys)

    def variant(self, backend: Backend, run_mode: Traced | None, tried: Mapping[str, Traced]) -> Variant | None:
        """Return the module's engine on a backend with options that the configuration leaves open, and their origins.

        None if they do not go together, or the target lacks a tool that they need.
        """
        resolved = options.resolve(self.module, backend, self._kind, self.target, run_mode, {**self.given(), **tried})
        if has_errors(resolved.found) or self._missing_tool(backend, resolved.config) is not None:
            return None
        return self._engine(backend, resolved.config), resolved.origins

    @property
    def kind(self) -> str:
        """The kind of device that the module runs on."""
        return self._kind

    # -- facts ---------------------------------------------------------------------------------

    def _module_device(self, ir: Ir) -> Device:
        assert ir.bound_device is not None
        number = self._value("device_id", None)
        kind = self._value("device_type", None if number is None else ir.bound_device.kind)
        if ir.device is not None or kind is None:
            return ir.bound_device
        text = kind if number is None or kind == "cpu" else f"{kind}:{number}"
        try:
            parsed = parse_device(str(text))
        except ValueError as fault:
            self._fail(Code.DEVICE_INVALID, str(fault), "hpi_config.device_type")
            return ir.bound_device
        count = {"cpu": 1, "gpu": len(self.target.gpus), "npu": self.target.npus}.get(parsed.kind, 0)
        if parsed.number >= count:
            self._fail(Code.DEVICE_MISSING, f"the target has no `{text}`", "hpi_config.device_type")
        return parsed.at(parsed.number)

    def _value(self, key: str, default: Any) -> Any:
        item = self.module.keys.get(key)
        return default if item is None else item.value

    def _installed(self, name: str) -> str | None:
        version = self.target.backends.get(name)
        self._read.setdefault("backends", {})[name] = version
        return version

    def _unavailable(self, backend: Backend) -> str | None:
        """Return why a backend cannot run this model on this target, or None if it can."""
        if self._kind not in backend.devices:
            return DEVICE_MISMATCH
        if not set(backend.formats) & set(self._facts.formats):
            if not backend.converts or "paddle" not in self._facts.formats:
                return MODEL_FORMAT_MISSING
            if not self._value("auto_paddle2onnx", True):
                return CONVERSION_OFF
            version = self.target.tools.get("paddle2onnx")
            self._read.setdefault("tools", {})["paddle2onnx"] = version
            if version is None:
                return CONVERTER_MISSING
            if self._unconvertible(version) is not None:
                return CONVERSION_UNSUPPORTED
        return NOT_INSTALLED if self._installed(backend.name) is None else None

    def _unconvertible(self, paddle2onnx: str) -> str | None:
        return knowledge.unconvertible(self.module.model_name, paddle2onnx, self._facts.double_lists)

    def _ranking(self) -> tuple[list[str], str]:
        """Return the ranked entries that may be considered, and the name of the rule."""
        name = str(self._value("model_name", self.module.model_name))
        environment, same_machine = ranking.environment(self._kind, self.target)
        table, same_paddle = ranking.table(self._installed("paddle"))
        entries = None if environment is None else knowledge.ranking(environment, table, name)
        if entries is None:
            self._note_ranking(f"PaddleX has no ranking for `{name}` on this device; the generic order counts")
            entries, ranked_by = knowledge.GENERIC_ORDER[self._kind], f"generic/{self._kind}"
        else:
            ranked_by = f"{environment}/{table}"
            if not (same_machine and same_paddle):
                what = "this version of Paddle" if same_machine else "this kind of machine"
                self._note_ranking(f"PaddleX has no ranking for {what}; `{environment}/{table}` is the nearest")
        # fp16 is never chosen by a ranking: it counts as its fp32 form.
        plain = dict.fromkeys(entry.removesuffix("_fp16") for entry in entries)
        return [entry for entry in plain if self._allowed(entry, name)], ranked_by

    def _allowed(self, entry: str, model: str) -> bool:
        if entry == "paddle_mkldnn":
            return self._kind == "cpu" and self._paddle_can("mkldnn") and not knowledge.blocked("mkldnn", model)
        if entry == "paddle_tensorrt":
            return self._kind == "gpu" and self._paddle_can("tensorrt") and not knowledge.blocked("tensorrt", model)
        return entry != "tensorrt" or not knowledge.blocked("tensorrt", model)

    def _paddle_can(self, feature: str) -> bool:
        if feature == "tensorrt":
            self._installed("tensorrt")
        return self.target.paddle_can(feature)

    def _refuse_backend(self, requested: str, reason: str | None) -> Module:
        self._fail_backend(requested, reason)
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

    def _refuses_run_mode(self, candidates: list[str]) -> bool:
        """Report a run mode that Paddle is not ranked with for this model, as PaddleX does."""
        key = "backend_config.run_mode"
        if key in self.module.keys and self.module.keys[key].value is None:
            self._fail(
                Code.BACKEND_CONFIG_INVALID, "`run_mode: null` names no run mode", f"hpi_config.{key}", "leave it out"
            )
            return True
        wanted = str(self._value(key, None) or "paddle").partition("_")[0]
        entry = {"mkldnn": "paddle_mkldnn", "trt": "paddle_tensorrt"}.get(wanted)
        if entry is None or entry in candidates:
            return False
        self._fail(
            Code.BACKEND_UNAVAILABLE,
            f"Paddle's run mode `{self._value(key, None)}` is not ranked for `{self.module.model_name}` on this target",
            f"hpi_config.{key}",
            help="leave `run_mode` out, or set `auto_config: false` beside `backend: paddle` to take it all the same",
        )
        return True

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
        tool = self._missing_tool(backend, resolved.config)
        if has_errors(resolved.found) or tool is not None:
            if tool is not None:
                self._fail_tool(backend, str(resolved.config["precision"]), tool)
            return self._broken()
        fallback = self._fallback(backend)
        origins = {f"engine.config.{key}": item for key, item in resolved.origins.items()}
        return replace(
            self.module,
            engine=self._engine(backend, resolved.config),
            fallback=fallback,
            not_chosen={name: reason for name, reason in reasons.items() if name != backend.name},
            origins={**self.module.origins, **origins, "engine.backend": origin},
            device=self._device,
        )

    def _engine(self, backend: Backend, config: Mapping[str, Any]) -> EngineRecord:
        direct = [form for form in backend.formats if form in self._facts.formats]
        form = direct[0] if direct else "paddle"
        prepare = prepare_steps.steps(backend, config, not direct, self._facts.files[form], self.target)
        return EngineRecord(backend.name, config, prepare, form)

    def _missing_tool(self, backend: Backend, config: Mapping[str, Any]) -> str | None:
        """Return the tool that a precision needs and the target does not have, None if nothing is missing."""
        tool = prepare_steps.precision_tool(backend, config, self.target)
        if tool is None:
            return None
        version = self.target.tools.get(tool)
        self._read.setdefault("tools", {})[tool] = version
        return tool if version is None else None

    def _fail_tool(self, backend: Backend, precision: str, tool: str) -> None:
        self._fail(
            Code.BACKEND_UNAVAILABLE,
            f"{backend.title} runs {precision} only with a model converted to it, and the target has no {tool}",
            "hpi_config.backend_config.precision",
            help=f"`pip install {tool}` there; or `precision: fp32`",
        )

    def _fallback(self, chosen: Backend) -> tuple[EngineRecord, ...]:
        names = self._value("on_failure", None)
        if names is None:
            return ()
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            self._fail(Code.FALLBACK_INVALID, "`on_failure` must be a list of backends", "hpi_config.on_failure")
            return ()
        found: list[EngineRecord] = []
        for name in dict.fromkeys(names):
            backend = load_all().get(name)
            if backend is None:
                self._fail(
                    Code.FALLBACK_INVALID,
                    f"there is no backend `{name}`",
                    "hpi_config.on_failure",
                    did_you_mean(name, load_all()),
                )
                continue
            reason = self._unavailable(backend)
            if reason is not None:
                self._fail(Code.FALLBACK_INVALID, f"cannot fall back on {name}: {WHY[reason]}", "hpi_config.on_failure")
            elif backend.name != chosen.name:
                resolved = options.resolve(self.module, backend, self._kind, self.target, None, {})
                self.found.extend(resolved.found)
                found.append(self._engine(backend, resolved.config))
        return tuple(found)

    def _broken(self) -> Module:
        return replace(self.module, broken=True)

    def _labels(self, key: str) -> tuple[Label, ...]:
        item = self.module.keys.get(key.removeprefix("hpi_config."))
        origin = item.origin if item else self.module.origins.get(key)
        if origin is None or origin.span is None:
            # Nobody named it: what asked for high-performance inference stands for it.
            origin = self.module.paddlex_engine.origin
        return origin.labels() or self.module.origins["model_name"].labels()

    def _fail(self, code: Code, message: str, key: str, help: str | None = None) -> None:
        self.found.append(error(code, f"{self.module.address}: {message}", *self._labels(key), help=help))

    def _fail_backend(self, name: str, reason: str | None) -> None:
        why = WHY[reason or NOT_RANKED]
        if reason == CONVERSION_UNSUPPORTED:
            why = f"{why}: {self._unconvertible(self.target.tools['paddle2onnx'] or '')}"
        self._fail(
            Code.BACKEND_UNAVAILABLE,
            f"{load_all()[name].title} cannot run `{self.module.model_name}`: {why}",
            "hpi_config.backend",
            help=self._mend(name, reason),
        )

    @property
    def _section(self) -> str:
        """The address of the configuration that counts, for help texts."""
        config = self.module.engine_config
        if config is None:
            return f"{self.module.address}.hpi_config"
        bucket = f".{engine_names.HPI}" if engine_names.HPI in config else ""
        return f"{self.module.address}.engine_config{bucket}"

    def _mend(self, name: str, reason: str | None) -> str:
        automatic = f"`-o {self._section}.backend=null` chooses automatically"
        if self.module.paddlex_engine.value != engine_names.HPI:
            automatic = f"`-o {self.module.address}.engine=hpi` chooses automatically"
        if reason == NOT_RANKED:
            return f"{automatic}; `-o {self._section}.auto_config=false` takes it all the same"
        if reason == NOT_INSTALLED:
            return f"`{install(load_all()[name].extra)}` there; {automatic}"
        if reason == CONVERTER_MISSING:
            return f"`{install('convert')}` there; {automatic}"
        return automatic

    def _fail_all(self, reasons: Mapping[str, str | None]) -> None:
        listed = "; ".join(f"{name}: {WHY[reason]}" for name, reason in reasons.items() if reason)
        by_reason = {reason: name for name, reason in reversed(list(reasons.items())) if reason}
        off = f"`-o {self.module.address}.use_hpip=false`"
        if self.module.engine_given is not None:
            off = f"`-o {self.module.address}.engine=null`"
        if NOT_RANKED in by_reason:
            backend = by_reason[NOT_RANKED]
            first = f"`-o '{self._section}={{auto_config: false, backend: {backend}}}'` takes it all the same"
        elif self._kind == "npu":
            first = "put `inference.om`, made for that NPU, beside the model"
        elif CONVERTER_MISSING in by_reason:
            first = f"`{install('convert')}` on the target converts the model"
        elif NOT_INSTALLED in by_reason:
            backend = by_reason[NOT_INSTALLED]
            first = f"`{install(load_all()[backend].extra)}` on the target brings {backend}"
        else:
            first = "bring the model in another format"
        self._fail(
            Code.BACKEND_UNAVAILABLE,
            f"no backend can run `{self.module.model_name}` ({listed})",
            "hpi_config.backend",
            help=f"{first}; {off} leaves it to regular inference",
        )

    def _fail_unranked(self, why: str, requested: str | None, reasons: Mapping[str, str | None]) -> None:
        able = [name for name, reason in reasons.items() if reason is None]
        name = requested if requested in able else able[0] if able else None
        self._fail(
            Code.RANKING_MISSING,
            f"PaddleX's prior knowledge has nothing for this target: {why}",
            "hpi_config.backend",
            help=None
            if name is None
            else f"`-o '{self._section}={{auto_config: false, backend: {name}}}'` takes one all the same",
        )

    def _note_onnx(self) -> None:
        self.found.append(
            note(
                Code.REGULAR_INFERENCE,
                f"{self.module.address}: `use_hpip` is off; the model exists only as ONNX, so ONNX Runtime runs it",
                *self._labels("use_hpip"),
            )
        )

    def _note_ranking(self, message: str) -> None:
        self.found.append(note(Code.MODEL_UNKNOWN, f"{self.module.address}: {message}", *self._labels("use_hpip")))
