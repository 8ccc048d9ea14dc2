"""Pages against PaddleX, live: thousands of lines and parts put together alike, and PP-StructureV3 as a whole."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conformance.conftest import HERE, PYTHON
from conformance.parse_pages import read
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from conformance.test_ruled_tables import LAYOUT, OCR, STRUCTURE, lay_out, located, pipeline
from conformance.test_tables import tables_of
from hpi_runtime import create_pipeline
from hpi_runtime.ops import fill_blocks, match_blocks, order_blocks
from support import printed_pages, toy_pages

COUNT = 150
# PaddleX gives a table the HTML of another one where of two tables that overlap one was dropped, and fails at a
# reference that lies across columns and below nothing.
OTHER_TABLES, FAILURE = "tables", "UnboundLocalError"


def ours(page: Mapping[str, Any]) -> dict[str, Any]:
    """Return what our operations make of a page, with a reader that tells sizes."""
    width, height = page["size"]
    polys = {key: [np.array(poly, np.int16) for poly in page["ocr"][key]] for key in ("rec_polys", "dt_polys")}
    ocr = {**page["ocr"], **polys}
    image = np.zeros((height, width, 3), np.uint8)
    matched = match_blocks.run({"image": image, "boxes": page["boxes"], "ocr": ocr}, {"score_thresh": 0.0})
    filled = fill_blocks.run({"page": matched["page"], **_said(matched["pieces"])}, {})
    given = {"page": filled["page"], **_said(filled["pieces"]), "regions": page["regions"], "ocr": ocr, "pictures": {}}
    if page["tables"]:
        given["table_boxes"] = [box for box in page["boxes"] if box["label"] == "table"]
        given["tables"] = [{"pred_html": html} for html in page["tables"]]
    params = {"format_block_content": False, "markdown_ignore_labels": page["ignored"]}
    return order_blocks.run(given, params)


def _said(pieces: Sequence[Any]) -> dict[str, Any]:
    found = [read(piece) for piece in pieces]
    return {"texts": [text for text, _ in found], "scores": [score for _, score in found]}


def test_parts_of_pages_are_put_together_as_paddlex_does() -> None:
    if not PYTHON.is_file():
        pytest.skip("PaddleX is not installed; `make test` does it")
    pages = [toy_pages.page(seed) for seed in range(COUNT)]
    lines = "\n".join(map(json.dumps, pages))
    command = [str(PYTHON), "-m", "conformance.parse_pages"]
    done = subprocess.run(command, input=lines, cwd=HERE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kinds: list[str] = []
    for seed, (page, line) in enumerate(zip(pages, done.stdout.splitlines(), strict=True)):
        kinds.append(compared(seed, page, json.loads(line)))
    assert len(kinds) == COUNT
    assert kinds.count("equal") >= 0.95 * COUNT


def compared(seed: int, page: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Compare a page, and return how the two are: ``equal``, or different for a reason that is known."""
    found = ours(page)
    if "error" in answer:
        assert answer["error"].startswith(FAILURE), (seed, answer)
        return FAILURE
    # However they are made, boxes and order are the same.
    bare = [[{**block, "block_content": ""} for block in blocks] for blocks in (found["blocks"], answer["blocks"])]
    assert bare[0] == bare[1], seed
    assert found["ocr"]["rec_texts"] == answer["ocr"]["rec_texts"], seed
    boxes, others = (np.array(texts["rec_boxes"]).reshape(-1, 4) for texts in (found["ocr"], answer["ocr"]))
    assert np.allclose(boxes, others), seed
    differing = {
        one["block_label"] for one, other in zip(found["blocks"], answer["blocks"], strict=True) if one != other
    }
    if differing == {"table"}:
        return OTHER_TABLES
    assert not differing, seed
    assert found["markdown"]["text"] == answer["markdown"]["text"], seed
    assert [found["markdown"]["starts"], found["markdown"]["ends"]] == answer["markdown"]["flags"], seed
    return "equal"


def structure(**changes: Any) -> dict[str, Any]:
    """Return the YAML of PP-StructureV3 without what has no models, without folders."""
    layout = {"module_name": "layout_detection", "model_name": LAYOUT}
    table = {**pipeline(), "use_layout_detection": False, "use_ocr_model": False}
    table["SubModules"] = {key: value for key, value in table["SubModules"].items() if key != "LayoutDetection"}
    off = ("use_doc_preprocessor", "use_doc_orientation_classify", "use_doc_unwarping", "use_seal_recognition")
    return {
        "pipeline_name": "PP-StructureV3",
        **dict.fromkeys((*off, "use_formula_recognition", "use_chart_recognition"), False),
        "use_table_recognition": True,
        "use_region_detection": True,
        "SubModules": {"LayoutDetection": layout, "RegionDetection": dict(layout)},
        "SubPipelines": {"GeneralOCR": OCR, "TableRecognition": table},
        **changes,
    }


