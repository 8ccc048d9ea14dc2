"""Who says something about a key: every place in the YAML and the command line, the deepest level first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hpi_schemas import credentials, yaml_data
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.plan.origin import Origin

from hpi_planner.compile import Request, compile
from hpi_planner.diagnostics import render
from hpi_planner.diagnostics.model import Span
from hpi_planner.ir import Ir
from hpi_planner.paddlex import legal_keys
from hpi_planner.review.paths import ABSENT, at
from hpi_planner.syntax.overrides import Override
from hpi_planner.syntax.tree import dotted

# Keys whose origin has another name.
RECORDED_AS = {"model.name": "model_name", "model.dir": "model_dir"}


@dataclass(frozen=True)
class Spot:
    """A place in a YAML.

    Attributes:
        file: its name as the plan has it, seen from where the command runs.
        line, column: counted from 1.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, eq=False)
class Said:
    """One place that says something about a key.

    Attributes:
        place: for people, with line and column where there is a source.
        spot: in the YAML, None for an override.
        value: what it says.
        excerpt: the source line with a caret.
        wins: this one counts.
    """

    place: str
    spot: Spot | None
    value: Any
    excerpt: str
    wins: bool


class Sources:
    """The YAML and the overrides of a plan, for questions about them."""

    def __init__(self, request: Request) -> None:
        """Take what the plan was made from."""
        self._request = request

    @cached_property
    def _laid(self) -> Ir:
        return compile(self._request, "override")

    @cached_property
    def _bare(self) -> Ir:
        return compile(self._request, "read")

    def spot(self, recorded: Origin | None) -> Spot | None:
        """Return the place in the YAML that an origin names, None if it names none."""
        tree = self._bare.tree
        if recorded is None or tree is None or recorded.kind != plan_origin.FILE:
            return None
        span = tree.span(tuple(recorded.name.split(".")))
        return Spot(span.source, span.line, span.column)

    def value(self, path: tuple[str, ...]) -> Any:
        """Return the value at a path of the YAML with the overrides laid over it, None where there is none."""
        return None if self._laid.tree is None else self._laid.tree.get(path)

    def of_module(self, address: str, key: str, recorded: Origin | None) -> list[Said]:
        """Return who says something about a key of a module.

        Args:
            address: of the module.
            key: of the plan, such as ``engine.backend``.
            recorded: its origin in the plan, None if none is recorded.
        """
        own = self._recorded_key(recorded) or _own_key(key)
        if own is None:
            return []
        levels = _levels(tuple(address.split(".")), own[0] in legal_keys.INHERITED)
        found = [item for node in levels for item in self._at((*node, *own), recorded)]
        # Of what has no recorded origin the deepest level wins.
        return found if recorded is not None else _first_wins(found)

    def of_key(self, path: tuple[str, ...]) -> list[Said]:
        """Return who says something about a key of the YAML that nothing hands down; the last override wins."""
        return _first_wins(list(self._at(path, None)))

    def _at(self, path: tuple[str, ...], recorded: Origin | None) -> Iterator[Said]:
        tree = self._bare.tree
        if tree is None:
            return
        for index, layer in reversed(list(enumerate(self._request.overrides))):
            yield from self._override(index, layer, path, recorded)
        if tree.has(path):
            span = tree.span(path)
            spot = Spot(span.source, span.line, span.column)
            wins = recorded == Origin(plan_origin.FILE, dotted(path))
            # A line with a credential is not shown.
            holds = credentials.holds(path, tree.get(path))
            excerpt = "" if holds else render.excerpt(span, self._bare.texts)
            yield Said(str(spot), spot, credentials.hidden(path, tree.get(path)), excerpt, wins)

    def _override(self, index: int, layer: Override, path: tuple[str, ...], recorded: Origin | None) -> Iterator[Said]:
        whole = tuple(map(str, layer.path))
        if path[: len(whole)] != whole or layer.flag == "device":
            return
        token = layer.token
        text = layer.text.partition("=")[2] if layer.flag is None else layer.text
        if at({"value": yaml_data.load(text)}, ("value", *path[len(whole) :])) is ABSENT:
            return
        own = Origin(plan_origin.OVERRIDE, str(index))
        span = Span(str(own), 1, 1, 1, len(token) + 1)
        said = yaml_data.load(text)
        excerpt = render.excerpt(span, self._laid.texts)
        yield Said(f"the command line, `{token}`", None, said, excerpt, recorded == own)

    def _recorded_key(self, recorded: Origin | None) -> tuple[str, ...] | None:
        """Return the key of the YAML that a recorded origin names, without the level that it stands at."""
        if recorded is None:
            return None
        path: tuple[str, ...] = tuple(recorded.name.split(".")) if recorded.kind == plan_origin.FILE else ()
        number = recorded.override
        if number is not None and number < len(self._request.overrides):
            path = tuple(map(str, self._request.overrides[number].path))
        place = next((index for index, name in enumerate(path) if name in legal_keys.INHERITED), None)
        return None if place is None else path[place:]


def _first_wins(found: list[Said]) -> list[Said]:
    return [Said(item.place, item.spot, item.value, item.excerpt, not index) for index, item in enumerate(found)]


def _own_key(key: str) -> tuple[str, ...] | None:
    """Return the key of the YAML that a key of the plan usually comes from."""
    parts = tuple(key.split("."))
    if parts[0] == "settings":
        return parts[1:] or None
    if parts[:2] == ("engine", "backend"):
        return ("hpi_config", "backend")
    if parts[:2] == ("engine", "config"):
        return ("hpi_config", "backend_config", *parts[2:])
    if parts[:2] == ("engine", "fallback"):
        return ("hpi_config", "on_failure")
    if key in RECORDED_AS:
        return (RECORDED_AS[key],)
    return parts if parts[0] in (*legal_keys.INHERITED, "batch_size", "model_dir") else None


def _levels(path: tuple[str, ...], handed_down: bool) -> Iterator[tuple[str, ...]]:
    """Yield the module, and where keys are handed down, every level above it."""
    yield path
    if handed_down:
        for end in range(len(path) - 2, -1, -2):
            yield path[:end]
