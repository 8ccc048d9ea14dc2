"""The process that runs one prepare step: ``python -m hpi_runtime.prepare.child JOB``, where JOB is JSON.

Converters and builders crash, exit and print as they like; here they harm nobody.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from hpi_schemas import device
from hpi_schemas.canonical import dumps
from hpi_schemas.files import write_atomic

from hpi_runtime.prepare import steps

RESULT = "result.json"
_PR_SET_PDEATHSIG = 1


def main(text: str) -> int:
    """Run the step; what it returns is written beside its result."""
    data = json.loads(text)
    _die_with(data["parent"])
    files, folder, out = tuple(map(Path, data["files"])), Path(data["folder"]), Path(data["out"])
    job = steps.Job(data["step"], data["options"], device.parse(data["device"]), files, folder, out)
    step = steps.find(job.step)
    assert step is not None
    found = step.run(job)
    write_atomic(job.out.parent / RESULT, dumps(found).encode())
    return 0


def _die_with(parent: int) -> None:
    """Ask Linux to end this process when its parent is killed: nobody waits for the result any more (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It was killed before it could be asked for.
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
