"""The record of a run: what really ran. `hpi-run --record` writes it, `hpi-review verify` compares it with the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas import documents
from hpi_schemas.canonical import dumps

_MEND = "`hpi-run plan.json --record FILE`"


@dataclass(frozen=True)
class Machine:
    """The machine that it ran on.

    Attributes:
        os, arch: of it.
        cores: that the process could use.
        python: the version, None where the record does not tell it.
    """

    os: str
    arch: str
    cores: int
    python: str | None = None


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
class RunRecord:
    """A whole record.

    Attributes:
        machine: that it ran on.
        plan: the digest of the plan's bytes.
        module: the one module that ran, None for the whole pipeline.
        modules: the engines that were loaded, by the address of their module.
        finished: results that were written, failed ones among them.
        failed: of these, the failed ones.
    """

    machine: Machine
    plan: str
    module: str | None
    modules: Mapping[str, EngineRun]
    finished: int
    failed: int


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
    where = Machine(machine["os"], machine["arch"], machine["cores"], machine.get("python"))
    return RunRecord(where, data["plan"], data["module"], modules, results["finished"], results["failed"])


def write(record: RunRecord) -> str:
    """Write a record as canonical JSON."""
    modules = {
        address: {key: value for key, value in vars(item).items() if key != "replicas" or value}
        for address, item in record.modules.items()
    }
    return dumps(
        {
            "format": documents.FORMAT,
            "machine": {key: value for key, value in vars(record.machine).items() if value is not None},
            "module": record.module,
            "modules": modules,
            "plan": record.plan,
            "results": {"failed": record.failed, "finished": record.finished},
        }
    )
