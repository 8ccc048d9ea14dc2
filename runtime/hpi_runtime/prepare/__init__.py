"""Prepare: from the files of a model to the files that its engine loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpi_schemas.model_store import program_files

from hpi_runtime.errors import PrepareError
from hpi_runtime.prepare.cache import Artefact, obtain


def engine_files(
    model: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], folder: Path
) -> tuple[Path, tuple[str, ...]]:
    """Run an engine's prepare steps, or find their results in the cache.

    Args:
        model: the plan's record of the model.
        steps: the plan's record of the steps, in order.
        folder: its model folder, already checked against the plan.

    Returns:
        The folder that holds what the engine loads, and the names of its files, program first.

    Raises:
        PrepareError: a step failed; says which and where its log is.
    """
    files = program_files(model["format"], model["files"])
    if not files:
        raise PrepareError(f"the plan lists no complete {model['format']} model in {folder}")
    place = folder
    for step in steps:
        digests = {name: model["files"][name] for name in files} if place == folder else {}
        place = obtain(Artefact(step, place, files, digests, folder))
        files = (step["produces"],)
    return place, files
