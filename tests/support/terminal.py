"""Commands as people at a terminal see them."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType


def on_terminal(
    command: Sequence[str | Path], folder: Path | None = None, environment: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Run a command on a terminal of its own, and return all that was shown there."""
    ours, its = pty.openpty()
    keep = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    job = subprocess.Popen(
        command, stdout=its, stderr=its, stdin=its, cwd=folder, env={**keep, "TERM": "xterm-256color", **environment}
    )
    os.close(its)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    job.wait(60)
    return shown.decode("utf-8", "replace")
