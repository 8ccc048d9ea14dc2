"""Values of a tree as PaddleX's reader takes them: texts that are Python literals, and ``${...}``.

Strings become Python literals where PaddleX makes them so (``"True"`` is true), and ``${...}``
is resolved by OmegaConf, which is imported only where a value contains it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, Label, error
from hpi_planner.syntax.tree import Path, Shadow, Tree

# What ast.literal_eval could turn into something else than the string itself.
_LITERAL = re.compile(r"""[ \t]*(["'(\[{+\-.\d]|(True|False|None|set\(\))|[bBrRuU]{1,2}["'])""")
_MAX_LITERAL = 10_000


def resolved(tree: Tree) -> tuple[Any, Findings]:
    """Return the values of a tree with interpolations and literals resolved."""
    found = Findings()
    value = _interpolated(tree, found)
    return _literals(value, tree.shadow, found), found


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
