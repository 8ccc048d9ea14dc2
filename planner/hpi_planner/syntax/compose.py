"""Composing YAML text into a tree of values and places.

Everything that could hurt is found on the event stream before a node is built: libyaml
crashes on deep nesting, and a few aliases can stand for billions of nodes.
"""

from __future__ import annotations

import gc
import math
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from hpi_schemas.yaml_data import loader

from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, Label, Span, error
from hpi_planner.syntax.tree import Shadow, Tree

Loader: Any = loader()

MAX_DEPTH = 64
MAX_NODES = 2_000_000
_MERGE = "tag:yaml.org,2002:merge"
_CONFLICT = re.compile(r"<<<<<<< |>>>>>>> |=======$")


class YamlTextError(Exception):
    """Text that has no tree; carries the diagnostic that says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def compose(name: str, text: str) -> tuple[Tree, Findings]:
    """Build the tree of one document.

    Args:
        name: how spans refer to this text.
        text: the whole document.

    Returns:
        The tree, and diagnostics of values that could not be built (they became None).

    Raises:
        YamlTextError: the text is not one well-formed, bounded document.
    """
    try:
        with _no_collection():
            _check_events(name, text)
            loader = Loader(text)
            try:
                node = loader.get_single_node()
                builder = _Builder(name, loader)
                return builder.tree(node), builder.diagnostics
            finally:
                loader.dispose()
    except yaml.YAMLError as fault:
        raise YamlTextError(_syntax(name, text, fault)) from None


@contextmanager
def _no_collection() -> Iterator[None]:
    # Composing allocates many small objects and frees none: collecting is wasted, and quadratic.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check_events(name: str, text: str) -> None:
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.AliasEvent):
            name_known = event.anchor in sizes or any(anchor == event.anchor for anchor, _ in open_nodes)
            if not name_known:
                raise _refused(name, event, Code.YAML_ALIASES, f"no anchor `&{event.anchor}` stands before this alias")
            count += sizes.get(str(event.anchor), 1)
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise _refused(
                    name, event, Code.YAML_ALIASES, f"the alias `*{event.anchor}` stands inside its own anchor"
                )
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
            if len(open_nodes) > MAX_DEPTH:
                raise _refused(name, event, Code.YAML_DEPTH, f"nested more than {MAX_DEPTH} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = count - before
        if count > MAX_NODES:
            message = f"with its aliases expanded, the document has more than {MAX_NODES:,} values"
            raise _refused(name, event, Code.YAML_ALIASES, message)


def _refused(name: str, event: Any, code: Code, message: str) -> YamlTextError:
    return YamlTextError(error(code, message, Label(_span(name, event))))


class _Builder:
    """Turns nodes into values and shadows; an aliased node is built once."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader
        self._done: dict[int, tuple[Any, Shadow]] = {}
        self.diagnostics = Findings()

    def tree(self, node: Any) -> Tree:
        if node is None:
            return Tree(None, Shadow(Span(self._name, 1, 1, 1, 1)))
        return Tree(*self._build(node))

    def _build(self, node: Any) -> tuple[Any, Shadow]:
        known = self._done.get(id(node))
        if known is not None:
            return known
        shadow = Shadow(_span(self._name, node))
        if isinstance(node, yaml.MappingNode):
            built: Any = self._mapping(node, shadow)
        elif isinstance(node, yaml.SequenceNode):
            built = []
            for index, item in enumerate(node.value):
                value, shadow.children[index] = self._build(item)
                built.append(value)
        else:
            built = self._scalar(node, shadow.span)
        self._done[id(node)] = built, shadow
        return built, shadow

    def _scalar(self, node: Any, span: Span) -> Any:
        try:
            value = self._loader.construct_object(node)
            if isinstance(value, float) and not math.isfinite(value):
                self._report(Code.YAML_VALUE, f"`{node.value}` is no number that a plan can hold", span)
                return None
            return value
        except (yaml.YAMLError, ValueError, KeyError, OverflowError) as fault:
            reason = getattr(fault, "problem", None) or str(fault)
            self._report(Code.YAML_VALUE, f"`{node.value}` is not a value of its type: {reason}", span)
            return None

    def _mapping(self, node: Any, shadow: Shadow) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        merged: list[Any] = []
        for key_node, value_node in node.value:
            span = _span(self._name, key_node)
            if key_node.tag == _MERGE:
                if merged:
                    self._report(Code.YAML_DUPLICATE_KEY, "the key `<<` is given twice", span)
                merged.append(value_node)
                continue
            key = self._key(key_node, span)
            if key in result:
                self.diagnostics.append(
                    error(
                        Code.YAML_DUPLICATE_KEY,
                        f"the key `{key}` is given twice",
                        Label(span, "given again here"),
                        Label(shadow.keys[key], "first given here"),
                        help="remove one of them; PaddleX would silently take the last",
                    )
                )
            result[key], shadow.children[key] = self._build(value_node)
            shadow.keys[key] = span
        for value_node in merged:
            self._merge(value_node, result, shadow)
        return result

    def _key(self, node: Any, span: Span) -> Hashable:
        if not isinstance(node, yaml.ScalarNode):
            self._report(Code.YAML_VALUE, "a key must be a plain word, not a list or a mapping", span)
            return ("unusable key", span.line, span.column)
        key: Hashable = self._scalar(node, span)
        return key

    def _merge(self, node: Any, result: dict[Any, Any], shadow: Shadow) -> None:
        # Own keys win, then the earlier mapping of a list.
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value, places = self._build(source)
            if not isinstance(value, dict):
                self._report(Code.YAML_VALUE, "`<<` takes a mapping or a list of mappings", places.span)
                continue
            for key in value:
                if key not in result:
                    result[key] = value[key]
                    shadow.children[key] = places.children[key]
                    shadow.keys[key] = places.keys[key]

    def _report(self, code: Code, message: str, span: Span) -> None:
        self.diagnostics.append(error(code, message, Label(span)))


