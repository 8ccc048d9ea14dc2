"""The record of a run: what really ran. `hpi-run --record` writes it, `hpi-review verify` compares it with the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas import documents
from hpi_schemas.canonical import dumps

# Inputs that a record lists; the schema says so too.
MOST_INPUTS = 10_000
_MEND = "`hpi-run plan.json --record FILE`"


@dataclass(frozen=True)
class Machine:
    """The machine that it ran on.

    Attributes:
        os, arch: of it.
        cores: that the process could use.
        python: the version, None where the record does not tell it.
        name: its host name, None where it was left out.
    """

    os: str
    arch: str
    cores: int
    python: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class EngineRun:
    """An engine that was loaded.

    Attributes:
        backend: its name.
        version: of the backend's package, None where nobody knows it.
        actual: what the backend itself tells: device, providers, precision, threads.
        files: digests of the files that were loaded.
        replicas: what the backend tells of the replicas on other devices, by their numbers.
    """

    backend: str
    version: str | None
    actual: Mapping[str, Any]
    files: Mapping[str, str]
    replicas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class InputRun:
    """An input that was read.

    Attributes:
        name: as it was named; of a URL without its query and credentials. None for what has no name.
        digest: of the file when its result was there, None for what is no file.
    """

    name: str | None
    digest: str | None


@dataclass(frozen=True)
class Times:
    """When it ran, and how long.

    Attributes:
        started, ended: in UTC, such as ``2026-11-25T10:00:00Z``.
        load: seconds that preparing and loading the engines took.
        run: seconds from then until the last result was written.
    """

    started: str
    ended: str
    load: float
    run: float


@dataclass(frozen=True)
class RunRecord:
    """A whole record.

    Attributes:
        machine: that it ran on.
        plan: the digest of the plan's bytes.
        module: the one module that ran, None for the whole pipeline.
        modules: the engines that were loaded, by the address of their module.
        finished: results that were written, failed ones among them.
        failed: of these, the failed ones.
        times: when it ran.
        inputs: what was read, in order; of very many the first.
    """

    machine: Machine
    plan: str
    module: str | None
    modules: Mapping[str, EngineRun]
    finished: int
    failed: int
    times: Times
    inputs: tuple[InputRun, ...]


def read(text: bytes, name: str) -> RunRecord:
    """Read a record from its bytes.

    Raises:
        DocumentError: it is none.
    """
    data = documents.load(text, name, "run", "the record of a run", _MEND)
    machine, results = data["machine"], data["results"]
    modules = {
        address: EngineRun(item["backend"], item["version"], item["actual"], item["files"], item.get("replicas", {}))
        for address, item in data["modules"].items()
    }
    where = Machine(machine["os"], machine["arch"], machine["cores"], machine.get("python"), machine.get("name"))
    times = Times(data["started"], data["ended"], data["seconds"]["load"], data["seconds"]["run"])
    named = tuple(InputRun(item["name"], item["digest"]) for item in data["inputs"])
    return RunRecord(where, data["plan"], data["module"], modules, results["finished"], results["failed"], times, named)


def write(record: RunRecord) -> str:
    """Write a record as canonical JSON."""
    modules = {
        address: {key: value for key, value in vars(item).items() if key != "replicas" or value}
        for address, item in record.modules.items()
    }
    return dumps(
        {
            "ended": record.times.ended,
            "format": documents.FORMAT,
            "inputs": [vars(item) for item in record.inputs],
            "machine": {key: value for key, value in vars(record.machine).items() if value is not None},
            "module": record.module,
            "modules": modules,
            "plan": record.plan,
            "results": {"failed": record.failed, "finished": record.finished},
            "seconds": {"load": record.times.load, "run": record.times.run},
            "started": record.times.started,
        }
    )
