"""serving: what the YAML says of the server, frozen into the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas.plan import serving
from hpi_schemas.settings import fault

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, error, warning
from hpi_planner.ir import Ir
from hpi_planner.syntax.tree import Path, Tree

SERVING, _EXTRA = "Serving", "extra"
_OF_EXTRA = (serving.MOST_PAGES, serving.LARGEST)


@dataclass(frozen=True)
class Serving:
    """Reads `Serving`, as PaddleX's server does."""

    name: str = "serving"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``serving`` where the YAML of a pipeline has it."""
        if ir.tree is None or ir.pipeline is None or ir.tree.get((SERVING,)) is None:
            return ir
        given = dict(_given(ir.tree))
        faults = [item for path, value in given.items() if (item := _fault(ir.tree, path, value)) is not None]
        if faults:
            return ir.report(*faults)
        known = {path[-1]: value for path, value in given.items() if path[-1] in serving.SETTINGS}
        return replace(ir, serving=serving.read(known)).report(*_idle(ir.tree, given))


def _given(tree: Tree) -> Iterator[tuple[Path, Any]]:
    """Yield what is said, key by key."""
    node = tree.get((SERVING,))
    if not isinstance(node, Mapping):
        yield (SERVING,), node
        return
    for key, value in node.items():
        if key == _EXTRA and isinstance(value, Mapping):
            yield from (((SERVING, _EXTRA, str(name)), item) for name, item in value.items())
        elif not (key == _EXTRA and value is None):
            yield (SERVING, str(key)), value


def _is_known(path: Path) -> bool:
    return path[1:] == (serving.VISUALIZE,) or (path[1:2] == (_EXTRA,) and path[-1] in _OF_EXTRA)


def _fault(tree: Tree, path: Path, value: Any) -> Diagnostic | None:
    if path in ((SERVING,), (SERVING, _EXTRA)):
        wrong: str | None = "a mapping"
    else:
        wrong = fault(value, serving.SETTINGS[path[-1]]) if _is_known(path) else None
    if wrong is None:
        return None
    return error(Code.SETTING_INVALID, f"`{'.'.join(path)}` must be {wrong}", Label(tree.span(path)))


def _idle(tree: Tree, given: Mapping[Path, Any]) -> Iterator[Diagnostic]:
    """Yield what only PaddleX's server does: its storages, say, and URLs of what lies there."""
    for path, value in given.items():
        if not _is_known(path) and value not in (None, False):
            message = (
                f"`{'.'.join(path)}` is for PaddleX's server alone: hpi-serve answers with the pictures themselves"
            )
            yield warning(Code.SERVING_IDLE, message, Label(tree.key_span(path)))
