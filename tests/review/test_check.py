"""hpi-plan --check: does a committed plan still follow from its inputs?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support import model_configs, tiny_onnx


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_plan_that_follows_from_its_yaml_is_said_to(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json", "-o", "SubModules.TextDetection.thresh=0.4")
    done = run("hpi-plan", "pipeline.yaml", "--check", "plan.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert "plan.json follows from its inputs" in done.stderr


def test_many_plans_are_checked_by_the_yaml_that_each_names(folder: Path, run: Any, plan: Any) -> None:
    (folder / "plans").mkdir()
    plan("plans/a.json")
    plan("plans/b.json", "--no-use_hpip")
    assert run("hpi-plan", "--check", "plans/a.json", "plans/b.json").returncode == 0
    _edit(folder / "pipeline.yaml", "use_hpip: true", "use_hpip: false")
    done = run("hpi-plan", "--check", "plans/a.json", "plans/b.json")
    assert done.returncode == 1
    assert "plans/a.json is stale" in done.stderr
    assert "plans/b.json follows from its inputs" in done.stderr


def test_a_change_of_the_yaml_is_shown_with_its_impact_and_cause(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    _edit(folder / "pipeline.yaml", "thresh: 0.3", "thresh: 0.2")
    done = run("hpi-plan", "--check", "plan.json")
    assert done.returncode == 1
    sentence = (
        "TextDetection: `thresh` 0.3 → 0.2, because pipeline.yaml:14 says so. Numbers may change; nothing is rebuilt"
    )
    assert sentence in done.stderr


def test_another_model_file_is_a_change_of_the_model(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    (folder / "models/det/inference.onnx").write_bytes(tiny_onnx.model("x float32 batch 3 height width"))
    done = run("hpi-plan", "--check", "plan.json")
    assert done.returncode == 1
    assert "TextDetection: another `inference.onnx`, because the model was exported again." in done.stderr


def test_without_weights_the_models_are_trusted_and_that_is_said(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    for path in (folder / "models").rglob("*"):
        if path.is_file():
            path.unlink()
    assert run("hpi-plan", "--check", "plan.json").returncode == 2
    done = run("hpi-plan", "--check", "plan.json", "--trust-models")
    assert done.returncode == 0
    assert "with the models as it records them" in done.stderr
    _edit(folder / "pipeline.yaml", "batch_size: 6", "batch_size: 8")
    assert run("hpi-plan", "--check", "plan.json", "--trust-models").returncode == 1


def test_a_plan_that_is_not_canonical_is_stale(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    path = folder / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    done = run("hpi-plan", "--check", "plan.json")
    assert done.returncode == 1
    assert "not canonical JSON" in done.stderr


def test_a_yaml_that_does_not_compile_any_more_is_shown_with_its_errors(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    _edit(folder / "pipeline.yaml", "thresh: 0.3", "thresh: high")
    done = run("hpi-plan", "--check", "plan.json")
    assert done.returncode == 2
    assert "pipeline.yaml:14:13: error[setting-invalid]" in done.stderr


def test_a_built_in_pipeline_is_checked_too(folder: Path, run: Any) -> None:
    name = "PP-LCNet_x0_5"
    place = folder / "official" / name
    place.mkdir(parents=True)
    (place / "inference.onnx").write_bytes(tiny_onnx.model("x float32 N 3 224 224"))
    (place / "inference.yml").write_text(model_configs.text(name))
    made = run("hpi-plan", "image_classification", "--models", "official", "--use_hpip", "--output", "plan.json")
    assert made.returncode == 0, made.stderr
    assert run("hpi-plan", "--check", "plan.json", "--models", "official").returncode == 0


def test_check_takes_no_overrides_of_its_own(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    done = run("hpi-plan", "--check", "plan.json", "--use_hpip")
    assert done.returncode == 2
    assert "leave them out" in done.stderr


def test_one_plan_that_cannot_be_read_does_not_keep_others_from_being_checked(
    folder: Path, run: Any, plan: Any
) -> None:
    plan("a.json")
    plan("b.json")
    done = run("hpi-plan", "--check", "a.json", "nothing.json", "b.json")
    assert done.returncode == 2
    assert "nothing.json cannot be checked" in done.stderr
    assert "b.json follows from its inputs" in done.stderr


def test_an_override_that_this_version_does_not_read_is_a_message(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    data = json.loads((folder / "plan.json").read_text())
    for odd in ("no such", "a=b=[", "SubModules..x={"):
        data["source"]["overrides"] = [odd]
        (folder / "odd.json").write_text(json.dumps(data))
        done = run("hpi-plan", "--check", "odd.json")
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr


def test_what_is_no_plan_is_said_in_one_line(folder: Path, run: Any) -> None:
    (folder / "bad.json").write_text("{")
    for name in ("bad.json", "target.json", "nothing.json"):
        done = run("hpi-plan", "--check", name)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
