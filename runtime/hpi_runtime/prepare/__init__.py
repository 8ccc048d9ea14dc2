"""Prepare: from the files of a model to the files that its engine loads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hpi_schemas.device import Device
from hpi_schemas.model_store import program_files
from hpi_schemas.plan.model import EngineRecord, ModelRecord

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


def engine_files(model: ModelRecord, engine: EngineRecord, folder: Path, device: Device) -> Loadable:
    """Run an engine's prepare steps, or find their results in the cache.

    Args:
        model: the plan's record of the model.
        engine: the plan's record of the engine.
        folder: its model folder, already checked against the plan.
        device: that the engine will run on.

    Raises:
        PrepareError: a step failed; says which and where its log is.
    """
    files = program_files(engine.format, model.files)
    if not files:
        raise PrepareError(f"the plan lists no complete {engine.format} model in {folder}")
    place, digests = folder, {name: model.files[name] for name in files}
    for step in engine.prepare:
        place = obtain(Artefact(step, place, files, digests, folder, device))
        files = files_of(place, step.produces)
        digests = record_of(place)["files"]
    return Loadable(place, files, {name: digests[name] for name in files})
