"""Credentials on the command line: where they are, and never what they are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hpi_schemas.files import ReadError, read_bounded

from hpi_runtime.errors import PlanError


def read_secrets(arguments: Iterable[str]) -> dict[str, str]:
    """Return credentials by the path of their key.

    Args:
        arguments: ``PATH=env:NAME`` and ``PATH=file:PATH``.

    Raises:
        PlanError: one is neither, or is not there; the message does not repeat what may be one.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        path, separator, place = argument.partition("=")
        kind, _, name = place.partition(":")
        if not path or not separator:
            raise PlanError("--secret takes PATH=env:NAME or PATH=file:PATH")
        if kind == "env" and name:
            if name not in os.environ:
                raise PlanError(f"--secret {path}: the variable {name} is not set")
            found[path] = os.environ[name]
        elif kind == "file" and name:
            found[path] = _of_file(path, name)
        else:
            raise PlanError(f"--secret {path}: say where it is, env:NAME or file:PATH, and not what")
    return found


def _of_file(path: str, name: str) -> str:
    try:
        return read_bounded(Path(name)).decode().strip()
    except ReadError as fault:
        raise PlanError(f"--secret {path}: {fault}") from None
    except UnicodeDecodeError:
        raise PlanError(f"--secret {path}: {name} holds no text") from None
