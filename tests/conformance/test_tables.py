"""Tables against PaddleX, live, on the same folders and pictures: their structure, and the whole pipeline."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from hpi_runtime import create_model, create_pipeline
from support import table_pictures, trained
from weights import tables

STRUCTURE, LAYOUT, KIND = "SLANet_plus", "PicoDet_layout_1x", "PP-LCNet_x1_0_table_cls"
READERS = {"TextDetection": "PP-OCRv6_small_det", "TextRecognition": "PP-OCRv6_small_rec"}
PIPELINE: dict[str, Any] = {
    "pipeline_name": "table_recognition",
    "use_layout_detection": True,
    "use_doc_preprocessor": False,
    "use_ocr_model": True,
    "SubModules": {
        "LayoutDetection": {"module_name": "layout_detection", "model_name": LAYOUT},
        "TableStructureRecognition": {"module_name": "table_structure_recognition", "model_name": STRUCTURE},
    },
    "SubPipelines": {
        "GeneralOCR": {
            "pipeline_name": "OCR",
            "text_type": "general",
            "use_doc_preprocessor": False,
            "use_textline_orientation": False,
            "SubModules": {
                "TextDetection": {
                    "module_name": "text_detection",
                    "model_name": READERS["TextDetection"],
                    "limit_side_len": 960,
                    "limit_type": "max",
                    "thresh": 0.3,
                    "box_thresh": 0.6,
                },
                "TextRecognition": {
                    "module_name": "text_recognition",
                    "model_name": READERS["TextRecognition"],
                    "batch_size": 1,
                    "score_thresh": 0,
                },
            },
        }
    },
}


@pytest.fixture(scope="module")
def folder(trained_models: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models as ONNX, which both programs take."""
    place = tmp_path_factory.mktemp("tables")
    for name in (STRUCTURE, LAYOUT):
        shutil.copytree(trained_models / name, place / name, ignore=shutil.ignore_patterns(".cache"))
    tables.convert(place / STRUCTURE)
    for name in READERS.values():
        shutil.copytree(models / name, place / name, ignore=shutil.ignore_patterns(".cache"))
    return place


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Tables of every kind, a page with a table, an empty page, and what is hardly a picture."""
    place = tmp_path_factory.mktemp("pictures")
    found = {f"table{number}": table.image for number, table in enumerate(table_pictures.several())}
    found |= {"page": trained.page(), "blank": np.full((400, 300, 3), 255, np.uint8)}
    found |= {"dot": trained.noise(1, 1), "thin": trained.noise(3, 400), "noise": trained.noise(120, 90)}
    for name, image in found.items():
        cv2.imwrite(str(place / f"{name}.png"), image)
    cv2.imwrite(str(place / "grey.png"), cv2.cvtColor(found["table0"], cv2.COLOR_BGR2GRAY))
    return sorted(str(path) for path in place.iterdir())


def named(name: str, pictures: Sequence[str]) -> str:
    return next(path for path in pictures if Path(path).stem == name)


# OpenVINO takes no loop whose values have no fixed rank.
@pytest.mark.parametrize("backend", ["onnxruntime", pytest.param("paddle", marks=pytest.mark.paddle)])
def test_the_structure_of_tables_is_paddlexs(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    trained_models: Path,
    pictures: list[str],
    backend: str,
) -> None:
    # PaddleX fails at a picture of which a side would have no pixel left.
    seen = [path for path in pictures if Path(path).stem != "thin"]
    question = {"model_name": STRUCTURE, "model_dir": str(folder / STRUCTURE), "settings": {}, "pictures": seen}
    (answers,) = paddlex([question])
    assert isinstance(answers, list), answers
    own = folder if backend == "onnxruntime" else trained_models
    settings: Any = {"use_hpip": True, "hpi_config": {"backend": backend}}
    with create_model(STRUCTURE, own / STRUCTURE, device="cpu", **settings) as model:
        found = list(model.predict(seen))
    cells = 0
    for table, other in zip(found, answers, strict=True):
        assert table["structure"] == other["structure"], table["input_path"]
        assert table["structure_score"] == pytest.approx(other["structure_score"], abs=1e-4)
        assert np.array(table["bbox"]).shape == np.array(other["bbox"]).shape
        assert np.allclose(table["bbox"], other["bbox"], atol=1), table["input_path"]
        cells += len(table["bbox"])
    assert cells > 150


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_whether_a_table_is_ruled_is_paddlexs(
    paddlex: Predict,  # noqa: F811
    trained_models: Path,
    pictures: list[str],
    backend: str,
) -> None:
    folder = trained_models / KIND
    question = {"model_name": KIND, "model_dir": str(folder), "settings": {}, "pictures": pictures}
    (answers,) = paddlex([question])
    assert isinstance(answers, list), answers
    settings: Any = {"use_hpip": True, "hpi_config": {"backend": backend}, "batch_size": 4}
    with create_model(KIND, folder, device="cpu", **settings) as model:
        found = list(model.predict(pictures))
    for one, other in zip(found, answers, strict=True):
        assert one["label_names"] == other["label_names"], one["input_path"]
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-4)
    said = {Path(one["input_path"]).stem: one["label_names"][0] for one in found}
    assert (said["table2"], said["table4"]) == ("wired_table", "wireless_table")


def laid_out(folder: Path, name: str, is_ours: bool, **changes: Any) -> Path:
    """Write the pipeline as one of the two programs takes it, and return where."""
    data = yaml.safe_load(yaml.safe_dump({**PIPELINE, **changes}))
    members = [*data["SubModules"].values(), *data["SubPipelines"]["GeneralOCR"]["SubModules"].values()]
    for member in members:
        member["model_dir"] = member["model_name"] if is_ours else str(folder / member["model_name"])
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


@pytest.mark.parametrize("has_layout", [True, pytest.param(False, marks=pytest.mark.full)])
def test_the_tables_of_pages_are_paddlexs(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    pictures: list[str],
    has_layout: bool,
) -> None:
    names = ("page", "table2", "table3", "table6", "blank", "grey", "noise")
    seen = [named(name, pictures) for name in (names if has_layout else names[1:5])]
    changes = {"use_layout_detection": has_layout}
    theirs = laid_out(folder, f"theirs{has_layout}", False, **changes)
    # Without layout detection PaddleX fails at the second picture.
    asked = [seen] if has_layout else [[path] for path in seen]
    told = paddlex([{"pipeline": str(theirs), "pictures": some} for some in asked])
    assert all(isinstance(answer, list) for answer in told), told
    answers = [one for answer in told for one in answer]
    with create_pipeline(laid_out(folder, f"ours{has_layout}", True, **changes), device="cpu") as pipeline:
        found = list(pipeline.predict(seen))
    count = 0
    for own, other in zip(found, answers, strict=True):
        assert not own.is_failed, own
        assert own["model_settings"] == other["model_settings"]
        assert ("layout_det_res" in own) == ("layout_det_res" in other)
        assert own["overall_ocr_res"]["rec_texts"] == other["overall_ocr_res"]["rec_texts"]
        tables_of(own["table_res_list"], other["table_res_list"])
        count += len(own["table_res_list"])
    assert count >= (1 if has_layout else len(seen))


def tables_of(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> None:
    """Compare the tables of a page."""
    assert len(found) == len(expected)
    for own, other in zip(found, expected, strict=True):
        assert own["pred_html"] == other["pred_html"]
        assert np.allclose(np.array(own["cell_box_list"]), np.array(other["cell_box_list"]).reshape(-1, 4), atol=1) or (
            not own["cell_box_list"] and not other["cell_box_list"]
        )
        texts, others = own["table_ocr_pred"], other["table_ocr_pred"]
        assert list(texts) == list(others)
        assert texts["rec_texts"] == others["rec_texts"]
        assert texts["rec_scores"] == pytest.approx(others["rec_scores"], abs=1e-4)
        assert texts["rec_boxes"] == others["rec_boxes"]
