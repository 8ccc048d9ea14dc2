"""Canonical JSON and digests: equal values give equal bytes on every machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
# Of a whole number; those of 64 bits have 20.
_MOST_DIGITS = 100
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonError(ValueError):
    """Text that is not the strict JSON that plans, targets and results use."""


def dumps(value: Any) -> str:
    """Write ``value`` as canonical JSON.

    UTF-8 text with two-space indent, keys sorted by code point, LF line ends, one
    final newline and Python's shortest floats.

    Raises:
        JsonError: a key is not a string, or a number is NaN or infinite.
    """
    _check_keys(value)
    try:
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise JsonError(str(error)) from None
    return text + "\n"


def loads(text: str | bytes) -> Any:
    """Read strict JSON: no duplicate keys, no NaN or infinity, bounded nesting.

    Raises:
        JsonError: with a message that says what is wrong and where.
    """
    if isinstance(text, bytes):
        try:
            # Editors on Windows begin files with a mark.
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise JsonError(f"not UTF-8: byte {error.start} cannot be decoded") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        raise JsonError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise JsonError("nested too deeply") from None
    if _SURROGATE.search(text):
        _check_text(value)
    return value


def digest(data: bytes) -> str:
    """Return ``sha256:`` and the hexadecimal SHA-256 of ``data``."""
    import hashlib  # loads OpenSSL, which planning up to `inherit` does without

    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_file(path: Path) -> str:
    """Return the digest of a file's bytes, read in pieces of 1 MiB.

    Raises:
        OSError: the file cannot be read.
    """
    import hashlib

    state = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            state.update(piece)
    return f"sha256:{state.hexdigest()}"


def _check_keys(value: Any) -> None:
    # Integer keys would sort by number, and 1 and "1" would become duplicates.
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise JsonError(f"the key {key!r} is not a string")
            _check_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(item)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise JsonError(f"the key {key!r} is given twice in one object")
        result[key] = value
    return result


def _finite(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise JsonError(f"{text[:40]} is too large a number")
    return value


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise JsonError(f"{text[:40]}… has {len(text):,} digits, more than any number here")
    return int(text)


def _check_text(value: Any) -> None:
    """Refuse halves of characters, which no file can hold."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise JsonError(f"{ascii(value)[:80]} holds half a character") from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)


def _no_constant(name: str) -> Any:
    raise JsonError(f"{name} is not a number that JSON knows")
