"""Checking values against the JSON Schemas in this folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_MOST = 20


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema ``NAME.schema.json`` (draft 2020-12) as plain JSON values."""
    value: dict[str, Any] = json.loads((_FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return value


def faults(name: str, value: Any) -> list[str]:
    """Return what is wrong with ``value``, one line each, at most 20; none when it is valid.

    Args:
        name: ``pipeline``, ``target``, ``plan``, ``candidates``, ``profile`` or ``results``.
        value: plain JSON values.
    """
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    # A registry of its own: a reference is looked up here or nowhere, never on the network.
    referred = [(schema(item)["$id"], Resource.from_contents(schema(item))) for item in ("target", "plan")]
    registry: Any = Registry().with_resources(referred)
    errors = sorted(
        Draft202012Validator(schema(name), registry=registry).iter_errors(value),
        key=lambda error: [str(part) for part in error.absolute_path],
    )
    return [_line(error) for error in errors[:_MOST]]


def _line(error: Any) -> str:
    place = ".".join(str(part) for part in error.absolute_path) or "the top level"
    message = error.message if len(error.message) < 200 else error.message[:200] + "…"
    return f"{place}: {message}"
