"""What the README shows is what comes out."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hpi_planner.cli.plan_options import parser as plan_parser
from hpi_planner.cli.review import _parser as review_parser
from hpi_runtime import load_plan
from hpi_runtime.cli.run_options import parser as run_parser

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
OCR = ROOT / "examples/ocr"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_transcript_of_the_demo_is_what_the_plan_reads(models: Path) -> None:
    (transcript,) = (block for block in blocks("console") if "make demo\n" in block)
    shown = transcript.split("…\n")[1].splitlines()[:-1]
    with load_plan(OCR / "plan.json") as pipeline:
        (result,) = pipeline.predict(str(OCR / "receipt.jpg"))
    assert shown == result["rec_texts"]


def test_the_excerpt_is_part_of_the_committed_plan() -> None:
    (excerpt,) = blocks("json")
    plan = json.loads((OCR / "plan.json").read_text(encoding="utf-8"))
    assert _is_part_of(json.loads(excerpt.replace("…", "")), plan["modules"])


def _is_part_of(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(_is_part_of(value, whole.get(key)) for key, value in part.items())
    return bool(part == whole or (isinstance(part, str) and isinstance(whole, str) and part and whole.startswith(part)))


def test_the_mistake_is_answered_as_shown() -> None:
    (shown,) = (block for block in blocks("console") if "bakend" in block)
    command, _, answer = shown.partition("\n")
    typed = shlex.split(command.removeprefix("$ hpi-plan"))
    done = subprocess.run(
        [sys.executable, "-m", "hpi_planner", *typed],
        cwd=OCR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == answer


def test_the_python_example_runs(models: Path, tmp_path: Path) -> None:
    (code,) = (block for block in blocks("python") if "create_pipeline" in block)
    done = subprocess.run(
        [sys.executable, "-c", code.replace('save_to_img("output")', f"save_to_img({str(tmp_path)!r})")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Café Lindenhof" in done.stdout
    assert (tmp_path / "receipt_ocr_res_img.jpg").is_file()


@pytest.mark.parametrize("command", re.findall(r"^\| `(hpi-(?:plan|run|review) .*?)` \|", README, re.MULTILINE))
def test_every_command_in_the_table_is_understood(command: str) -> None:
    name, *arguments = shlex.split(command.partition(" > ")[0].replace("\\|", "|"))
    parsers = {"hpi-plan": plan_parser, "hpi-review": review_parser, "hpi-run": run_parser}
    try:
        parsers[name]().parse_args(arguments)
    except SystemExit as left:
        # What only prints something is done by then.
        assert not left.code


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
