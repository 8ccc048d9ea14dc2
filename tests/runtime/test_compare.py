"""hpi-run --compare: equal answers pass, others do not."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hpi_runtime.judge.agreement import Agreement
from hpi_runtime.judge.compare import Numbers
from hpi_schemas.tolerances import TOLERANCES
from support import fields
from support.pipelines import page_classifier

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
ADDRESS = "SubModules.ImageClassification"
PIPELINE = page_classifier("openvino")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    line = [str(BIN / command[0]), *command[1:]]
    return subprocess.run(line, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan for OpenVINO, and beside it one for regular inference."""
    shutil.copytree(ROOT / "examples/ocr/page_orientation", tmp_path / "page_orientation")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    for name, more in (("plan", ()), ("ref", ("--regular",))):
        done = run(tmp_path, "hpi-plan", "pipeline.yaml", "--device", "cpu", *more, "--output", f"{name}.json")
        assert done.returncode == 0, done.stderr
    return tmp_path


PICTURE = str(ROOT / "examples/ocr/receipt.jpg")


def test_two_backends_in_fp32_agree(folder: Path) -> None:
    done = run(folder, "hpi-run", "plan.json", "--compare", "ref.json", "--input", PICTURE)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    module = found["modules"][ADDRESS]
    assert (module["backend"], module["reference"], module["precision"]) == ("openvino", "onnxruntime", "fp32")
    (numbers,) = module["outputs"].values()
    assert 0 < numbers["relative"] < 1e-4
    assert found["agreement"] == {"classes": 1.0, "tolerance": 0.99}
    assert (found["inputs"], found["within"]) == (1, True)
    assert "1 of 1 inputs compared: within the tolerances" in done.stderr


