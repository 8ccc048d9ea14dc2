"""Fetching models for hpi-plan: what people see of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hpi_schemas.console import say
from hpi_schemas.model_store import official_folders, paddlex_folder

from hpi_planner import fetch
from hpi_planner.cli.plan_options import NAME
from hpi_planner.compile import Request

_MB = 1_000_000


def folder(given: str) -> Path:
    """Return where models go: the folder that was named, or the one that PaddleX fills.

    Raises:
        FetchError: nobody named one, and this user has no home.
    """
    found = Path(given) if given else paddlex_folder()
    if found is None:
        raise fetch.FetchError("nobody knows where your home is: name a folder, --fetch DIR")
    return found


def run(request: Request, place: Path, models: Sequence[str]) -> None:
    """Fetch what a pipeline lacks, and say what came.

    Raises:
        FetchError: a model cannot be had.
    """
    names = fetch.wanted(request, [place, *official_folders([Path(item) for item in models])])
    count = 0

    def begins(name: str) -> None:
        nonlocal count
        count += 1
        say(NAME, f"fetching {name} ({count} of {len(names)})")

    for came in fetch.fetch(names, place, begins, has_bars=sys.stderr.isatty()):
        say(NAME, f"{came.name}: {len(came.files)} files, {came.bytes / _MB:.1f} MB, in {came.folder}")
        for name, digest in came.files.items():
            say(NAME, f"  {name} {digest}")
    if not names:
        say(NAME, "every official model that this takes is there")
