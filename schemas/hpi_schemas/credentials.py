"""Keeping credentials out of plans, which are committed and reviewed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "(hidden)"
_WORDS = "api[-_]?key|access[-_]?key|token|secret|password|passwd|credential|auth|cookie|bearer"
_KEY = re.compile(f"({_WORDS})|^(ak|sk|key)$", re.IGNORECASE)
_VALUE = re.compile("(bearer|basic) ", re.IGNORECASE)
# Who asks, before the host of a URL, and what its query says.
_IN_URL = re.compile(rf"(?<=://)[^/?#\s@]*@|(?<=[?&])[^=&#\s]*(?:{_WORDS}|key)[^=&#\s]*=[^&#\s]*", re.IGNORECASE)


def is_name(key: str) -> bool:
    """Tell whether a key is one of credentials."""
    return _KEY.search(key) is not None


def without(value: Any) -> Any:
    """Return a value as a plan has it: keys are text, and what looks like a credential is left out.

    A number is none, whatever its key: ``max_new_tokens`` is a setting.
    """
    if isinstance(value, Mapping):
        return {str(key): without(item) for key, item in value.items() if not _is_secret(str(key), item)}
    if isinstance(value, str):
        return _IN_URL.sub("", value)
    if isinstance(value, list):
        return [without(item) for item in value if not _is_secret("", item)]
    return value


def holds(path: Sequence[Any], value: Any) -> bool:
    """Tell whether a value at a path is a credential, or has one in it."""
    return _is_secret(str(path[-1]), value) or _is_inside(value)


def hidden(path: Sequence[Any], value: Any) -> Any:
    """Return a value at a path as anybody may see it: a credential as ``(hidden)``, others without those in them."""
    return HIDDEN if path and _is_secret(str(path[-1]), value) else without(value)


def _is_inside(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_secret(str(key), item) or _is_inside(item) for key, item in value.items())
    if isinstance(value, str):
        return _IN_URL.search(value) is not None
    return isinstance(value, list) and any(_is_secret("", item) or _is_inside(item) for item in value)


def _is_secret(key: str, value: Any) -> bool:
    if isinstance(value, str) and _VALUE.match(value):
        return True
    return value is not None and not isinstance(value, (int, float)) and is_name(key)