def test_another_model_is_outside_and_exit_code_1(folder: Path) -> None:
    import onnx

    path = folder / "page_orientation/inference.onnx"
    shutil.copytree(folder / "page_orientation", folder / "other")
    model = onnx.load(str(path))
    # paddle2onnx writes weights as constants.
    tensors = [node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"]
    weight = max(tensors, key=lambda item: int(np.prod(item.dims)))
    values = onnx.numpy_helper.to_array(weight)
    weight.CopyFrom(onnx.numpy_helper.from_array(values * np.float32(1.3), weight.name))
    onnx.save(model, str(folder / "other/inference.onnx"))
    text = PIPELINE.replace("model_dir: page_orientation", "model_dir: other")
    (folder / "other.yaml").write_text(text)
    run(folder, "hpi-plan", "other.yaml", "--device", "cpu", "--output", "other.json")
    done = run(folder, "hpi-run", "other.json", "--compare", "ref.json", "--input", PICTURE)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["within"] is False
    assert found["notes"] == [f"{ADDRESS}: the two plans have other files of the model"]
    assert "outside: tolerance" in done.stderr


def test_a_picture_that_neither_can_read_is_named_and_exit_code_1(folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    compare = ("hpi-run", "plan.json", "--compare", "ref.json", "--input", "bad.png")
    done = run(folder, *compare, "--input", PICTURE)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["inputs"], found["compared"]) == (2, 1)
    assert "bad.png: neither has a result: bad.png is not a picture" in done.stderr
    done = run(folder, *compare)
    assert done.returncode == 1
    assert json.loads(done.stdout)["within"] is False
    assert "nothing was compared" in done.stderr


def test_fallbacks_are_told_and_refused_with_strict(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    engine = plan["modules"][ADDRESS]["engine"]
    reference = json.loads((folder / "ref.json").read_text())
    engine["fallback"] = [
        {key: reference["modules"][ADDRESS]["engine"][key] for key in ("backend", "config", "prepare")}
    ]
    engine["config"]["device_name"] = "NPU"
    (folder / "plan.json").write_text(json.dumps(plan))
    compare = ("hpi-run", "plan.json", "--compare", "ref.json", "--input", PICTURE)
    done = run(folder, *compare)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["modules"][ADDRESS]["backend"] == "onnxruntime"
    assert f"the plan: {ADDRESS} runs on its fallback onnxruntime" in found["notes"][0]
    assert run(folder, *compare, "--strict").returncode == 4


def test_a_plan_of_another_pipeline_is_refused(folder: Path) -> None:
    other = json.loads((folder / "ref.json").read_text())
    text = json.dumps(other).replace(ADDRESS, "SubModules.Another")
    (folder / "other.json").write_text(text)
    done = run(folder, "hpi-run", "plan.json", "--compare", "other.json", "--input", PICTURE)
    assert done.returncode == 2
    assert "no module in common" in done.stderr


@pytest.mark.parametrize("option", ["--output", "--save-images", "--record"])
def test_options_that_write_results_do_not_go_with_a_comparison(folder: Path, option: str) -> None:
    done = run(folder, "hpi-run", "plan.json", "--compare", "ref.json", "--input", PICTURE, option, "x")
    assert done.returncode == 2
    assert "--compare goes without" in done.stderr


def test_without_inputs_there_is_nothing_to_compare(folder: Path) -> None:
    done = run(folder, "hpi-run", "plan.json", "--compare", "ref.json")
    assert done.returncode == 2
    assert "--input" in done.stderr


def test_numbers_tell_the_worst_of_all_runs() -> None:
    numbers = Numbers()
    numbers.add(np.array([1.0, 4.0]), np.array([1.0, 4.0]))
    numbers.add(np.array([1.0, 4.0]), np.array([1.0, 5.0]))
    assert (numbers.absolute, numbers.relative, numbers.runs) == (1.0, 0.25, 2)
    assert numbers.cosine == pytest.approx(21 / (17 * 26) ** 0.5)
    assert not numbers.within(TOLERANCES["fp16"])


@pytest.mark.parametrize("found", [np.array([1.0, np.nan]), np.ones(3)])
def test_what_cannot_be_compared_is_outside(found: np.ndarray) -> None:
    numbers = Numbers()
    numbers.add(np.ones(2), found)
    assert not numbers.within(TOLERANCES["int8"])


def test_tolerances_widen_with_fewer_digits() -> None:
    rows = list(TOLERANCES.values())
    for one, other in itertools.pairwise(rows):
        assert one.relative < other.relative
        assert one.cosine > other.cosine
        assert one.agreement > other.agreement


def test_every_tolerance_is_documented() -> None:
    text = (ROOT / "docs/accuracy.md").read_text()
    for precision, row in TOLERANCES.items():
        assert f"| {precision} | {row.relative:g} | {row.cosine:g} | {row.agreement:.0%} |" in text


def box(x: int) -> list[list[int]]:
    return [[x, 0], [x + 100, 0], [x + 100, 40], [x, 40]]


def thing(number: int, *sides: float) -> dict[str, Any]:
    return {"cls_id": number, "label": str(number), "score": 0.9, "coordinate": list(sides)}


@pytest.mark.parametrize(
    ("of", "found", "expected", "shares"),
    [
        (fields.OCR, {"rec_texts": ["b", "c"]}, {"rec_texts": ["a", "b"]}, {"texts": 0.5}),
        (fields.of_task("text_recognition"), {"rec_text": "a"}, {"rec_text": "a"}, {"texts": 1.0}),
        (fields.of_task("image_classification"), {"class_ids": [3, 2]}, {"class_ids": [3, 1]}, {"classes": 1.0}),
        (
            fields.of_task("text_detection"),
            {"dt_polys": [box(201), box(50)]},
            {"dt_polys": [box(0), box(200)]},
            {"boxes": 0.5},
        ),
        (
            fields.OCR,
            {"dt_polys": [box(1)], "rec_polys": [box(200)]},
            {"dt_polys": [box(0)], "rec_polys": [box(0)]},
            {"boxes": 0.5},
        ),
        (fields.DOCUMENT, {"angle": 0}, {"angle": 90}, {"angles": 0.0}),
        (
            fields.OCR,
            {"textline_orientation_angles": [0, 1]},
            {"textline_orientation_angles": [0, 0]},
            {"angles": 0.5},
        ),
        (
            fields.of_task("layout_detection"),
            {"boxes": [thing(0, 0, 0, 100, 100), thing(1, 0, 0, 100, 100)]},
            {"boxes": [thing(0, 1, 0, 100, 100), thing(2, 0, 0, 100, 100)]},
            {"boxes": 1 / 3},
        ),
    ],
)
def test_what_is_the_same_is_counted_as_its_kind_does(of: Any, found: Any, expected: Any, shares: Any) -> None:
    same = Agreement(of)
    same.add(expected, expected)
    assert same.worst == 1.0
    agreement = Agreement(of)
    agreement.add(found, expected)
    assert agreement.shares() == shares


def test_an_input_that_one_of_the_two_cannot_do_is_a_fault() -> None:
    agreement = Agreement(fields.of_task("image_classification"))
    failed = {"input_path": "a.png", "error": {"code": "X", "message": "no memory"}}
    agreement.add(failed, {"input_path": "a.png", "class_ids": [1]})
    assert agreement.faults == ["a.png: the plan fails: no memory"]
    assert agreement.shares() == {}