@pytest.fixture(scope="module")
def folder(trained_models: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("structure")
    lay_out(place, trained_models, models)
    return place


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Pages of one, two and three columns, an empty one, and a document of two."""
    place = tmp_path_factory.mktemp("pages")
    images = [printed_pages.page(columns) for columns in (1, 2, 3)]
    for number, image in enumerate([*images, np.full((300, 200, 3), 255, np.uint8)]):
        cv2.imwrite(str(place / f"{number}.png"), image)
    cv2.imwritemulti(str(place / "document.tiff"), [np.full((200, 300, 3), shade, np.uint8) for shade in (255, 200)])
    return sorted(str(path) for path in place.iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as it is"),
        pytest.param(
            {"use_region_detection": False, "format_block_content": True}, id="formatted", marks=pytest.mark.full
        ),
        pytest.param(
            {"use_table_recognition": False, "markdown_ignore_labels": ["paragraph_title"]},
            id="without tables",
            marks=pytest.mark.full,
        ),
    ],
)
def test_pp_structurev3_reads_pages_as_paddlex_does(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    pictures: list[str],
    changes: dict[str, Any],
) -> None:
    seen = pictures if not changes else pictures[1:2]
    data = located(structure(**changes), folder)
    path = folder / "structure.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    (answers,) = paddlex([{"pipeline": str(path), "pictures": seen}])
    assert isinstance(answers, list), answers
    with create_pipeline(path, device="cpu") as loaded:
        found = list(loaded.predict(seen))
    for own, other in zip(found, answers, strict=True):
        assert not own.is_failed, own
        assert json.loads(own.to_line())["markdown"]["text"] == other["markdown"], own["input_path"]
        for key in ("page_index", "page_count", "width", "height", "model_settings", "parsing_res_list"):
            assert own[key] == other[key], key
        assert own["overall_ocr_res"]["rec_texts"] == other["overall_ocr_res"]["rec_texts"]
        assert np.allclose(
            np.array(own["overall_ocr_res"]["rec_boxes"]).reshape(-1, 4),
            np.array(other["overall_ocr_res"]["rec_boxes"]).reshape(-1, 4),
            atol=1,
        )
        assert len(own["layout_det_res"]["boxes"]) == len(other["layout_det_res"]["boxes"])
        tables_of(own.get("table_res_list", []), other.get("table_res_list", []))
    assert sum(len(own["parsing_res_list"]) for own in found) > 5


@pytest.mark.full
def test_layout_parsing_reads_pages_as_paddlex_does(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    pictures: list[str],
) -> None:
    table = {
        "pipeline_name": "table_recognition",
        **dict.fromkeys(("use_doc_preprocessor", "use_layout_detection", "use_ocr_model"), False),
        "SubModules": {
            "TableStructureRecognition": {"module_name": "table_structure_recognition", "model_name": STRUCTURE}
        },
        "SubPipelines": {"GeneralOCR": OCR},
    }
    off = ("use_doc_preprocessor", "use_seal_recognition", "use_formula_recognition")
    data = {
        "pipeline_name": "layout_parsing",
        **dict.fromkeys(off, False),
        "use_table_recognition": True,
        # Whole lines of titles lie in two parts then.
        "SubModules": {
            "LayoutDetection": {"module_name": "layout_detection", "model_name": LAYOUT, "layout_unclip_ratio": 1.2}
        },
        "SubPipelines": {"GeneralOCR": OCR, "TableRecognition": table},
    }
    path = folder / "parsing.yaml"
    path.write_text(yaml.safe_dump(located(data, folder), sort_keys=False))
    seen = [pictures[1], pictures[3]]
    answers = paddlex([{"pipeline": str(path), "pictures": [picture]} for picture in seen])
    with create_pipeline(path, device="cpu") as loaded:
        found = list(loaded.predict(seen))
    for own, answer in zip(found, answers, strict=True):
        assert isinstance(answer, list), answer
        assert not own.is_failed, own
        assert own["model_settings"] == answer[0]["model_settings"]
        said, expected = (
            [(part["block_label"], part["block_content"]) for part in parts]
            for parts in (own["parsing_res_list"], answer[0]["parsing_res_list"])
        )
        assert said == expected
        tables_of(own.get("table_res_list", []), answer[0].get("table_res_list", []))
    assert len(found[0]["parsing_res_list"]) > 10
