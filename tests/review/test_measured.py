"""Evidence beside a change: what ran, what two plans answered, how fast their engines were."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hpi_schemas import comparison
from hpi_schemas.canonical import digest
from hpi_schemas.validate import faults
from support.changing import CASES, Changed, lay_out

BIN = Path(sys.executable).parent
OCR = Path(__file__).parents[2] / "examples/ocr"
RECEIPT = OCR / "receipt.jpg"


def _run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    line = [BIN / command[0], *command[1:]]
    done = subprocess.run(line, cwd=folder, capture_output=True, check=False, encoding="utf-8")
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def batches(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Changed:
    """The recogniser takes 8 lines at a time instead of 6; beside the plans the old one, a record and a comparison."""
    assert models.is_dir()
    folder = tmp_path_factory.mktemp("batches")
    changed = lay_out(CASES / "batch_of_the_recogniser.yaml", folder)
    (folder / "old.json").write_text(_old(folder))
    recorded = _run(folder, "hpi-run", "old.json", "--input", RECEIPT, "--record", "run.json")
    assert recorded.returncode == 0, recorded.stderr
    compared = _run(folder, "hpi-run", "plan.json", "--compare", "old.json", "--input", RECEIPT)
    assert compared.returncode in (0, 1), compared.stderr
    (folder / "compare.json").write_text(compared.stdout)
    return changed


def _old(folder: Path) -> str:
    command = ["git", "show", "HEAD:plan.json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def _diff(changed: Changed, *options: str) -> tuple[int, str]:
    done = _run(changed.folder, "hpi-review", "diff", changed.old, changed.new, *options)
    return done.returncode, done.stdout + done.stderr


def test_a_comparison_names_the_module_that_is_batched_otherwise(batches: Changed) -> None:
    found = json.loads((batches.folder / "compare.json").read_text())
    assert faults("comparison", found) == []
    (note,) = found["notes"]
    assert note.startswith(
        "SubModules.TextRecognition: batches of 8 inputs, in the reference of 6, and its answers depend"
    )
    numbers = found["modules"]["SubModules.TextRecognition"]["outputs"].values()
    # The numbers are of the same batches, and so say nothing of that.
    assert all(item["relative"] == 0 for item in numbers)
    read = comparison.read(json.dumps(found).encode(), "compare.json")
    assert read.notes == (note,)


def test_a_comparison_of_the_two_plans_stands_beside_the_change(batches: Changed) -> None:
    found = json.loads((batches.folder / "compare.json").read_text())
    code, told = _diff(batches, "--evidence", "compare.json")
    assert code == 0
    assert f"answers agree: angles {found['agreement']['angles']:.2%}" in told
    assert ("within the tolerances" if found["within"] else "outside the tolerances: results agree on") in told
    assert "batches of 8 inputs" in told
    assert "not measured" not in told


def test_what_nobody_measured_is_said(batches: Changed) -> None:
    other = json.loads((batches.folder / "compare.json").read_text())
    (batches.folder / "other.json").write_text(json.dumps({**other, "reference": "sha256:" + "0" * 64}))
    _, told = _diff(batches, "--evidence", "other.json")
    assert "other.json is of other plans" in told
    assert "not measured: whether answers stay the same (TextRecognition)" in told


@pytest.fixture
def agreeing(batches: Changed) -> dict[str, Any]:
    """The comparison as it would be if every result were the same."""
    found: dict[str, Any] = json.loads((batches.folder / "compare.json").read_text())
    shares = {kind: 1.0 for kind in found["agreement"] if kind != "tolerance"}
    return {**found, "agreement": {**shares, "tolerance": 0.99}, "within": True}


def _accepted(batches: Changed, comparison: dict[str, Any]) -> bool:
    (batches.folder / "accepted.json").write_text(json.dumps(comparison))
    return _diff(batches, "--fail-on", "numerics", "--accept-evidence", "accepted.json")[0] == 0


def test_evidence_within_the_tolerances_lets_numbers_pass(batches: Changed, agreeing: dict[str, Any]) -> None:
    assert _diff(batches, "--fail-on", "numerics")[0] == 1
    assert _accepted(batches, agreeing)
    # Shown is not accepted.
    assert _diff(batches, "--fail-on", "numerics", "--evidence", "accepted.json")[0] == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"plan": "sha256:" + "0" * 64},
        {"inputs": 0},
        {"compared": 0},
        {"faults": ["a.png: only the plan could read it"]},
        {"agreement": {"texts": 0.0, "tolerance": 0.0}},
        {"modules": {}},
    ],
    ids=lambda item: next(iter(item)),
)
def test_what_evidence_says_of_itself_does_not_count(
    batches: Changed, agreeing: dict[str, Any], forged: dict[str, Any]
) -> None:
    assert not _accepted(batches, {**agreeing, **forged})


@pytest.mark.parametrize("wrong", [{"relative": 1.0}, {"relative": "nan"}, {"cosine": 0.5}, {"fault": "shapes differ"}])
def test_numbers_outside_the_tolerances_are_found_whatever_stands_beside_them(
    batches: Changed, agreeing: dict[str, Any], wrong: dict[str, Any]
) -> None:
    outputs = agreeing["modules"]["SubModules.TextRecognition"]["outputs"]
    for output in outputs.values():
        output.update(wrong)
    assert not _accepted(batches, agreeing)


def test_evidence_of_another_kind_of_machine_is_none(batches: Changed, agreeing: dict[str, Any]) -> None:
    assert not _accepted(batches, {**agreeing, "machine": {**agreeing["machine"], "arch": "aarch64"}})


@pytest.mark.parametrize(
    ("text", "message"), [("{}", "is not a comparison of two plans"), ("[", "is not a comparison of two plans")]
)
def test_what_is_no_evidence_is_said(batches: Changed, text: str, message: str) -> None:
    (batches.folder / "bad.json").write_text(text)
    code, told = _diff(batches, "--evidence", "bad.json")
    assert code == 2
    assert message in told
    assert _diff(batches, "--record", "bad.json")[0] == 2
    assert _diff(batches, "--profile", "bad.json")[0] == 2


def test_a_record_says_what_ran_when_and_where(batches: Changed) -> None:
    record = json.loads((batches.folder / "run.json").read_text())
    assert faults("run", record) == []
    assert record["started"] <= record["ended"]
    assert record["seconds"]["load"] > 0 < record["seconds"]["run"]
    assert [item["name"] for item in record["inputs"]] == [str(RECEIPT)]
    assert record["inputs"][0]["digest"].startswith("sha256:")
    _, told = _diff(batches, "--record", "run.json")
    where = f"run.json, {record['started']} to {record['ended']} on {record['machine']['name']}"
    assert f"⚠ Did production run it?               the old plan ran, as it says ({where})" in told
    module = record["modules"]["SubModules.TextDetection"]
    module["actual"]["precision"] = "bf16"
    (batches.folder / "odd.json").write_text(json.dumps(record))
    _, told = _diff(batches, "--record", "odd.json")
    assert "✗ Did production run it?" in told
    assert "the old plan ran, but not as it says: SubModules.TextDetection: precision was bf16, not fp32" in told
    (batches.folder / "odd.json").write_text(json.dumps({**record, "plan": "sha256:" + "0" * 64}))
    assert "neither of the two plans: another one ran" in _diff(batches, "--record", "odd.json")[1]


def test_the_name_of_the_machine_can_be_left_out(batches: Changed) -> None:
    options = ("--record", "quiet.json", "--no-machine-name")
    (batches.folder / "broken.png").write_text("no picture")
    done = _run(batches.folder, "hpi-run", "plan.json", "--input", RECEIPT, "--input", "broken.png", *options)
    assert done.returncode == 1
    record = json.loads((batches.folder / "quiet.json").read_text())
    assert "name" not in record["machine"]
    assert record["inputs"][1] == {"digest": digest(b"no picture"), "name": "broken.png"}
    assert "✓ Did production run it?" in _diff(batches, "--record", "quiet.json")[1]


def test_a_profile_says_what_a_change_costs(models: Path, tmp_path: Path) -> None:
    changed = lay_out(CASES / "profile_renewed.yaml", tmp_path)
    _, told = _diff(changed, "--profile", "profile.json")
    assert "TextDetection: one at a time 0.70 × the time, all in one go 0.70 × the time, memory 100 → 100 MiB" in told
    profile: dict[str, Any] = json.loads((tmp_path / "profile.json").read_text())
    del profile["modules"]["SubModules.TextDetection"]
    (tmp_path / "less.json").write_text(json.dumps(profile))
    _, told = _diff(changed, "--profile", "less.json")
    assert "TextDetection: not measured in less.json as it is before and after" in told
