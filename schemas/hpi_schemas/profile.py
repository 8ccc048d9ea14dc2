"""A profile: what hpi-bench measured of the candidates of each module, and on which machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from hpi_schemas import documents, target
from hpi_schemas.candidates import FORM, Candidate
from hpi_schemas.canonical import dumps
from hpi_schemas.plan import read as plan_reader
from hpi_schemas.plan import write as plan_writer
from hpi_schemas.plan.model import EngineRecord
from hpi_schemas.target import Target

# What times are of: inputs one at a time, all in one go, or a process from its start to its first result.
LATENCY, THROUGHPUT, COLD = "latency", "throughput", "cold"
WAYS = (LATENCY, THROUGHPUT)
FP32 = "fp32"
_MEND = "`hpi-bench --candidates FILE --profile FILE`"
_Kind = TypeVar("_Kind", bound="Figures")


@dataclass(kw_only=True)
class Figures:
    """What was measured of something: a fault, or its speed and perhaps its answers.

    Attributes:
        fault: why it cannot be measured.
        loaded_ms: from the start of its process until it was loaded.
        peak_mib: memory of its process.
        milliseconds: per input, by what they are of.
        ratio: times ÷ those of the plan's own, measured in turn; less is faster.
        rounds: how often it was measured.
        agreement: the part of the results that is that of the plan's own, by what is measured.
        accuracy: against the truth.
    """

    fault: str | None = None
    loaded_ms: float | None = None
    peak_mib: float | None = None
    milliseconds: Mapping[str, float] | None = None
    ratio: Mapping[str, float] | None = None
    rounds: int | None = None
    agreement: Mapping[str, float] | None = None
    accuracy: Mapping[str, float] | None = None

    def takes(self, way: str) -> float:
        """Return the ratio of its time of one kind; infinite where that was not measured."""
        return (self.ratio or {}).get(way, float("inf"))


@dataclass
class Entry(Figures):
    """One candidate of a module; it grows while it is measured.

    Attributes:
        engine, batch_size, settings: of the candidate.
    """

    engine: EngineRecord
    batch_size: int
    settings: Mapping[str, Any]

    def is_of(self, engine: EngineRecord, batch_size: int, settings: Mapping[str, Any]) -> bool:
        """Tell whether it is what was measured of a candidate."""
        return (self.engine, self.batch_size, self.settings) == (engine, batch_size, settings)


@dataclass
class Combination(Figures):
    """A candidate for each module, measured together: whole results of the whole pipeline.

    Attributes:
        entries: their places among the entries of each module, by its address.
    """

    entries: Mapping[str, int]


@dataclass
class ModuleProfile:
    """What was measured of one module.

    Attributes:
        candidates: the digest of the list that there was to measure.
        files: digests of the model's files.
        precision: of the plan's own engine, which the others are compared with.
        entries: the first is the plan's own engine.
        accuracy: of it, against the truth; empty without one.
        finished: everything promising was measured.
        calibration: the digest of the samples that int8 was made with, None without.
    """

    candidates: str
    files: Mapping[str, str]
    precision: str
    entries: list[Entry] = field(default_factory=list)
    accuracy: Mapping[str, float] = field(default_factory=dict)
    finished: bool = False
    calibration: str | None = None


@dataclass(frozen=True)
class Inputs:
    """What was measured on.

    Attributes:
        digest: of the inputs.
        pictures: how many the candidates of modules were measured on.
        truth: the digest of what is true of them, None without.
        held_back: how many combinations were measured on that no module had been; 0 if there were too few, and they
            were measured on the same pictures.
    """

    digest: str
    pictures: int
    truth: str | None
    held_back: int


@dataclass(frozen=True)
class Profile:
    """A whole profile.

    Attributes:
        inputs: what was measured on.
        target: the machine that was measured.
        modules: by address.
        combinations: what was measured of whole pipelines; the first is the plan's own.
        optimize: what for, ``COLD`` or None for the two other ways.
    """

    inputs: Inputs
    target: Target
    modules: dict[str, ModuleProfile] = field(default_factory=dict)
    combinations: list[Combination] = field(default_factory=list)
    optimize: str | None = None

    @property
    def ways(self) -> tuple[str, ...]:
        """The times that candidates are chosen by."""
        return ways(self.optimize)


def ways(optimize: str | None) -> tuple[str, ...]:
    """Return the times that decide, if candidates are measured for something; None for the two that usually do."""
    return WAYS if optimize is None else (optimize,)


def read(text: bytes, name: str) -> Profile:
    """Read a profile from its bytes.

    Raises:
        DocumentError: it is none.
    """
    data = documents.load(text, name, "profile", "a profile", _MEND)
    modules = {address: _read_module(item) for address, item in data["modules"].items()}
    combinations = [_read_figures(Combination, item) for item in data["combinations"]]
    for combination in combinations:
        for address, place in combination.entries.items():
            if address not in modules or place >= len(modules[address].entries):
                raise documents.DocumentError(
                    f"{name}: a combination has the entry {place} of {address}, which is not there"
                )
    machine = target.from_json(data["target"])
    return Profile(Inputs(**data["inputs"]), machine, modules, combinations, data.get("optimize"))


def write(found: Profile) -> str:
    """Write a profile as canonical JSON."""
    modules = {address: _module(item) for address, item in found.modules.items()}
    machine = found.target.to_json()
    whole = {"format": documents.FORMAT, "inputs": vars(found.inputs), "modules": modules, "target": machine}
    aim = {} if found.optimize is None else {"optimize": found.optimize}
    return dumps({**whole, **aim, "combinations": [_given(item) for item in found.combinations]})


def entry_of(item: Candidate, engine: EngineRecord | None = None) -> Entry:
    """Return an entry of a candidate, or of one of its lower precisions, of which nothing is known yet."""
    return Entry(item.engine if engine is None else engine, item.batch_size, item.settings)


def _module(item: ModuleProfile) -> dict[str, Any]:
    entries = [
        {**_given(entry), "engine": plan_writer.engine(entry.engine, FORM), "settings": dict(entry.settings)}
        for entry in item.entries
    ]
    return {**_given(item), "entries": entries}


def _given(item: Figures | ModuleProfile) -> dict[str, Any]:
    return {key.name: value for key in fields(item) if (value := getattr(item, key.name)) is not None}


def _read_module(data: Mapping[str, Any]) -> ModuleProfile:
    known = {key.name: data[key.name] for key in fields(ModuleProfile) if key.name in data}
    return ModuleProfile(**{**known, "entries": [_read_entry(item) for item in data["entries"]]})


def _read_entry(data: Mapping[str, Any]) -> Entry:
    return _read_figures(Entry, {**data, "engine": plan_reader.engine(data["engine"], FORM)})


def _read_figures(kind: type[_Kind], data: Mapping[str, Any]) -> _Kind:
    return kind(**{key.name: data[key.name] for key in fields(kind) if key.name in data})
