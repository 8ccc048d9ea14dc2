"""The OCR example end to end: what is on the receipt, through every backend."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_runtime import create_pipeline, load_plan
from hpi_runtime.run.pipeline import Pipeline
from hpi_schemas.validate import faults
from make_picture import LINES, STICKER
from shapely.geometry import Polygon

ROOT = Path(__file__).parent.parent.parent
OCR = ROOT / "examples/ocr"
# Real pictures and what PaddleX reads in them, where they are at hand.
REFERENCE = ROOT.parent / "shared/images"
BACKENDS = [
    pytest.param("onnxruntime", id="onnxruntime"),
    pytest.param("openvino", id="openvino"),
    pytest.param("paddle", id="paddle", marks=pytest.mark.paddle),
]


def printed() -> list[str]:
    """What is printed on the receipt."""
    return [STICKER, *(part for line in LINES for part in line[0].split("|"))]


def letters(texts: list[str]) -> str:
    """The letters of texts in a fixed order, without spaces: their order and spacing are tested elsewhere."""
    return "".join(sorted("".join(texts).replace(" ", "")))


def distance(one: str, other: str) -> int:
    """Edit distance (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


@pytest.fixture(scope="module")
def receipt(models: Path) -> dict[str, Any]:
    with load_plan(OCR / "plan.json") as pipeline:
        (result,) = pipeline.predict(str(OCR / "receipt.jpg"))
    return dict(result)


def test_the_text_on_the_receipt_is_read(receipt: dict[str, Any]) -> None:
    truth, found = letters(printed()), letters(receipt["rec_texts"])
    assert distance(truth, found) / len(truth) < 0.05
    for text in ("Café Lindenhof", "Total EUR", "30.80", "1 Käsekuchen", "Receipt No. 2026-1187"):
        assert text in receipt["rec_texts"]


def test_lines_are_read_from_top_to_bottom(receipt: dict[str, Any]) -> None:
    texts = receipt["rec_texts"]
    order = [texts.index(text) for text in ("Café Lindenhof", "Receipt No. 2026-1187", "2 Cappuccino", "Total EUR")]
    assert order == sorted(order)


def test_the_page_is_turned_upright_and_the_sticker_too(receipt: dict[str, Any]) -> None:
    assert receipt["doc_preprocessor_res"]["angle"] == 90
    upside_down = [
        text
        for text, turned in zip(receipt["rec_texts"], receipt["textline_orientation_angles"], strict=True)
        if turned == 1
    ]
    assert upside_down == [text for text in receipt["rec_texts"] if text.startswith("TABLE")]
    assert len(upside_down) == 1


def test_the_record_has_the_fields_of_paddlexs(receipt: dict[str, Any]) -> None:
    assert faults("results", receipt) == []
    lines = len(receipt["rec_texts"])
    for field in ("rec_scores", "rec_polys", "rec_boxes"):
        assert len(receipt[field]) == lines
    assert receipt["model_settings"] == {"use_doc_preprocessor": True, "use_textline_orientation": True}
    assert receipt["text_det_params"]["box_thresh"] == 0.5


def test_a_picture_does_not_depend_on_its_neighbours(models: Path, receipt: dict[str, Any]) -> None:
    other = np.full((200, 300, 3), 255, np.uint8)
    with load_plan(OCR / "plan.json") as pipeline:
        results = list(pipeline.predict([other, cv2.imread(str(OCR / "receipt.jpg")), other]))
    assert [len(result["rec_texts"]) for result in results][::2] == [0, 0]
    assert results[1]["rec_texts"] == receipt["rec_texts"]
    assert results[1]["rec_scores"] == receipt["rec_scores"]


def test_the_drawing_shows_page_and_text(models: Path, tmp_path: Path) -> None:
    with load_plan(OCR / "plan.json") as pipeline:
        (result,) = pipeline.predict(str(OCR / "receipt.jpg"))
    drawn = cv2.imread(str(result.save_to_img(tmp_path)))
    assert drawn is not None
    assert result.image is not None
    height, width = result.image.shape[:2]
    assert drawn.shape == (height, width * 2, 3)
    # Every line has ink on the white half.
    for left, top, right, bottom in result["rec_boxes"]:
        assert drawn[top:bottom, width + left : width + right].min() < 100


# -- the same through every backend ---------------------------------------------------------------


@pytest.fixture(scope="module")
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Pipelines of detector and recogniser alone, by backend, loaded once."""
    loaded: dict[str, Pipeline] = {}

    def get(backend: str) -> Pipeline:
        if backend not in loaded:
            folder = tmp_path_factory.mktemp(backend)
            source = "paddle_models" if backend == "paddle" else "models"
            shutil.copytree(request.getfixturevalue(source), folder / "models", ignore=shutil.ignore_patterns(".cache"))
            shutil.copy(Path(__file__).parent / "plain_ocr.yaml", folder / "pipeline.yaml")
            config = {"auto_config": False, "backend": backend}
            loaded[backend] = create_pipeline(folder / "pipeline.yaml", hpi_config=config)
        return loaded[backend]

    yield get
    for pipeline in loaded.values():
        pipeline.close()


@pytest.mark.parametrize(
    "backend", [*BACKENDS[:2], pytest.param("paddle", marks=[pytest.mark.paddle, pytest.mark.full])]
)
def test_every_backend_reads_the_same(reference: Any, backend: str) -> None:
    upright = cv2.rotate(cv2.imread(str(OCR / "receipt.jpg")), cv2.ROTATE_90_COUNTERCLOCKWISE)
    (expected,) = reference("onnxruntime").predict(upright)
    (found,) = reference(backend).predict(upright)
    assert found["rec_texts"] == expected["rec_texts"]
    assert found["dt_polys"] == expected["dt_polys"]
    assert np.abs(np.subtract(found["rec_scores"], expected["rec_scores"])).max() < 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_raw_outputs_differ_by_rounding_alone(reference: Any, backend: str) -> None:
    noise = np.random.default_rng(0)
    shapes = {"SubModules.TextDetection": (1, 3, 320, 480), "SubModules.TextRecognition": (2, 3, 48, 320)}
    for address, shape in shapes.items():
        x = noise.uniform(-1, 1, shape).astype(np.float32)
        outputs = []
        for name in ("onnxruntime", backend):
            engine = reference(name).engines[address]
            outputs += engine.run({engine.inputs[0].name: x}).values()
        assert outputs[0].shape == outputs[1].shape
        assert np.abs(outputs[0] - outputs[1]).max() < 2e-4


@pytest.mark.skipif(not (REFERENCE / "expected.json").is_file(), reason="the reference pictures are not here")
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_reference_pictures_are_read_as_paddlex_reads_them(reference: Any, backend: str) -> None:
    expected = json.loads((REFERENCE / "expected.json").read_text(encoding="utf-8"))
    wrong = total = matched = boxes = 0
    # Paddle takes three times as long as the others, and differs from ONNX Runtime by 2e-4 at most (see above).
    for name, want in list(expected.items())[:: 3 if backend == "paddle" else 1]:
        (found,) = reference(backend).predict(str(REFERENCE / name))
        one, other = "\n".join(want["rec_texts"]), "\n".join(found["rec_texts"])
        wrong, total = wrong + distance(one, other), total + len(one)
        have = [Polygon(poly) for poly in found["dt_polys"]]
        for poly in map(Polygon, want["dt_polys"]):
            best = max((poly.intersection(item).area / poly.union(item).area for item in have), default=0)
            matched, boxes = matched + (best >= 0.9), boxes + 1
    sys.stderr.write(f"{backend}: {wrong} of {total} characters differ, {matched} of {boxes} boxes match\n")
    assert wrong / total <= 0.005
    assert matched / boxes >= 0.98
