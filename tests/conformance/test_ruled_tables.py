"""table_recognition_v2 against PaddleX, live: ruled tables and others, their cells found by a model of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from conformance.test_tables import tables_of
from hpi_runtime import create_pipeline
from support import table_pictures, trained
from support.trained import Picture
from weights import cells, layout, tables

STRUCTURE, LAYOUT, KIND, ANGLE = "SLANet_plus", "PicoDet_layout_1x", "PP-LCNet_x1_0_table_cls", "PP-LCNet_x1_0_doc_ori"
WIRED, WIRELESS = "RT-DETR-L_wired_table_cell_det", "RT-DETR-L_wireless_table_cell_det"
READERS = ("PP-OCRv6_small_det", "PP-OCRv6_small_rec")
MODULES = {
    "LayoutDetection": ("layout_detection", LAYOUT),
    "TableClassification": ("table_classification", KIND),
    "WiredTableStructureRecognition": ("table_structure_recognition", STRUCTURE),
    "WirelessTableStructureRecognition": ("table_structure_recognition", STRUCTURE),
    "WiredTableCellsDetection": ("table_cells_detection", WIRED),
    "WirelessTableCellsDetection": ("table_cells_detection", WIRELESS),
    "TableOrientationClassify": ("doc_text_orientation", ANGLE),
}
OCR: dict[str, Any] = {
    "pipeline_name": "OCR",
    "text_type": "general",
    "use_doc_preprocessor": False,
    "use_textline_orientation": False,
    "SubModules": {
        "TextDetection": {
            "module_name": "text_detection",
            "model_name": READERS[0],
            "limit_side_len": 960,
            "limit_type": "max",
            "thresh": 0.3,
            "box_thresh": 0.4,
        },
        "TextRecognition": {
            "module_name": "text_recognition",
            "model_name": READERS[1],
            "batch_size": 1,
            "score_thresh": 0,
        },
    },
}


def pipeline() -> dict[str, Any]:
    """Return the pipeline's YAML, without folders."""
    modules = {key: {"module_name": task, "model_name": name} for key, (task, name) in MODULES.items()}
    return {
        "pipeline_name": "table_recognition_v2",
        "use_layout_detection": True,
        "use_doc_preprocessor": False,
        "use_ocr_model": True,
        "SubModules": modules,
        "SubPipelines": {"GeneralOCR": OCR},
    }


def located(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a YAML whose models lie in a folder."""
    node: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(data)))
    for member in node.get("SubModules", {}).values():
        member["model_dir"] = str(folder / member["model_name"])
    for key, child in node.get("SubPipelines", {}).items():
        node["SubPipelines"][key] = located(child, folder)
    return node


def lay_out(folder: Path, trained_models: Path, models: Path) -> None:
    """Write all models as ONNX, which both programs take."""
    for name in (STRUCTURE, LAYOUT, KIND, ANGLE):
        shutil.copytree(trained_models / name, folder / name, ignore=shutil.ignore_patterns(".cache"))
    layout.rename_labels(folder / LAYOUT)
    tables.convert(folder / STRUCTURE)
    for name in (WIRED, WIRELESS):
        cells.lay_out(folder / STRUCTURE / "inference.onnx", folder / name)
    for name in READERS:
        shutil.copytree(models / name, folder / name, ignore=shutil.ignore_patterns(".cache"))


@pytest.fixture(scope="module")
def folder(trained_models: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ruled")
    lay_out(place, trained_models, models)
    return place


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tables of every kind, turned ones, pages with tables, and an empty page."""
    found = {f"table{number}": table.image for number, table in enumerate(table_pictures.several())}
    found |= {"page": trained.page(), "upside_down": with_turned_table(found["table0"])}
    found |= {f"turned{angle}": np.rot90(found["table2"], angle // 90) for angle in (90, 180, 270)}
    found["blank"] = np.full((400, 300, 3), 255, np.uint8)
    found["spanning"] = spanning()
    place = tmp_path_factory.mktemp("pictures")
    for name, image in found.items():
        cv2.imwrite(str(place / f"{name}.png"), image)
    return {name: str(place / f"{name}.png") for name in found}


def with_turned_table(table: Picture) -> Picture:
    """Return a page whose table stands upside down."""
    page = trained.page()
    turned = cv2.rotate(cv2.resize(table, None, fx=1.2, fy=1.2), cv2.ROTATE_180)
    page[620:890, 100:1140] = 255
    page[600 : 600 + turned.shape[0], 300 : 300 + turned.shape[1]] = turned
    return page


def spanning() -> Picture:
    """Return a table with a line of text that runs over the borders of cells."""
    image = table_pictures.render(1, 4, 4).image.copy()
    cv2.rectangle(image, (20, 104), (400, 132), (255, 255, 255), -1)
    cv2.putText(image, "one long line over three cells", (22, 126), cv2.FONT_HERSHEY_SIMPLEX, 0.75, (0, 0, 0), 2)
    return np.asarray(image)


BY_CELLS = {"use_wired_table_cells_trans_to_html": True, "use_wireless_table_cells_trans_to_html": True}
OPTIONS = {
    "as it is": {},
    "end to end": {"use_e2e_wired_table_rec_model": True, "use_e2e_wireless_table_rec_model": True},
    "HTML from cells": BY_CELLS,
    "HTML from the structure's cells": {**BY_CELLS, "use_e2e_wired_table_rec_model": True},
    "lines stay whole": {"use_ocr_results_with_table_cells": False},
    "nothing turned": {"use_table_orientation_classify": False},
}


USUAL = ("as it is",)


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(value, id=name, marks=() if name in USUAL else pytest.mark.full) for name, value in OPTIONS.items()],
)
def test_single_tables_are_paddlexs_with_every_option(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    pictures: dict[str, str],
    arguments: dict[str, bool],
) -> None:
    # PaddleX loses its way on what is turned where it does not look for it.
    usual = ["table0", "table1", "table3", "table6", "turned90", "turned180", "turned270", "spanning"]
    names = ["table0", "table1", "table3", "spanning"] if arguments else usual
    compared(paddlex, folder, {name: pictures[name] for name in names}, arguments, use_layout_detection=False)


@pytest.mark.full
def test_tables_of_pages_are_paddlexs_however_the_tables_are_turned(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    pictures: dict[str, str],
) -> None:
    names = ("page", "upside_down", "blank")
    assert compared(paddlex, folder, {name: pictures[name] for name in names}, {}, use_layout_detection=True) == 2


def compared(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    pictures: Mapping[str, str],
    arguments: Mapping[str, bool],
    **changes: Any,
) -> int:
    """Compare the tables of both programs, and return how many there are."""
    data = located({**pipeline(), **changes}, folder)
    theirs, ours = folder / "theirs.yaml", folder / "ours.yaml"
    theirs.write_text(yaml.safe_dump(data, sort_keys=False))
    ours.write_text(yaml.safe_dump({**data, **arguments}, sort_keys=False))
    asked = [{"pipeline": str(theirs), "pictures": [path], "arguments": arguments} for path in pictures.values()]
    with create_pipeline(ours, device="cpu") as loaded:
        found = list(loaded.predict(list(pictures.values())))
    count = 0
    for name, own, answer in zip(pictures, found, paddlex(asked), strict=True):
        assert isinstance(answer, list), (name, answer)
        assert not own.is_failed, (name, own)
        assert own["model_settings"] == answer[0]["model_settings"]
        tables_of(own["table_res_list"], answer[0]["table_res_list"])
        count += len(own["table_res_list"])
    assert changes["use_layout_detection"] or count == len(pictures)
    return count
