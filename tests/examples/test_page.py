"""The page of a report, as the README shows it: by the commands, as Markdown with its picture."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "examples/page"
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.convert


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (PAGE / "models/.ready").is_file():
        pytest.skip("the example's models are not here; `make test` lays them out")
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(PAGE, folder / "page", ignore=shutil.ignore_patterns("output", ".cache"))
    for command in (
        ["hpi-plan", "pipeline.yaml", "--output", "plan.json"],
        ["hpi-run", "plan.json", "--input", "report.png", "--output", "output", "--save-images"],
    ):
        done = subprocess.run([BIN / command[0], *command[1:]], cwd=folder / "page", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder / "page/output"


def test_the_transcript_of_the_page_is_what_the_plan_writes(output: Path) -> None:
    (shown,) = re.findall(r"make demo-page\n…\n(.*?)\n…\n", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert (output / "report.png.md").read_text(encoding="utf-8").startswith(shown)


def test_columns_are_read_one_after_the_other_with_what_stands_in_them(output: Path) -> None:
    record = json.loads((output / "report.png_res.json").read_text(encoding="utf-8"))
    said = [block["block_content"] for block in record["parsing_res_list"]]
    order = [
        next(place for place, text in enumerate(said) if text.startswith(f"{number} W")) for number in (1, 2, 3, 4)
    ]
    assert order == sorted(order)
    (table,) = record["table_res_list"]
    assert "<td>December</td><td>1,518</td><td>441</td>" in table["pred_html"]


def test_the_markdown_shows_a_picture_that_is_there(output: Path) -> None:
    text = (output / "report.png.md").read_text(encoding="utf-8")
    (path,) = re.findall(r'<img src="([^"]+)"', text)
    assert cv2.imread(str(output / path)) is not None
