"""Changes as people make them, and the answers that a reviewer needs, found in the comment alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hpi_planner.review.verdict import BAD, GOOD, LOOK, PLAIN, UNKNOWN
from support.changing import OCR, Changed, cases, lay_out

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
# A question that names a backend is the same question for every backend.
QUESTIONS = {
    "What changed?",
    "Where was it set?",
    "Who lost?",
    "Are numbers affected?",
    "Which device?",
    "Must engines be rebuilt?",
    "Why?",
    "Why not?",
    "Which edits have no effect?",
    "Does the plan follow from its YAML?",
}
LEAST = 20


def _comment(changed: Changed) -> str:
    command: list[str | Path] = [BIN / "hpi-review", "diff", changed.old, changed.new, "--markdown"]
    done = subprocess.run(command, cwd=changed.folder, capture_output=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def _plain(markdown: str) -> str:
    """Return what a reader sees of a cell or a line."""
    shown = re.sub(r"\\([\\`*_\[\]#|~])", r"\1", markdown.replace("**", "").replace("\u200b", ""))
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _answers(comment: str) -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| (\S) \| ([^|]+\?) \| (.*) \|$", comment, re.MULTILINE)
    return {_plain(question): (mark, _plain(answer)) for mark, question, answer in rows}


@pytest.mark.parametrize("path", cases(), ids=lambda path: path.stem)
def test_the_comment_answers_every_question_that_a_change_touches(path: Path, models: Path, tmp_path: Path) -> None:
    assert models.is_dir()
    changed = lay_out(path, tmp_path)
    comment = _comment(changed)
    found = _answers(comment)
    assert {question: answer for question, (_, answer) in found.items()} == changed.case["answers"]
    assert {mark for mark, _ in found.values()} <= {BAD, GOOD, LOOK, PLAIN, UNKNOWN}
    sentences = [_plain(line.removeprefix("- ")) for line in comment.splitlines() if line.startswith("- **")]
    assert sentences == changed.case["statements"]
    # Nothing is cut inside a name, an override or a value.
    assert "…" not in comment


def _runs_here(path: Path) -> bool:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    is_native = not any("--host" in (case.get(side) or {}).get("arguments", ()) for side in ("before", "after"))
    # Of a model that was exported again the old files are gone, and not every CPU has bf16.
    is_there = (
        not any("exported" in (case.get(side) or {}) for side in ("before", "after")) and path.stem != "precision"
    )
    return case.get("base") != "tiny" and "target" not in case and is_native and is_there


@pytest.mark.full
@pytest.mark.parametrize("path", [path for path in cases() if _runs_here(path)], ids=lambda path: path.stem)
def test_numbers_that_are_said_to_stay_do(path: Path, models: Path, tmp_path: Path) -> None:
    assert models.is_dir()
    changed = lay_out(path, tmp_path)
    old = subprocess.run(["git", "show", changed.old], cwd=tmp_path, check=True, capture_output=True).stdout
    (tmp_path / "old.json").write_bytes(old)
    command: list[str | Path] = [BIN / "hpi-run", "plan.json", "--compare", "old.json", "--input", OCR / "receipt.jpg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, encoding="utf-8")
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    greatest = max(item["relative"] for module in found["modules"].values() for item in module["outputs"].values())
    shares = {kind: share for kind, share in found["agreement"].items() if kind != "tolerance"}
    if changed.case["answers"].get("Are numbers affected?", "no") == "no":
        assert greatest == 0
        assert set(shares.values()) == {1.0}


def test_there_are_many_changes_and_together_they_touch_every_question() -> None:
    answers = [yaml.safe_load(path.read_text(encoding="utf-8"))["answers"] for path in cases()]
    assert len(answers) >= LEAST
    asked = {re.sub(r"^(Why|Why not) \S+\?$", r"\1?", question) for each in answers for question in each}
    assert asked == QUESTIONS
