"""The goods on the shelf, as the README shows them: by the commands, each with its name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GOODS = ROOT / "examples/goods"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    if not (GOODS / "models/.ready").is_file():
        pytest.skip("the example's models are not here; `make test` lays them out")
    folder = tmp_path_factory.mktemp("shelf") / "goods"
    shutil.copytree(GOODS, folder, ignore=shutil.ignore_patterns("output", ".cache"))
    (folder / "output").mkdir()
    for command in (
        ["hpi-plan", "pipeline.yaml", "-o", "index=null", "--output", "output/build.json"],
        ["hpi-index", "build", "output/build.json", "--gallery", "gallery", "--output", "output/index"],
        ["hpi-plan", "pipeline.yaml", "--output", "output/plan.json"],
        ["hpi-run", "output/plan.json", "--input", "shelf.png", "--save-images", "output"],
    ):
        done = subprocess.run([BIN / command[0], *command[1:]], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (folder / "output/shelf.png_res.png").is_file()
    boxes: list[Any] = json.loads(done.stdout)["boxes"]
    return boxes


def test_the_transcript_is_what_the_plan_finds(found: list[Any]) -> None:
    (shown,) = re.findall(
        r"make demo-goods\n…\n(.*?)\neach", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    lines = [line.split() for line in shown.splitlines()]
    assert [name for name, _ in lines] == [str(box["labels"][0]) for box in found]
    for (_, score), box in zip(lines, found, strict=True):
        # Other processors sum otherwise.
        assert score == "None" or float(score) == pytest.approx(box["rec_scores"][0], abs=1e-3)


def test_what_is_in_no_picture_of_the_gallery_has_no_name(found: list[Any]) -> None:
    assert [box["labels"][0] for box in found] == ["bottle", "apple", "mug", None, "banana", "ball"]
