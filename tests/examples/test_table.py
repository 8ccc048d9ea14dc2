"""The invoice's table, as the README shows it: by the commands, as HTML and as a spreadsheet."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "examples/table"
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.convert


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (TABLE / "models/.ready").is_file():
        pytest.skip("the example's models are not here; `make test` lays them out")
    folder = tmp_path_factory.mktemp("invoice")
    shutil.copytree(TABLE, folder / "table", ignore=shutil.ignore_patterns("output", ".cache"))
    for command in (
        ["hpi-plan", "pipeline.yaml", "--output", "plan.json"],
        ["hpi-run", "plan.json", "--input", "invoice.png", "--output", "output", "--save-images"],
    ):
        done = subprocess.run([BIN / command[0], *command[1:]], cwd=folder / "table", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder / "table/output"


def test_the_transcript_of_the_table_is_what_the_plan_writes(output: Path) -> None:
    (shown,) = re.findall(r"make demo-table\n…\n(<html>.*)\n", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert (output / "invoice.png_table_1.html").read_text(encoding="utf-8").splitlines()[0] == shown
    (table,) = json.loads((output / "invoice.png_res.json").read_text(encoding="utf-8"))["table_res_list"]
    assert shown == table["pred_html"].replace("<table>", '<table border="1">')


def test_the_spreadsheet_has_the_total_beneath_merged_columns(output: Path) -> None:
    sheet = openpyxl.load_workbook(output / "invoice.png_table_1.xlsx").active
    assert [cell.value for cell in sheet[1]] == ["Item", "Qty", "Price", "Amount"]
    assert [str(cells) for cells in sheet.merged_cells.ranges] == ["A6:C6"]
    assert (sheet["A6"].value, sheet["D6"].value) == ("Total EUR", "270.80")
