"""A YAML document as plain values, and beside it a shadow tree that knows where each came from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpi_planner.diagnostics.model import Span

Path = tuple[Any, ...]


@dataclass(slots=True)
class Shadow:
    """The places of one value: of itself, of its keys, and of what lies below it."""

    span: Span
    keys: dict[Hashable, Span] = field(default_factory=dict)
    children: dict[Hashable, Shadow] = field(default_factory=dict)


@dataclass(frozen=True)
class Tree:
    """Values and their places. Values are shared between trees and never changed."""

    value: Any
    shadow: Shadow

    def get(self, path: Path) -> Any:
        """Return the value at ``path``, or None where there is none."""
        value = self.value
        for key in path:
            if (isinstance(value, dict) and key in value) or (
                isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value)
            ):
                value = value[key]
            else:
                return None
        return value

    def has(self, path: Path) -> bool:
        """Tell whether there is a value at ``path``, be it None; a path has one key at least."""
        return _holds(self.get(path[:-1]), path[-1])

    def span(self, path: Path) -> Span:
        """Return the place of the value at ``path``, or of the nearest value above it."""
        shadow = self.shadow
        for key in path:
            if key not in shadow.children:
                break
            shadow = shadow.children[key]
        return shadow.span

    def key_span(self, path: Path) -> Span:
        """Return the place of the last key of ``path``, or of the nearest key above it."""
        shadow, best = self.shadow, self.shadow.span
        for key in path:
            best = shadow.keys.get(key, best)
            if key not in shadow.children:
                break
            shadow = shadow.children[key]
        return best

    def replace(self, path: Path, value: Any, shadow: Shadow) -> Tree:
        """Return a tree with ``value`` at ``path``; mappings that lack on the way are made."""
        new, places = _replaced(self.value, self.shadow, path, value, shadow)
        return Tree(new, places)


def _replaced(old: Any, places: Shadow | None, path: Path, value: Any, shadow: Shadow) -> tuple[Any, Shadow]:
    if not path:
        return value, shadow
    key, rest = path[0], path[1:]
    places = places or Shadow(shadow.span)
    below = old[key] if _holds(old, key) else None
    new, new_shadow = _replaced(below, places.children.get(key), rest, value, shadow)
    copy: Any
    if isinstance(old, list):
        copy = [*old]
        copy[key] = new
    else:
        copy = {**(old or {}), key: new}
    keys = {**places.keys, key: shadow.span if key not in places.keys or not rest else places.keys[key]}
    return copy, Shadow(places.span, keys, {**places.children, key: new_shadow})


def _holds(container: Any, key: Any) -> bool:
    if isinstance(container, dict):
        return key in container
    return isinstance(container, list) and isinstance(key, int) and key < len(container)


def dotted(path: Sequence[Any]) -> str:
    """Write a path the way overrides and plans do: ``SubModules.TextDetection.model_dir``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
