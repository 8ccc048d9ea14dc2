"""share: modules with the same model and engine run it in one session, which costs memory and loading once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas.device import CPU

from hpi_planner.diagnostics.model import Code, Label, error
from hpi_planner.ir import Ir, Module
from hpi_planner.paddlex.legal_keys import SHARE


@dataclass(frozen=True)
class Share:
    """Finds modules that can use the session of another.

    On a CPU a second session would only compete for the same cores; on other devices nobody has measured that sharing
    is no slower, and there it is left alone.
    """

    name: str = "share"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``session``, unless the YAML says ``share_sessions: false``."""
        if ir.tree is None:
            return ir
        wanted = ir.tree.get((SHARE,))
        if wanted is not None and not isinstance(wanted, bool):
            label = Label(ir.tree.span((SHARE,)))
            return ir.report(error(Code.SETTING_INVALID, f"`{SHARE}` must be true or false, not `{wanted}`", label))
        if wanted is False:
            return ir
        first: list[Module] = []
        modules: list[Module] = []
        for module in ir.modules:
            owner = next((one for one in first if _are_same(one, module)), None)
            if owner is None:
                first.append(module)
            modules.append(module if owner is None else replace(module, session=owner.address))
        return replace(ir, modules=tuple(modules))


def _are_same(one: Module, other: Module) -> bool:
    if one.engine is None or one.device != CPU or one.facts is None or other.facts is None:
        return False
    same = (one.engine, one.fallback, one.device) == (other.engine, other.fallback, other.device)
    return same and _files(one) == _files(other)


def _files(module: Module) -> Mapping[str, Any]:
    """Return the digests of what engines read; where the folder is does not matter."""
    assert module.engine is not None and module.facts is not None
    return {engine.format: module.facts.files[engine.format] for engine in (module.engine, *module.fallback)}
