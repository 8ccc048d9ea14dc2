"""The walk through a review prints what its README shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REVIEW = Path(__file__).parents[2] / "examples/review"
BLOCKS = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```", (REVIEW / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=[command[:40] for command, _ in BLOCKS])
def test_the_command_prints_what_is_shown(command: str, shown: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=REVIEW,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout + done.stderr == shown