def _span(name: str, item: Any) -> Span:
    start, end = item.start_mark, item.end_mark
    return Span(name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _syntax(name: str, text: str, fault: yaml.YAMLError) -> Diagnostic:
    mark = getattr(fault, "problem_mark", None) or getattr(fault, "context_mark", None)
    if mark is None:
        offset = getattr(fault, "position", 0)
        before = text[:offset]
        line, column = before.count("\n") + 1, offset - before.rfind("\n")
        span = Span(name, line, column, line, column + 1)
        return error(Code.YAML_ENCODING, f"a character that YAML does not allow ({fault})".split("\n")[0], Label(span))
    lines = text.splitlines()
    for number, line_text in enumerate(lines, 1):
        if _CONFLICT.match(line_text):
            span = Span(name, number, 1, number, len(line_text) + 1)
            message = "the file holds the marks of an unresolved merge"
            return error(Code.YAML_CONFLICT, message, Label(span), help="settle the conflict, then remove its marks")
    span = Span(name, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
    if mark.line < len(lines):
        indent = lines[mark.line][: len(lines[mark.line]) - len(lines[mark.line].lstrip())]
        if "\t" in indent:
            tab = indent.index("\t") + 1
            place = Label(span._replace(column=tab, end_column=tab + 1))
            return error(Code.YAML_TAB, "a tab in the indentation, which YAML does not allow", place, help="use spaces")
    if mark.line >= len(lines) and lines:
        # It ends too early: what is missing belongs behind the last line.
        end = len(lines[-1])
        span = Span(name, len(lines), max(1, end), len(lines), end + 1)
    problem = " ".join(part for part in (getattr(fault, "context", ""), getattr(fault, "problem", "")) if part)
    help = "in double quotes, `\\` begins an escape; write paths with `/`" if "escape character" in problem else None
    return error(Code.YAML_SYNTAX, f"not valid YAML: {problem}", Label(span), help=help)
