"""What other packages bring: a backend, a pipeline, a task, an op, a kind; installed, planned and run like ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper
from support import other_packages, trained

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PIPELINE = """\
pipeline_name: image_classification
use_hpip: true
hpi_config: {auto_config: false, backend: reference, backend_config: {verbose: 0}}
SubModules:
  ImageClassification: {model_name: page_orientation, model_dir: page_orientation}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine on which the packages are installed."""
    return other_packages.install(tmp_path_factory.mktemp("other"))


def run(environment: dict[str, str], folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page_orientation").symlink_to(ROOT / "examples/ocr/page_orientation")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return tmp_path


def test_a_backend_of_another_package_is_planned_and_run(environment: dict[str, str], folder: Path) -> None:
    done = run(environment, folder, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    plan = json.loads((folder / "plan.json").read_text())
    module = plan["modules"]["SubModules.ImageClassification"]
    assert module["engine"] == {"backend": "reference", "config": {"verbose": 0}, "fallback": [], "prepare": []}
    picture = str(ROOT / "examples/ocr/receipt.jpg")
    done = run(environment, folder, "hpi-run", "plan.json", "--input", picture, "--record", "run.json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    plain = run(
        environment, folder, "hpi-plan", "pipeline.yaml", "--hpi_config", "{backend: onnxruntime}", "--device", "cpu"
    )
    (folder / "plain.json").write_text(plain.stdout)
    done = run(environment, folder, "hpi-run", "plain.json", "--input", picture)
    expected = json.loads(done.stdout)
    assert found["class_ids"] == expected["class_ids"]
    assert found["scores"] == pytest.approx(expected["scores"], abs=1e-4)
    record = json.loads((folder / "run.json").read_text())["modules"]["SubModules.ImageClassification"]
    assert (record["backend"], record["actual"]) == ("reference", {"device": "cpu", "verbose": 0})


def test_its_options_are_checked_like_any_other(environment: dict[str, str], folder: Path) -> None:
    override = "hpi_config.backend_config={verbos: 1}"
    done = run(environment, folder, "hpi-plan", "pipeline.yaml", "--device", "cpu", "-o", override)
    assert done.returncode == 2
    assert "did you mean `verbose`?" in done.stderr


def test_without_the_package_the_plan_is_refused_by_name(environment: dict[str, str], folder: Path) -> None:
    done = run(environment, folder, "hpi-plan", "pipeline.yaml", "--device", "cpu")
    (folder / "plan.json").write_text(done.stdout)
    done = run(dict(os.environ), folder, "hpi-run", "plan.json", "--input", str(ROOT / "examples/ocr/receipt.jpg"))
    assert done.returncode == 3
    assert "the backend reference is not known to this hpi-run" in done.stderr


# -- a pipeline that reads the parts of a page ----------------------------------------------------


DETECTOR, RECOGNISER = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"


@pytest.fixture
def pages(tmp_path: Path, models: Path, trained_models: Path) -> Path:
    """A folder with the pipeline, its models, and two pages."""
    (tmp_path / "layout").symlink_to(trained_models / "PicoDet_layout_1x")
    (tmp_path / "models").symlink_to(models)
    made = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2, 3], keepdims=0)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])]
    graph = helper.make_graph([made], "mean", inputs, outputs)
    (tmp_path / "mean").mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(tmp_path / "mean/inference.onnx"))
    (tmp_path / "mean/inference.yml").write_text("Global: {model_name: brightness}\n")
    member = {name: {"model_name": name, "model_dir": f"models/{name}"} for name in (DETECTOR, RECOGNISER)}
    ocr = {
        "pipeline_name": "OCR",
        "text_type": "general",
        "use_doc_preprocessor": False,
        "use_textline_orientation": False,
        "SubModules": {
            "TextDetection": {"module_name": "text_detection", **member[DETECTOR]},
            "TextRecognition": {"module_name": "text_recognition", "batch_size": 6, **member[RECOGNISER]},
        },
    }
    parts = {"module_name": "layout_detection", "model_name": "PicoDet_layout_1x", "model_dir": "layout"}
    light = {"module_name": "brightness", "model_name": "brightness", "model_dir": "mean"}
    pipeline = {
        "pipeline_name": "page_reading",
        "use_hpip": True,
        "use_brightness": True,
        "SubModules": {"LayoutDetection": parts, "Brightness": light},
        "SubPipelines": {"RegionOCR": ocr},
    }
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    page = trained.page()
    cv2.imwrite(str(tmp_path / "page.png"), page)
    cv2.imwrite(str(tmp_path / "upper.png"), page[:900])
    cv2.imwrite(str(tmp_path / "empty.png"), page[:60])
    return tmp_path


def test_a_pipeline_of_another_package_reads_each_part_of_a_page(environment: dict[str, str], pages: Path) -> None:
    done = run(environment, pages, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    assert "cannot run" not in done.stderr
    plan = json.loads((pages / "plan.json").read_text())
    assert sorted(plan["graph"]["stages"]["read"]["each"]["stages"]) == [
        "part/detect",
        "part/lines",
        "part/order",
        "part/read",
        "part/result",
    ]
    names = [part for name in ("page", "empty", "upper") for part in ("--input", f"{name}.png")]
    done = run(environment, pages, "hpi-run", "plan.json", *names, "--save-images", "drawn")
    assert done.returncode == 0, done.stderr
    page, empty, upper = map(json.loads, done.stdout.splitlines())
    assert {"table", "figure"} <= {box["label"] for box in page["others"]}
    assert len(page["boxes"]) == len(page["regions"]) >= 2
    words = " ".join(text for region in page["regions"] for text in region["rec_texts"])
    assert "nobody will remember which" in " ".join(words.split())
    assert (empty["boxes"], empty["regions"]) == ([], [])
    assert 0.8 < page["light"] < empty["light"] <= 1
    assert (pages / "drawn/page.png_parts.png").is_file()
    # A page shares no batch with another: alone, it has the same answer to the byte.
    alone = run(environment, pages, "hpi-run", "plan.json", "--input", "upper.png")
    assert json.loads(alone.stdout) == upper


def test_a_part_is_read_as_if_it_were_a_page(environment: dict[str, str], pages: Path) -> None:
    run(environment, pages, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "plan.json")
    page = json.loads(run(environment, pages, "hpi-run", "plan.json", "--input", "page.png").stdout)
    image = np.asarray(cv2.imread(str(pages / "page.png")))
    ocr = yaml.safe_load((pages / "pipeline.yaml").read_text())["SubPipelines"]["RegionOCR"]
    (pages / "ocr.yaml").write_text(yaml.safe_dump({**ocr, "use_hpip": True}))
    run(environment, pages, "hpi-plan", "ocr.yaml", "--device", "cpu", "--output", "ocr.json")
    for place, box in enumerate(page["boxes"]):
        left, top, right, bottom = map(int, box["coordinate"])
        cv2.imwrite(str(pages / f"part{place}.png"), image[top:bottom, left:right])
    names = [part for place in range(len(page["boxes"])) for part in ("--input", f"part{place}.png")]
    done = run(environment, pages, "hpi-run", "ocr.json", *names)
    parts = [json.loads(line) for line in done.stdout.splitlines()]
    for part, region in zip(parts, page["regions"], strict=True):
        assert {key: part[key] for key in region} == region


def test_a_task_of_another_package_runs_alone_and_its_kind_is_written_and_drawn(
    environment: dict[str, str], pages: Path
) -> None:
    run(environment, pages, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "plan.json")
    module = ("--module", "SubModules.Brightness")
    done = run(environment, pages, "hpi-run", "plan.json", *module, "--input", "page.png", "--save-images", "drawn")
    assert done.returncode == 0, done.stderr
    assert 0.8 < json.loads(done.stdout)["light"] < 1
    drawn, page = (cv2.imread(str(pages / name)) for name in ("drawn/page.png_res.png", "page.png"))
    assert np.asarray(drawn).shape[0] > np.asarray(page).shape[0]
    # Judged against itself, it agrees by its own measure.
    options = ("--compare", "plan.json", "--input", "page.png", *module)
    done = run(environment, pages, "hpi-run", "plan.json", *options)
    assert "light: 100.00% the same" in done.stderr


def test_without_the_package_the_pipeline_is_refused_and_its_plan_too(environment: dict[str, str], pages: Path) -> None:
    run(environment, pages, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "plan.json")
    done = run(dict(os.environ), pages, "hpi-plan", "pipeline.yaml", "--device", "cpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no pipeline `page_reading`" in done.stderr
    done = run(dict(os.environ), pages, "hpi-run", "plan.json", "--input", "page.png")
    assert done.returncode == 2
    assert "does not know" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("group", "name"),
    [("backends", "openvino"), ("ops", "crop_lines"), ("pipelines", "OCR"), ("tasks", "text_detection")],
)
def test_two_packages_that_bring_one_thing_are_refused_by_name(
    tmp_path: Path, folder: Path, group: str, name: str
) -> None:
    info = tmp_path / "site/hpi_second-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hpi-second\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[hpi_plan.{group}]\n{name} = json\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = run(environment, folder, "hpi-plan", "pipeline.yaml", "--device", "cpu")
    assert done.returncode != 0
    assert f"two packages bring `{name}` of hpi_plan.{group}" in done.stderr
    assert "Traceback" not in done.stderr
