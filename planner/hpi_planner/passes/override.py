"""override: command-line and API layers, laid over the tree one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hpi_schemas.backends import load_all
from hpi_schemas.plan import origin as plan_origin

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, Span, error, note, warning
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir, Origin, Traced
from hpi_planner.paddlex import legal_keys
from hpi_planner.passes.read import resolved, with_interpolation
from hpi_planner.syntax.compose import YamlTextError, compose
from hpi_planner.syntax.overrides import REGULAR, Override
from hpi_planner.syntax.tree import Path, Shadow, Tree, dotted

_PATH = re.compile(r"[^.\[\]]+(\[\d+\])*(\.[^.\[\]]+(\[\d+\])*)*")


@dataclass(frozen=True)
class LayOverrides:
    """Applies the layers in order; each is a source of its own for spans and origins."""

    layers: tuple[Override, ...] = ()
    name: str = "override"

    def apply(self, ir: Ir) -> Ir:
        """Change ``tree`` and ``device``; an override that matches nothing is an error."""
        for index, layer in enumerate(self.layers):
            recorded = plan_origin.Origin(plan_origin.OVERRIDE, str(index))
            source = str(recorded)
            ir = replace(ir, texts={**ir.texts, source: layer.token})
            if ir.tree is None:
                continue
            if layer.flag == REGULAR:
                ir = replace(ir, tree=_regular(ir.tree, _token_span(source, layer)))
                continue
            value = _value(source, layer)
            if isinstance(value, Diagnostic):
                ir = ir.report(value)
            elif layer.flag == "device":
                ir = replace(ir, device=Traced(str(value.value), Origin(recorded, value.shadow.span)))
            else:
                ir = _lay(ir, layer, value)
        return ir


def _value(source: str, layer: Override) -> Tree | Diagnostic:
    text = layer.text
    offset = layer.value_column - 1
    if layer.flag is None:
        path, separator, text = layer.text.partition("=")
        if not separator or not _PATH.fullmatch(path.strip()):
            return error(
                Code.OVERRIDE_INVALID,
                f"`{layer.text}` is not PATH=VALUE",
                Label(_token_span(source, layer)),
                help="write `-o SubModules.TextDetection.batch_size=4`",
            )
        offset += len(path) + 1
    if layer.flag in ("device", "use_hpip"):
        return Tree(text if layer.flag == "device" else text == "true", Shadow(_token_span(source, layer)))
    try:
        tree, found = compose(source, text)
    except YamlTextError as fault:
        return _within(_moved(fault.diagnostic, offset), layer.token)
    if layer.flag is not None and not text.strip():
        message = f"`--{layer.flag}` has no value"
        return error(Code.OVERRIDE_INVALID, message, Label(_token_span(source, layer)), help="leave it out, or `{}`")
    if next(with_interpolation(tree.value), None) is not None:
        message = f"the value `{text}` refers to another key, which overrides cannot"
        place = Label(_moved_span(tree.shadow.span, offset))
        return error(Code.OVERRIDE_INVALID, message, place, help="write the value out")
    value, more = resolved(tree)
    for item in (*found, *more):
        return _moved(item, offset)
    return Tree(value, _moved_shadow(tree.shadow, offset, len(text)))


def _lay(ir: Ir, layer: Override, value: Tree) -> Ir:
    tree = ir.tree
    if tree is None:
        return ir
    if layer.flag is not None:
        section: Path = ("Predict",) if legal_keys.is_module_config(tree.value) else ()
        path = (*section, layer.flag)
    else:
        path = layer.path
        first = layer.value_column
        end = first + len(layer.text.partition("=")[0])
        place = value.shadow.span._replace(line=1, column=first, end_line=1, end_column=end)
        problem = _unmatched(tree, path, place)
        problem = problem or _no_switch(path, value)
        if problem is not None:
            return ir.report(problem)
    before = tree.get(path)
    if path[:1] == ("Global",) and path[1:] == ("device",):
        ir = replace(
            ir, device=Traced(value.value, Origin(plan_origin.parse(value.shadow.span.source), value.shadow.span))
        )
    exists = tree.has(path)
    ir = replace(ir, tree=tree.replace(path, value.value, value.shadow))
    if exists and before == value.value and type(before) is type(value.value):
        # Scripts pass the same flags to every pipeline; a path is meant for this one.
        told = warning if layer.flag is None else note
        message = f"`{dotted(path)}` already has this value"
        return ir.report(told(Code.OVERRIDE_NO_EFFECT, message, Label(value.shadow.span)))
    return ir


def _regular(tree: Tree, span: Span) -> Tree:
    """Return the tree with high-performance inference off at every level, and PaddleX's engines left to it."""
    if not isinstance(tree.value, dict):
        return tree
    for path in _nodes(tree, ("Predict",) if legal_keys.is_module_config(tree.value) else ()):
        tree = tree.replace((*path, "use_hpip"), False, Shadow(span))
        for key in ("engine", "engine_config"):
            if tree.has((*path, key)):
                tree = tree.replace((*path, key), None, Shadow(span))
    return tree


def _nodes(tree: Tree, path: Path) -> Iterator[Path]:
    """Yield the path of a pipeline, and those of its sub-pipelines and modules at any depth."""
    yield path
    for section in ("SubPipelines", "SubModules"):
        members = tree.get((*path, section))
        for key, member in members.items() if isinstance(members, dict) else ():
            if isinstance(member, dict):
                yield from _nodes(tree, (*path, section, key))


def _no_switch(path: Path, value: Tree) -> Diagnostic | None:
    if path[-1] != "use_hpip" or value.value is None or isinstance(value.value, bool):
        return None
    message = f"`use_hpip` must be true or false, not `{value.value}`"
    return error(Code.OVERRIDE_INVALID, message, Label(value.shadow.span))


def _unmatched(tree: Tree, path: Path, span: Span) -> Diagnostic | None:
    """Return why an override has nothing to act on: nodes must exist, legal keys may be new."""
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
        allowed = legal_keys.keys_at(tree, place)
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


def _token_span(source: str, layer: Override) -> Span:
    return Span(source, 1, layer.value_column, 1, len(layer.token) + 1)


def _moved_span(span: Span, offset: int) -> Span:
    shift = offset if span.line == 1 else 0
    shift_end = offset if span.end_line == 1 else 0
    return span._replace(column=span.column + shift, end_column=span.end_column + shift_end)


def _moved(item: Diagnostic, offset: int) -> Diagnostic:
    labels = tuple(Label(_moved_span(label.span, offset), label.text) for label in item.labels)
    return replace(item, labels=labels)


def _within(item: Diagnostic, token: str) -> Diagnostic:
    """Point at the end of the token where the value ends too early and YAML means the line after it."""
    last = len(token)
    labels = tuple(
        label
        if label.span.line == 1 and label.span.column <= last
        else Label(Span(label.span.source, 1, last, 1, last + 1))
        for label in item.labels
    )
    return replace(item, labels=labels)


def _moved_shadow(shadow: Shadow, offset: int, width: int) -> Shadow:
    span = _moved_span(shadow.span, offset)
    if span.end_column <= span.column and span.line == span.end_line:
        span = span._replace(end_column=span.column + max(1, width))
    return Shadow(
        span,
        {key: _moved_span(item, offset) for key, item in shadow.keys.items()},
        {key: _moved_shadow(item, offset, width) for key, item in shadow.children.items()},
    )
