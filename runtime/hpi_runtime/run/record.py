"""What really ran: a record that `hpi-review verify` compares with the plan."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any

from hpi_schemas.probe import architecture, installed, usable_cores

if TYPE_CHECKING:
    from hpi_runtime.run.pipeline import Pipeline

FORMAT = "2.0"


def record(pipeline: Pipeline, finished: int, failed: int) -> dict[str, Any]:
    """Return the record of a run, as ``run.schema.json`` has it.

    Args:
        pipeline: still open.
        finished: results that were written, failed ones included.
        failed: of these, the failed ones.
    """
    return {
        "format": FORMAT,
        "machine": {
            "arch": architecture(),
            "cores": usable_cores(),
            "os": platform.system().lower(),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        },
        "module": pipeline.module,
        "modules": {address: _module(pipeline, address) for address in pipeline.engines},
        "plan": pipeline.plan.digest,
        "results": {"failed": failed, "finished": finished},
    }


def _module(pipeline: Pipeline, address: str) -> dict[str, Any]:
    engine = pipeline.engines[address]
    found = {
        "actual": engine.actual(),
        "backend": engine.name,
        # Those that were checked when it was loaded: by now other files may lie there.
        "files": dict(engine.digests),
        "version": installed(engine.distributions),
    }
    if pipeline.replicas:
        copies = {str(number): engines[address].actual() for number, engines in pipeline.replicas.items()}
        found["replicas"] = copies
    return found
