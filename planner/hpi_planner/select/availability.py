"""Which backends can run a module on a target, and in which order prior knowledge ranks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hpi_schemas.backends import Backend

from hpi_planner import knowledge
from hpi_planner.ir import ModelFacts, Module
from hpi_planner.paddlex import ranking
from hpi_planner.select import prepare_steps
from hpi_planner.select.facts import TargetFacts
from hpi_planner.select.reasons import (
    CONVERSION_OFF,
    CONVERSION_UNSUPPORTED,
    CONVERTER_MISSING,
    DEVICE_MISMATCH,
    MODEL_FORMAT_MISSING,
    NOT_INSTALLED,
)


class Availability:
    """What of the backends a module can have."""

    def __init__(self, module: Module, kind: str, facts: TargetFacts) -> None:
        """Take a module whose model is known, the kind of its device, and the target."""
        assert module.facts is not None
        self._module = module
        self._model: ModelFacts = module.facts
        self._kind = kind
        self._facts = facts

    def unavailable(self, backend: Backend) -> str | None:
        """Return why a backend cannot run this model on this target, or None if it can."""
        if self._kind not in backend.devices:
            return DEVICE_MISMATCH
        if not set(backend.formats) & set(self._model.formats):
            if not backend.converts or "paddle" not in self._model.formats:
                return MODEL_FORMAT_MISSING
            if not self._module.asked("auto_paddle2onnx", True):
                return CONVERSION_OFF
            version = self._facts.tool("paddle2onnx")
            if version is None:
                return CONVERTER_MISSING
            if self.unconvertible(backend.name, version) is not None:
                return CONVERSION_UNSUPPORTED
        return NOT_INSTALLED if self._facts.backend(backend.name) is None else None

    def unconvertible(self, backend: str, paddle2onnx: str) -> str | None:
        """Return why the model is known not to run on a backend when it is converted, None if nothing is known."""
        return knowledge.unconvertible(backend, self._module.model_name, paddle2onnx, self._model.double_lists)

    def missing_tool(self, backend: Backend, config: Mapping[str, Any]) -> str | None:
        """Return the tool that a precision needs and the target does not have, None if nothing is missing."""
        tool = prepare_steps.precision_tool(backend, config, self._facts.target)
        if tool is None:
            return None
        return tool if self._facts.tool(tool) is None else None

    def ranked(self) -> tuple[list[str], str, str]:
        """Return the ranked entries that may be considered, the name of the rule, and what to note, empty if nothing.

        Raises:
            NoRankingError: prior knowledge has nothing for this kind of target.
        """
        name = self._name
        environment, same_machine = ranking.environment(self._kind, self._facts.target)
        table, same_paddle = ranking.table(self._facts.backend("paddle"))
        entries = None if environment is None else knowledge.ranking(environment, table, name)
        if entries is None:
            note = f"PaddleX has no ranking for `{name}` on this device; the generic order counts"
            return self._plain(knowledge.GENERIC_ORDER[self._kind]), f"generic/{self._kind}", note
        note = ""
        if not (same_machine and same_paddle):
            what = "this version of Paddle" if same_machine else "this kind of machine"
            note = f"PaddleX has no ranking for {what}; `{environment}/{table}` is the nearest"
        return self._plain(entries), f"{environment}/{table}", note

    def generic(self) -> tuple[list[str], str, str]:
        """Return the same by the generic order, for where nothing that is ranked can be had."""
        name = self._name
        note = f"nothing that PaddleX ranks for `{name}` can be had here; the generic order counts"
        return self._plain(knowledge.GENERIC_ORDER[self._kind]), f"generic/{self._kind}", note

    @property
    def _name(self) -> str:
        """The model whose ranking counts."""
        return str(self._module.asked("model_name", self._module.model_name))

    def _plain(self, entries: Iterable[str]) -> list[str]:
        """Return the entries that may be considered; fp16 is never chosen by a ranking: it counts as its fp32 form."""
        plain = dict.fromkeys(entry.removesuffix("_fp16") for entry in entries)
        return [entry for entry in plain if self._allowed(entry, self._name)]

    def _allowed(self, entry: str, model: str) -> bool:
        feature = {"paddle_mkldnn": ("cpu", "mkldnn"), "paddle_tensorrt": ("gpu", "tensorrt")}.get(entry)
        if feature is not None:
            kind, name = feature
            return self._kind == kind and self._facts.paddle_can(name) and not knowledge.blocked(name, model)
        return entry != "tensorrt" or not knowledge.blocked("tensorrt", model)
