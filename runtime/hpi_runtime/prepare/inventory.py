"""What lies in the caches of prepared artefacts, and which of it plans still need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hpi_schemas.device import Device
from hpi_schemas.model_store import program_files
from hpi_schemas.plan.model import EngineRecord, ModelRecord

from hpi_runtime.prepare import cache, calibration
from hpi_runtime.prepare.cache import KEY_LENGTH, Artefact, caches, files_of, is_whole, record_of
from hpi_runtime.prepare.steps.build_engine import TIMING_CACHE
from hpi_runtime.run.plan import LocatedPlan

WHOLE, DAMAGED, LEFTOVER, FOREIGN = "whole", "damaged", "leftover", "foreign"
# An artefact, what belongs to making it, and what TensorRT has measured.
_OURS = re.compile(
    rf"[0-9a-f]{{{KEY_LENGTH}}}(\.(lock|log|log\.old-\w+|building-\w+|damaged-\w+))?|{re.escape(TIMING_CACHE)}"
)


@dataclass(frozen=True)
class Entry:
    """One thing in a cache.

    Attributes:
        place: the folder of an artefact, or a file or folder that a build left behind.
        state: ``whole``, ``damaged``, ``leftover`` for quarantined artefacts, logs, locks and broken-off builds, or
            ``foreign`` for what is none of ours, and never removed.
        step: the prepare step that made it, empty if that is not known.
        size: in bytes, everything in it.
    """

    place: Path
    state: str
    step: str
    size: int


def folders(plans: Iterable[LocatedPlan], models: Iterable[Path]) -> list[Path]:
    """Return the caches of the models of plans, and of every model below ``models``, each once."""
    found: dict[Path, None] = {}
    for plan in plans:
        for module in plan.modules.values():
            found.update(dict.fromkeys(caches(plan.store.resolve(module.model.dir))))
    for root in models:
        for model in sorted(item for item in root.iterdir() if item.is_dir()):
            found.update(dict.fromkeys(caches(model)))
    return [folder for folder in found if folder.is_dir()]


def entries(folder: Path) -> Iterator[Entry]:
    """Yield everything in one cache, by name."""
    for place in sorted(folder.iterdir()):
        state = LEFTOVER if _OURS.fullmatch(place.name) else FOREIGN
        if state == LEFTOVER and "." not in place.name:
            state = WHOLE if is_whole(place) else DAMAGED
        yield Entry(place, state, str(record_of(place)["step"].get("step", "")), _size(place))


def needed(plan: LocatedPlan) -> set[str]:
    """Return the keys of the artefacts that a plan's engines, and their fallbacks, are loaded from."""
    keys: set[str] = set()
    for module in plan.modules.values():
        folder = plan.store.resolve(module.model.dir)
        for engine in module.engines:
            keys.update(_keys(module.model, engine, folder, module.device))
    return keys


def remove(entry: Entry) -> None:
    """Remove one entry; what another process took away already is no fault."""
    cache.remove(entry.place)


def _keys(model: ModelRecord, engine: EngineRecord, folder: Path, device: Device) -> Iterator[str]:
    """Yield the keys of a chain of steps, as far as what they start from is there."""
    source, files = folder, program_files(engine.format, model.files)
    digests: Mapping[str, str] = {name: model.files[name] for name in files}
    for step in engine.prepare:
        if "calibration" in step.options:
            yield calibration.key(step.options["calibration"])
        key = Artefact(step, source, files, digests, folder, device).key
        yield key
        made = next((home / key for home in caches(folder) if is_whole(home / key)), None)
        if made is None:
            # What the next step starts from was never made, so nothing of that is in a cache either.
            return
        source, files, digests = made, files_of(made, step.produces), record_of(made)["files"]


def _size(place: Path) -> int:
    if not place.is_dir() or place.is_symlink():
        return place.lstat().st_size
    return sum(item.stat().st_size for item in place.rglob("*") if item.is_file())
