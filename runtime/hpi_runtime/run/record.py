"""What really ran: a record that `hpi-review verify` compares with the plan."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from hpi_schemas.probe import architecture, installed, usable_cores
from hpi_schemas.run_record import EngineRun, Machine, RunRecord

if TYPE_CHECKING:
    from hpi_runtime.run.pipeline import Pipeline


def record(pipeline: Pipeline, finished: int, failed: int) -> RunRecord:
    """Return the record of a run.

    Args:
        pipeline: still open.
        finished: results that were written, failed ones included.
        failed: of these, the failed ones.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine = Machine(platform.system().lower(), architecture(), usable_cores(), python)
    modules = {address: _engine(pipeline, address) for address in pipeline.engines}
    return RunRecord(machine, pipeline.plan.digest, pipeline.module, modules, finished, failed)


def _engine(pipeline: Pipeline, address: str) -> EngineRun:
    engine = pipeline.engines[address]
    copies = {str(number): engines[address].actual() for number, engines in pipeline.replicas.items()}
    # The digests are those that were checked when it was loaded: by now other files may lie there.
    return EngineRun(engine.name, installed(engine.distributions), engine.actual(), dict(engine.digests), copies)
