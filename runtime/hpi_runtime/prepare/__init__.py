"""Prepare: from the files of a model to the files that its engine loads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hpi_schemas.model_store import program_files

from hpi_runtime.errors import PrepareError
from hpi_runtime.prepare.cache import Artefact, files_of, obtain, record_of


class Loadable(NamedTuple):
    """What an engine loads.

    Attributes:
        folder: holds the files.
        files: their names, program first.
        digests: of the files, as they were checked.
    """

    folder: Path
    files: tuple[str, ...]
    digests: Mapping[str, str]


def engine_files(model: Mapping[str, Any], engine: Mapping[str, Any], folder: Path, device: str) -> Loadable:
    """Run an engine's prepare steps, or find their results in the cache.

    Args:
        model: the plan's record of the model.
        engine: the plan's record of the engine: its steps in order, and the format that they start from if that is
            not the model's first.
        folder: its model folder, already checked against the plan.
        device: that the engine will run on, as in the plan.

    Raises:
        PrepareError: a step failed; says which and where its log is.
    """
    form = engine.get("format", model["format"])
    files = program_files(form, model["files"])
    if not files:
        raise PrepareError(f"the plan lists no complete {form} model in {folder}")
    place, digests = folder, {name: model["files"][name] for name in files}
    for step in engine["prepare"]:
        place = obtain(Artefact(step, place, files, digests, folder, device))
        files = files_of(place, step["produces"])
        digests = record_of(place)["files"]
    return Loadable(place, files, {name: digests[name] for name in files})
