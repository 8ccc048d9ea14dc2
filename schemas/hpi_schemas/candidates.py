"""Candidates: what could run each module of a plan, for hpi-bench to measure; `hpi-plan --candidates` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas import documents
from hpi_schemas.canonical import digest, dumps, loads
from hpi_schemas.plan import read as plan_reader
from hpi_schemas.plan import write as plan_writer
from hpi_schemas.plan.model import EngineRecord, ModelRecord, Plan

# Of engines: what starts from another format says so.
FORM = "onnx"
_MEND = "`hpi-plan PIPELINE.yaml --candidates FILE`"


@dataclass(frozen=True)
class Candidate:
    """One way to run a module.

    Attributes:
        engine: the backend with every option.
        batch_size: pictures at a time.
        settings: of the module, those that differ from the plan's.
        lower: engines that differ in a lower precision alone.
    """

    engine: EngineRecord
    batch_size: int
    settings: Mapping[str, Any]
    lower: tuple[EngineRecord, ...] = ()


@dataclass(frozen=True)
class ModuleCandidates:
    """The candidates of a module.

    Attributes:
        model: the plan's record of it, with the files that any candidate starts from.
        listed: the first is what the plan has.
    """

    model: ModelRecord
    listed: tuple[Candidate, ...]

    @property
    def digest(self) -> str:
        """Of the list: tells whether a profile is of the same one."""
        return digest(dumps([_candidate(item) for item in self.listed]).encode())


@dataclass(frozen=True)
class Candidates:
    """Those of a whole plan.

    Attributes:
        plan: it.
        modules: by address.
        optimize: what they are measured for; None for inputs one at a time, and all in one go.
    """

    plan: Plan
    modules: Mapping[str, ModuleCandidates]
    optimize: str | None = None


def read(text: bytes, name: str) -> Candidates:
    """Read candidates from their bytes.

    Raises:
        DocumentError: they are none.
        PlanReadError: the plan in them is none.
    """
    data = documents.load(text, name, "candidates", "a list of candidates", _MEND)
    modules = {
        address: ModuleCandidates(
            plan_reader.model(item["model"]), tuple(_read_candidate(one) for one in item["candidates"])
        )
        for address, item in data["modules"].items()
    }
    return Candidates(plan_reader.from_json(data["plan"], f"{name}: plan"), modules, data.get("optimize"))


def write(found: Candidates) -> str:
    """Write candidates as canonical JSON."""
    modules = {
        address: {
            "candidates": [_candidate(one) for one in item.listed],
            "model": plan_writer.model(item.model),
        }
        for address, item in found.modules.items()
    }
    plan = loads(plan_writer.write(found.plan))
    aim = {} if found.optimize is None else {"optimize": found.optimize}
    return dumps({**aim, "format": documents.FORMAT, "modules": modules, "plan": plan})


def _candidate(item: Candidate) -> dict[str, Any]:
    return {
        "batch_size": item.batch_size,
        "engine": plan_writer.engine(item.engine, FORM),
        "lower": [plan_writer.engine(engine, FORM) for engine in item.lower],
        "settings": dict(item.settings),
    }


def _read_candidate(data: Mapping[str, Any]) -> Candidate:
    return Candidate(
        plan_reader.engine(data["engine"], FORM),
        data["batch_size"],
        data["settings"],
        tuple(plan_reader.engine(engine, FORM) for engine in data["lower"]),
    )
