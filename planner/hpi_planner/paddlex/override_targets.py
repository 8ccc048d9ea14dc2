"""Does an override have something to act on? Nodes must exist, legal keys may be new."""

from __future__ import annotations

from typing import Any

from hpi_schemas.backends import load_all

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, Span, error
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.paddlex import legal_keys
from hpi_planner.paddlex.document import Document
from hpi_planner.syntax.tree import Path, Tree, dotted


def no_switch(path: Path, value: Tree) -> Diagnostic | None:
    """Return why a value is no switch where one is needed, None if all is well."""
    if path[-1] != "use_hpip" or value.value is None or isinstance(value.value, bool):
        return None
    message = f"`use_hpip` must be true or false, not `{value.value}`"
    return error(Code.OVERRIDE_INVALID, message, Label(value.shadow.span))


def unmatched(document: Document, tree: Tree, path: Path, span: Span) -> Diagnostic | None:
    """Return why an override of ``path``, which stands at ``span``, has nothing to act on; None if it has."""
    for depth, key in enumerate(path):
        place = path[:depth]
        here: Any = tree.get(place)
        if isinstance(here, list) and isinstance(key, int) and key < len(here):
            continue
        if here is not None and not isinstance(here, dict):
            return _no_match(path, f"`{dotted(place)}` is not a mapping", span, None)
        if isinstance(here, dict) and key in here:
            continue
        if here is None and depth and tree.has(place):
            help = f"set the whole of it: `-o {dotted(place)}={{{key}: …}}`"
            return _no_match(path, f"`{dotted(place)}` is null", span, help)
        allowed = document.keys_at(tree, place)
        is_node = place[-1:] in (("SubModules",), ("SubPipelines",)) or key in ("SubModules", "SubPipelines")
        if is_node or (allowed is not None and key not in allowed) or (not place[:1] and isinstance(key, int)):
            known = set(here or ()) | set(() if is_node else allowed or ())
            where = f"in `{dotted(place)}`" if place else "at the top level"
            help = _deeper(place, key) or did_you_mean(key, map(str, known))
            return _no_match(path, f"there is no `{key}` {where}", span, help)
        return None if place or allowed is not None else _no_match(path, f"there is no `{key}`", span, None)
    return None


def _deeper(place: Path, key: Any) -> str | None:
    """Return where a key belongs that was named a level or two too high."""
    if key in legal_keys.HPI_KEYS:
        return f"did you mean `{dotted((*place, 'hpi_config', key))}`?"
    if any(key in backend.options for backend in load_all().values()):
        return f"did you mean `{dotted((*place, 'hpi_config', 'backend_config', key))}`?"
    return None


def _no_match(path: Path, reason: str, span: Span, help: str | None) -> Diagnostic:
    return error(
        Code.OVERRIDE_UNMATCHED, f"the override of `{dotted(path)}` matches nothing: {reason}", Label(span), help=help
    )
