"""The commands of docs/scale.md, as they stand."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.classifying import BIN, lay_out

TEXT = (Path(__file__).parents[2] / "docs/scale.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    lay_out(tmp_path)
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = step.partition("\n")
            done = subprocess.run(
                ["sh", "-c", line], cwd=tmp_path, env={"PATH": f"{BIN}:/bin:/usr/bin"}, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            said = done.stdout + done.stderr
            for expected in shown.splitlines():
                assert re.search(re.escape(expected).replace("…", "[0-9a-f]{16}"), said), said
    one, both = (sorted(path.read_bytes() for path in (tmp_path / name).iterdir()) for name in ("out", "shards"))
    assert one == both
