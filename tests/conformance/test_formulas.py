"""Formulas against PaddleX: texts, single pictures, and those of a page."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conformance.conftest import HERE, PYTHON
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from hosted.zoo import detector
from hpi_runtime import create_model, create_pipeline
from hpi_runtime.documents import latex
from support import toy_formulas

PIECES = [
    *("x", "y", "2", " ", "  ", "+", "=", "{", "}", "^", "_", "\\\\ ", "\\alpha ", "\\alpha x", "&", "\\,", "(", ")"),
    *("\\text { a b }", "\\text{ \\beta c }", "\\text { \\beta c }", "\\mathrm { d }", "\\operatorname* { l i m }"),
    *("\\mathbf {v}", "\\frac { 1 } { 2 }", "\u4f60", "\\text { \u4f60\u597d }", '"', "\u00e9", "\u00c3\u00a9", "'"),
    *("ab", "\\"),
]


def texts(count: int) -> list[str]:
    """Return texts of pieces that formulas have."""
    made = random.Random(11)
    return ["".join(made.choices(PIECES, k=made.randint(1, 14))) for _ in range(count)]


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[str]]:
    """What PaddleX makes of texts, in both ways."""
    if not PYTHON.is_file():
        pytest.skip("PaddleX is not installed; `make test` does it")
    asked = texts(3000)
    command = [str(PYTHON), "-m", "conformance.latex_paddlex"]
    done = subprocess.run(
        command, input=json.dumps(asked), cwd=HERE.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(asked, json.loads(done.stdout), strict=True))


def test_texts_are_put_right_as_paddlex_does(theirs: dict[str, list[str]]) -> None:
    for text, both in theirs.items():
        assert [latex.mended(text), latex.put_right(text)] == both
    assert sum(" " in mer for mer, _ in theirs.values()) > 100


MODELS: dict[str, Callable[[Path], Path]] = {
    "PP-FormulaNet_plus-M": toy_formulas.reader,
    "PP-FormulaNet-L": lambda folder: toy_formulas.reader(folder, (768, 768), "PP-FormulaNet-L"),
    "UniMERNet": lambda folder: toy_formulas.reader(folder, (180, 660), "UniMERNet"),
    "LaTeX_OCR_rec": toy_formulas.ocr_reader,
}


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_a_formula_is_read_as_by_paddlex(
    paddlex: Predict,  # noqa: F811
    tmp_path: Path,
    name: str,
    size: int,
) -> None:
    MODELS[name](tmp_path / name)
    pictures = toy_formulas.pictures(tmp_path)
    if name == "LaTeX_OCR_rec":
        # PaddleX divides by the spread of their greys.
        pictures = [path for path in pictures if "blank" not in path and "dot" not in path and "line" not in path]
    asked = {"model_name": name, "model_dir": str(tmp_path / name), "pictures": pictures, "batch_size": size}
    (answers,) = paddlex([asked])
    assert isinstance(answers, list), answers
    with create_model(name, tmp_path / name, device="cpu", batch_size=size) as own:
        found = list(own.predict(pictures))
    assert [one["rec_formula"] for one in found] == [other["rec_formula"] for other in answers]
    assert len({one["rec_formula"] for one in found}) > len(found) // 2


@pytest.mark.parametrize("has_layout", [True, False])
def test_formulas_of_a_page_are_those_of_paddlex(
    paddlex: Predict,  # noqa: F811
    tmp_path: Path,
    has_layout: bool,
) -> None:
    reader, finder = "PP-FormulaNet_plus-M", "PicoDet_layout_1x"
    toy_formulas.reader(tmp_path / reader)
    boxes = [[1, 0.9, 20, 10, 130, 60], [0, 0.8, 10, 70, 150, 100], [1, 0.7, 30.5, 100.2, 140.7, 150.9]]
    detector(tmp_path / finder, boxes, ["text", "formula"])
    page = np.random.default_rng(6).integers(0, 256, (400, 600, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "page.png"), cv2.blur(page, (5, 5)))
    cv2.imwrite(str(tmp_path / "none.png"), np.full((50, 60, 3), 200, np.uint8))
    paths = [str(tmp_path / "page.png"), str(tmp_path / "none.png")]
    modules: dict[str, dict[str, Any]] = {
        "LayoutDetection": {"module_name": "layout_detection", "model_name": finder, "threshold": 0.5},
        "FormulaRecognition": {"module_name": "formula_recognition", "model_name": reader, "batch_size": 2},
    }
    answers, found = [], []
    for is_ours in (False, True):
        members = {
            key: {**value, "model_dir": value["model_name"] if is_ours else str(tmp_path / value["model_name"])}
            for key, value in modules.items()
        }
        flags = {"use_doc_preprocessor": False, "use_layout_detection": has_layout}
        whole = {"pipeline_name": "formula_recognition", **flags, "SubModules": members}
        path = tmp_path / f"{is_ours}.yaml"
        path.write_text(yaml.safe_dump(whole))
        if is_ours:
            with create_pipeline(path, device="cpu") as own:
                found = list(own.predict(paths))
        else:
            (answers,) = paddlex([{"pipeline": str(path), "pictures": paths}])
            assert isinstance(answers, list), answers
    for one, other in zip(found, answers, strict=True):
        assert not one.is_failed, one
        assert one["model_settings"] == other["model_settings"]
        _same_formulas(one["formula_res_list"], other["formula_res_list"])
        assert one.img["formula_res_img"].width > 50
    assert len(found[0]["formula_res_list"]) == (2 if has_layout else 1)


def _same_formulas(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [list(one) for one in found] == [list(other) for other in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one["rec_formula"], one["formula_region_id"]) == (other["rec_formula"], other["formula_region_id"])
        if "dt_polys" in other:
            np.testing.assert_allclose(one["dt_polys"], other["dt_polys"], atol=1e-3)
