"""override: command-line and API layers, laid over the tree one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hpi_schemas import credentials
from hpi_schemas.plan import origin as plan_origin

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, Span, error, note, warning
from hpi_planner.ir import Ir, Origin, Traced
from hpi_planner.paddlex.override_targets import no_switch, unmatched
from hpi_planner.syntax.compose import YamlTextError, compose
from hpi_planner.syntax.overrides import COLD, REGULAR, Override
from hpi_planner.syntax.token_places import moved, moved_shadow, moved_span, within
from hpi_planner.syntax.tree import Path, Shadow, Tree, dotted
from hpi_planner.syntax.values import resolved, with_interpolation

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
            if ir.tree is None or ir.document is None:
                continue
            if layer.flag == REGULAR:
                ir = replace(ir, tree=_regular(ir.tree, ir.document.root, _token_span(source, layer)))
                continue
            if layer.flag == COLD:
                ir = replace(ir, asked_cold=Origin(recorded, _token_span(source, layer)))
                continue
            value = _value(source, layer)
            if isinstance(value, Diagnostic):
                ir = ir.report(value)
            elif layer.flag == "device":
                ir = replace(ir, device=Traced(str(value.value), Origin(recorded, value.shadow.span)))
            elif layer.flag == "host":
                ir = replace(ir, asked_host=Traced(value.value, Origin(recorded, value.shadow.span)))
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
    if layer.flag in ("device", "host", "use_hpip"):
        return Tree(text == "true" if layer.flag == "use_hpip" else text, Shadow(_token_span(source, layer)))
    try:
        tree, found = compose(source, text)
    except YamlTextError as fault:
        return within(moved(fault.diagnostic, offset), layer.token)
    if layer.flag is not None and not text.strip():
        message = f"`--{layer.flag}` has no value"
        return error(Code.OVERRIDE_INVALID, message, Label(_token_span(source, layer)), help="leave it out, or `{}`")
    if next(with_interpolation(tree.value), None) is not None:
        message = f"the value `{text}` refers to another key, which overrides cannot"
        place = Label(moved_span(tree.shadow.span, offset))
        return error(Code.OVERRIDE_INVALID, message, place, help="write the value out")
    value, more = resolved(tree)
    for item in (*found, *more):
        return moved(item, offset)
    return Tree(value, moved_shadow(tree.shadow, offset, len(text)))


def _lay(ir: Ir, layer: Override, value: Tree) -> Ir:
    tree, document = ir.tree, ir.document
    if tree is None or document is None:
        return ir
    if layer.flag is not None:
        path = (*document.root, layer.flag)
    else:
        path = layer.path
        first = layer.value_column
        end = first + len(layer.text.partition("=")[0])
        place = value.shadow.span._replace(line=1, column=first, end_line=1, end_column=end)
        problem = unmatched(document, tree, path, place)
        problem = problem or no_switch(path, value)
        if problem is not None:
            return ir.report(problem)
    if credentials.holds(path, value.value):
        message = (
            f"the override of `{dotted(path)}` holds a credential, and the plan, which people commit, records overrides"
        )
        help = "leave it out, and give it when the plan runs: `hpi-run --secret PATH=env:NAME`"
        # Without its place, which would repeat it.
        return ir.report(error(Code.OVERRIDE_INVALID, message, help=help))
    before = tree.get(path)
    if path == document.device:
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


def _regular(tree: Tree, root: Path, span: Span) -> Tree:
    """Return the tree with high-performance inference off at every level, and PaddleX's engines left to it."""
    for path in _nodes(tree, root):
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


def _token_span(source: str, layer: Override) -> Span:
    return Span(source, 1, layer.value_column, 1, len(layer.token) + 1)
