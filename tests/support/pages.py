"""Pages of the documentation: their commands, run as they stand."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.classifying import BIN


def run_page(page: Path, folder: Path, left_out: str, **environment: str) -> None:
    """Run every command of a page, and look for what the page shows of each.

    Args:
        page: has blocks of ``console``.
        folder: where they are run.
        left_out: a pattern for what an ellipsis stands for.
        environment: beside a path to the commands.
    """
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = step.partition("\n")
            own = {"PATH": f"{BIN}:/bin:/usr/bin", **environment}
            done = subprocess.run(["sh", "-c", line], cwd=folder, env=own, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            said = done.stdout + done.stderr
            for expected in shown.splitlines():
                assert re.search(re.escape(expected).replace("…", left_out), said), said
