"""read: YAML text → tree of values with places.

Strings become Python literals where PaddleX makes them so (``"True"`` is true), and ``${...}``
is resolved by OmegaConf, which is imported only where a value contains it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, Label, Span, error
from hpi_planner.ir import Ir
from hpi_planner.syntax.compose import YamlTextError, compose
from hpi_planner.syntax.tree import Path, Shadow, Tree

# What ast.literal_eval could turn into something else than the string itself.
_LITERAL = re.compile(r"""[ \t]*(["'(\[{+\-.\d]|(True|False|None|set\(\))|[bBrRuU]{1,2}["'])""")
_MAX_LITERAL = 10_000
MAX_BYTES = 8 << 20


@dataclass(frozen=True)
class Read:
    """Reads the source.

    Attributes:
        source_name: how spans and messages call it.
        data: its bytes.
    """

    source_name: str
    data: bytes
    name: str = "read"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``tree`` and the text of the source, or say why there is none."""
        if len(self.data) > MAX_BYTES:
            message = f"the file has more than {MAX_BYTES >> 20} MiB; PaddleX's largest pipeline has 11 kB"
            help = "name a pipeline file; sample values of shapes and the like belong in the model's inference.yml"
            return ir.report(error(Code.YAML_TOO_LARGE, message, Label(Span(self.source_name, 1, 1, 1, 1)), help=help))
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            return ir.report(_not_utf8(self.source_name, self.data, fault.start))
        ir = replace(ir, texts={**ir.texts, self.source_name: text})
        try:
            tree, found = compose(self.source_name, text)
        except YamlTextError as fault:
            return ir.report(fault.diagnostic)
        if not isinstance(tree.value, dict):
            kind = "is empty" if tree.value is None else "is not a mapping at its top level"
            return ir.report(
                error(
                    Code.YAML_NOT_A_MAPPING,
                    f"the file {kind}",
                    Label(tree.shadow.span._replace(end_line=tree.shadow.span.line)),
                    help="a pipeline starts with `pipeline_name: OCR`; see `hpi-plan --get-config OCR`",
                )
            )
        value, more = resolved(tree)
        return replace(ir, tree=Tree(value, tree.shadow)).report(*found, *more)


def resolved(tree: Tree) -> tuple[Any, Findings]:
    """Return the values of a tree with interpolations and literals resolved."""
    found = Findings()
    value = _interpolated(tree, found)
    return _literals(value, tree.shadow, found), found


def _not_utf8(name: str, data: bytes, offset: int) -> Diagnostic:
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    return error(
        Code.YAML_ENCODING,
        f"not UTF-8: the byte 0x{data[offset]:02x} cannot be decoded",
        Label(Span(name, line, column, line, column + 1)),
        help="save the file as UTF-8",
    )


def _literals(value: Any, shadow: Shadow | None, found: Findings) -> Any:
    # Recursively in mappings, not in lists and not in keys, as PaddleX's reader does.
    if isinstance(value, dict):
        children = shadow.children if shadow else {}
        return {key: _literals(item, children.get(key, shadow), found) for key, item in value.items()}
    if isinstance(value, str) and _LITERAL.match(value):
        return _literal(value, shadow, found)
    return value


def _literal(text: str, shadow: Shadow | None, found: Findings) -> Any:
    if len(text) > _MAX_LITERAL:
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    if _is_plain(value):
        return value
    place = (Label(shadow.span),) if shadow else ()
    found.append(
        error(
            Code.YAML_VALUE,
            f"`{text}` would be read as a Python {type(value).__name__}, which no setting takes",
            *place,
            help="write it as a YAML list, mapping or number",
        )
    )
    return None


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return value is None or isinstance(value, (bool, int, str))


def _interpolated(tree: Tree, found: Findings) -> Any:
    places = list(with_interpolation(tree.value))
    if not places:
        return tree.value
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    safe = [place for place in places if not _calls_resolver(tree, place, found)]
    # What is refused goes first: another value could refer to it, and so call it.
    result = tree
    for place in places:
        if place not in safe:
            result = result.replace(place, None, Shadow(tree.span(place)))
    try:
        config = OmegaConf.create(result.value)
    except (OmegaConfBaseException, ValueError) as fault:
        found.append(_bad_interpolation(tree, places[0], str(fault)))
        return result.value
    for place in safe:
        value: Any = config
        try:
            for key in place:
                value = value[key]
            if OmegaConf.is_config(value):
                value = OmegaConf.to_container(value, resolve=True)
        except (OmegaConfBaseException, RecursionError) as fault:
            found.append(_bad_interpolation(tree, place, str(fault)))
            value = None
        result = result.replace(place, value, Shadow(tree.span(place)))
    return result.value


def with_interpolation(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the place of every text that holds a ``${``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from with_interpolation(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from with_interpolation(item, (*path, index))
    elif isinstance(value, str) and "${" in value:
        yield path


def _calls_resolver(tree: Tree, place: Path, found: Findings) -> bool:
    from omegaconf.errors import GrammarParseError
    from omegaconf.grammar_parser import OmegaConfGrammarParser, parse

    try:
        nodes = [parse(tree.get(place))]
    except GrammarParseError as fault:
        found.append(_bad_interpolation(tree, place, str(fault)))
        return True
    while nodes:
        node = nodes.pop()
        if isinstance(node, OmegaConfGrammarParser.InterpolationResolverContext):
            found.append(
                _bad_interpolation(
                    tree, place, "resolver calls such as `${oc.env:…}` are refused: a plan depends on its inputs alone"
                )
            )
            return True
        nodes.extend(node.getChildren() if hasattr(node, "getChildren") else ())
    return False


def _bad_interpolation(tree: Tree, place: Path, reason: str) -> Diagnostic:
    return error(
        Code.YAML_INTERPOLATION,
        f"`{tree.get(place)}` cannot be resolved: {reason.strip().splitlines()[0]}",
        Label(tree.span(place)),
        help="write the value out, or refer to another key of this file: `${SubModules.TextDetection.batch_size}`",
    )
