"""What people are told where a module cannot have the backend that it asks for, or none: the reason and the mend."""

from __future__ import annotations

from collections.abc import Mapping

from hpi_schemas.backends import Backend, load_all
from hpi_schemas.packages import install

from hpi_planner.diagnostics.model import Code, Findings, Label, error, note
from hpi_planner.ir import Module
from hpi_planner.paddlex import engine_names
from hpi_planner.select.availability import Availability
from hpi_planner.select.facts import TargetFacts
from hpi_planner.select.reasons import CONVERSION_UNSUPPORTED, CONVERTER_MISSING, NOT_INSTALLED, NOT_RANKED, WHY


class Refusals:
    """Collects diagnostics about one module.

    Attributes:
        found: they.
    """

    def __init__(self, module: Module) -> None:
        """Begin with none."""
        self.found = Findings()
        self._module = module

    def fail(self, code: Code, message: str, key: str, help: str | None = None) -> None:
        """Report an error at a key of the configuration, or at what stands for it."""
        self.found.append(error(code, f"{self._module.address}: {message}", *self._labels(key), help=help))

    def tool_missing(self, backend: Backend, precision: str, tool: str) -> None:
        """Report a tool that a precision needs and the target does not have."""
        self.fail(
            Code.BACKEND_UNAVAILABLE,
            f"{backend.title} runs {precision} only with a model converted to it, and the target has no {tool}",
            "hpi_config.backend_config.precision",
            help=f"`pip install {tool}` there; or `precision: fp32`",
        )

    def backend(self, name: str, reason: str | None, availability: Availability, facts: TargetFacts) -> None:
        """Report a backend that was asked for and cannot be had."""
        why = WHY[reason or NOT_RANKED]
        if reason == CONVERSION_UNSUPPORTED:
            why = f"{why}: {availability.unconvertible(name, facts.tool('paddle2onnx') or '')}"
        self.fail(
            Code.BACKEND_UNAVAILABLE,
            f"{load_all()[name].title} cannot run `{self._module.model_name}`: {why}",
            "hpi_config.backend",
            help=self._mend(name, reason),
        )

    @property
    def _section(self) -> str:
        """The address of the configuration that counts, for help texts."""
        config = self._module.engine_config
        if config is None:
            return f"{self._module.address}.hpi_config"
        bucket = f".{engine_names.HPI}" if engine_names.HPI in config else ""
        return f"{self._module.address}.engine_config{bucket}"

    def _mend(self, name: str, reason: str | None) -> str:
        automatic = f"`-o {self._section}.backend=null` chooses automatically"
        if self._module.paddlex_engine.value != engine_names.HPI:
            automatic = f"`-o {self._module.address}.engine=hpi` chooses automatically"
        if reason == NOT_RANKED:
            return f"{automatic}; `-o {self._section}.auto_config=false` takes it all the same"
        if reason == NOT_INSTALLED:
            return f"`{install(load_all()[name].extra)}` there; {automatic}"
        if reason == CONVERTER_MISSING:
            return f"`{install('convert')}` there; {automatic}"
        return automatic

    def every_backend(self, reasons: Mapping[str, str | None], kind: str) -> None:
        """Report that no backend can be had."""
        listed = "; ".join(f"{name}: {WHY[reason]}" for name, reason in reasons.items() if reason)
        by_reason = {reason: name for name, reason in reversed(list(reasons.items())) if reason}
        off = f"`-o {self._module.address}.use_hpip=false`"
        if self._module.engine_given is not None:
            off = f"`-o {self._module.address}.engine=null`"
        if NOT_RANKED in by_reason:
            backend = by_reason[NOT_RANKED]
            first = f"`-o '{self._section}={{auto_config: false, backend: {backend}}}'` takes it all the same"
        elif kind == "npu":
            first = "put `inference.om`, made for that NPU, beside the model"
        elif CONVERTER_MISSING in by_reason:
            first = f"`{install('convert')}` on the target converts the model"
        elif NOT_INSTALLED in by_reason:
            backend = by_reason[NOT_INSTALLED]
            first = f"`{install(load_all()[backend].extra)}` on the target brings {backend}"
        else:
            first = "bring the model in another format"
        self.fail(
            Code.BACKEND_UNAVAILABLE,
            f"no backend can run `{self._module.model_name}` ({listed})",
            "hpi_config.backend",
            help=f"{first}; {off} leaves it to regular inference",
        )

    def unranked(self, why: str, requested: str | None, reasons: Mapping[str, str | None]) -> None:
        """Report that prior knowledge has nothing for this target."""
        able = [name for name, reason in reasons.items() if reason is None]
        name = requested if requested in able else able[0] if able else None
        self.fail(
            Code.RANKING_MISSING,
            f"PaddleX's prior knowledge has nothing for this target: {why}",
            "hpi_config.backend",
            help=None
            if name is None
            else f"`-o '{self._section}={{auto_config: false, backend: {name}}}'` takes one all the same",
        )

    def refuses_run_mode(self, candidates: list[str]) -> bool:
        """Report a run mode that Paddle is not ranked with for this model, as PaddleX does."""
        key = "backend_config.run_mode"
        if key in self._module.keys and self._module.keys[key].value is None:
            self.fail(
                Code.BACKEND_CONFIG_INVALID, "`run_mode: null` names no run mode", f"hpi_config.{key}", "leave it out"
            )
            return True
        wanted = str(self._module.asked(key) or "paddle").partition("_")[0]
        entry = {"mkldnn": "paddle_mkldnn", "trt": "paddle_tensorrt"}.get(wanted)
        if entry is None or entry in candidates:
            return False
        mode, model = self._module.asked(key), self._module.model_name
        self.fail(
            Code.BACKEND_UNAVAILABLE,
            f"Paddle's run mode `{mode}` is not ranked for `{model}` on this target",
            f"hpi_config.{key}",
            help="leave `run_mode` out, or set `auto_config: false` beside `backend: paddle` to take it all the same",
        )
        return True

    def note_onnx(self) -> None:
        """Note that regular inference takes ONNX Runtime."""
        self.found.append(
            note(
                Code.REGULAR_INFERENCE,
                f"{self._module.address}: `use_hpip` is off; the model exists only as ONNX, so ONNX Runtime runs it",
                *self._labels("use_hpip"),
            )
        )

    def note_ranking(self, message: str) -> None:
        """Note what the ranking is that counts."""
        self.found.append(note(Code.MODEL_UNKNOWN, f"{self._module.address}: {message}", *self._labels("use_hpip")))

    def _labels(self, key: str) -> tuple[Label, ...]:
        item = self._module.keys.get(key.removeprefix("hpi_config."))
        origin = item.origin if item else self._module.origins.get(key)
        if origin is None or origin.span is None:
            # Nobody named it: what asked for high-performance inference stands for it.
            origin = self._module.paddlex_engine.origin
        return origin.labels() or self._module.origins["model_name"].labels()
