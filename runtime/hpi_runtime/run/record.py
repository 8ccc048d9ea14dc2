"""What really ran: a record that `hpi-review verify` compares with the plan."""

from __future__ import annotations

import platform
import re
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from hpi_schemas.canonical import digest_file
from hpi_schemas.probe import architecture, installed, usable_cores
from hpi_schemas.run_record import MOST_INPUTS, EngineRun, InputRun, Machine, RunRecord, Times

if TYPE_CHECKING:
    from hpi_runtime.results.result import Result
    from hpi_runtime.run.pipeline import Pipeline

# Of a second.
_DECIMALS = 3


class Recorder:
    """Notes what a run reads, and when."""

    def __init__(self, machine_name: bool = True) -> None:
        """Begin, before anything is loaded.

        Args:
            machine_name: tell the host name.
        """
        self._machine_name = machine_name
        self._started = _now()
        self._begun = self._loaded = time.monotonic()
        self._inputs: dict[str | None, InputRun] = {}

    def loaded(self) -> None:
        """Note that everything is loaded."""
        self._loaded = time.monotonic()

    def saw(self, result: Result) -> None:
        """Note an input by one of its results."""
        path = result["input_path"]
        if path not in self._inputs and len(self._inputs) < MOST_INPUTS:
            self._inputs[path] = _input(path)

    def record(self, pipeline: Pipeline, finished: int, failed: int) -> RunRecord:
        """Return the record of the run.

        Args:
            pipeline: still open.
            finished: results that were written, failed ones included.
            failed: of these, the failed ones.
        """
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        name = (platform.node() or None) if self._machine_name else None
        machine = Machine(platform.system().lower(), architecture(), usable_cores(), python, name)
        modules = {address: _engine(pipeline, address) for address in pipeline.engines}
        load, run = self._loaded - self._begun, time.monotonic() - self._loaded
        times = Times(self._started, _now(), round(load, _DECIMALS), round(run, _DECIMALS))
        named = tuple(self._inputs.values())
        return RunRecord(machine, pipeline.plan.digest, pipeline.module, modules, finished, failed, times, named)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _input(path: str | None) -> InputRun:
    if path is None:
        return InputRun(None, None)
    if "://" in path:
        return InputRun(_without_credentials(path), None)
    try:
        return InputRun(path, digest_file(Path(path)))
    except (OSError, ValueError):
        # What could not be read has an error of its own in its result.
        return InputRun(path, None)


def _without_credentials(url: str) -> str:
    """Return a URL without its query, and without anything before an ``@``, wherever that is."""
    scheme, _, rest = url.strip().partition("://")
    rest = re.split(r"[?#;]", rest, maxsplit=1)[0]
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _engine(pipeline: Pipeline, address: str) -> EngineRun:
    engine = pipeline.engines[address]
    copies = {str(number): engines[address].actual() for number, engines in pipeline.replicas.items()}
    # The digests are those that were checked when it was loaded: by now other files may lie there.
    return EngineRun(engine.name, installed(engine.distributions), engine.actual(), dict(engine.digests), copies)
