"""Keeping credentials out of plans, which are committed and reviewed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_KEY = re.compile(r"(api_?key|token|secret|password|passwd|credential|auth)", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=://)[^/?#\s@]*@")


def without(value: Any) -> Any:
    """Return a value as a plan has it: keys are text, and what looks like a credential is left out.

    A number is none, whatever its key: ``max_new_tokens`` is a setting.
    """
    if isinstance(value, Mapping):
        return {str(key): without(item) for key, item in value.items() if not _is_secret(str(key), item)}
    if isinstance(value, str):
        return _IN_URL.sub("", value)
    return [without(item) for item in value] if isinstance(value, list) else value


def holds(path: Sequence[Any], value: Any) -> bool:
    """Tell whether a value at a path is a credential, or has one in it."""
    return _is_secret(str(path[-1]), value) or _is_inside(value)


def _is_inside(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_secret(str(key), item) or _is_inside(item) for key, item in value.items())
    if isinstance(value, str):
        return _IN_URL.search(value) is not None
    return isinstance(value, list) and any(map(_is_inside, value))


def _is_secret(key: str, value: Any) -> bool:
    return value is not None and not isinstance(value, (int, float)) and _KEY.search(key) is not None
