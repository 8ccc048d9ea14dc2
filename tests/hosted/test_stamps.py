"""Stamps, and lines that are curved: natively what PaddleX makes of the same models, number for number.

Both run in PaddleX's environment: another version of OpenCV cuts lines out otherwise.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from support import stamps, toy_detectors

from hosted.conftest import BIN, ROOT, offline, run

LAYOUT, READER = "PicoDet-S_layout_17cls", "PP-OCRv6_small_rec"
SEAL_OCR: dict[str, Any] = {
    "pipeline_name": "OCR",
    "text_type": "seal",
    "use_doc_preprocessor": False,
    "use_textline_orientation": False,
    "SubModules": {
        "TextDetection": {
            "model_name": stamps.DETECTOR,
            "model_dir": stamps.DETECTOR,
            "limit_side_len": 736,
            "limit_type": "min",
            "thresh": 0.2,
            "box_thresh": 0.5,
            "unclip_ratio": 0.5,
        },
        "TextRecognition": {"model_name": READER, "model_dir": READER, "batch_size": 1},
    },
}
# Where the stamps of a page are.
PLACES = [[60, 90, 420, 450], [500, 60, 830, 390]]


@pytest.fixture
def place(here: Path, models: Path, tmp_path: Path) -> Path:
    """A folder with the models, a page with two stamps, and stamps alone: round, oval, small, none."""
    stamps.detector(models, tmp_path)
    shutil.copytree(models / READER, tmp_path / READER, ignore=shutil.ignore_patterns(".cache"))
    rows = [[1, 0.9 - 0.1 * number, *box] for number, box in enumerate(PLACES)]
    rows.append([0, 0.9, 20, 500, 800, 560])
    toy_detectors.lay_out(tmp_path / LAYOUT, toy_detectors.saying(rows), LAYOUT, label_list=["text", "seal"])
    page = np.full((620, 880, 3), 255, np.uint8)
    for text, (left, top, right, bottom) in zip(stamps.TEXTS, PLACES, strict=False):
        page[top:bottom, left:right] = stamps.stamp(text, size=right - left)[: bottom - top]
    cv2.putText(page, "a line below the stamps", (60, 545), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3)
    line = np.full((120, 700, 3), 255, np.uint8)
    cv2.putText(line, "a straight line", (40, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 0), 3)
    turned = cv2.rotate(stamps.stamp(stamps.TEXTS[1], sweep=150), cv2.ROTATE_90_CLOCKWISE)
    pictures = {
        "page": page,
        "round": stamps.stamp(stamps.TEXTS[0]),
        "long": stamps.stamp(stamps.TEXTS[2], sweep=300),
        "oval": stamps.stamp(stamps.TEXTS[1], squeeze=0.6),
        "turned": turned,
        "small": stamps.stamp(stamps.TEXTS[3], size=200, sweep=120),
        "line": line,
        "empty": np.full((90, 140, 3), 255, np.uint8),
        "dot": np.zeros((1, 1, 3), np.uint8),
        "grey": cv2.cvtColor(stamps.stamp(stamps.TEXTS[0]), cv2.COLOR_BGR2GRAY),
    }
    (tmp_path / "in").mkdir()
    for name, image in pictures.items():
        cv2.imwrite(str(tmp_path / f"in/{name}.png"), image)
    return tmp_path


def answers(place: Path, data: Mapping[str, Any], *options: str) -> dict[str, Any]:
    """Return the records of the pictures, by name."""
    (place / "pipeline.yaml").write_text(yaml.safe_dump(dict(data), sort_keys=False))
    done = run(place, "hpi-plan", "pipeline.yaml", *options, "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    drawn = () if "--host" in options else ("--save-images", "drawn")
    done = run(place, "hpi-run", "plan.json", "--input", "in", *drawn)
    assert done.returncode == 0, done.stderr
    return {Path(result["input_path"]).stem: result for result in map(json.loads, done.stdout.splitlines())}


def hpi(backend: str) -> dict[str, Any]:
    return {"use_hpip": True, "hpi_config": {"backend": backend, "auto_config": False}}


def lines_of(own: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """Compare what was read, and return how many lines that were."""
    for name in ("rec_texts", "dt_polys", "rec_polys", "rec_boxes", "text_type", "textline_orientation_angles"):
        # Where there is no line, PaddleX says nothing of angles.
        assert own[name] == other.get(name, []), name
    assert own["rec_scores"] == pytest.approx(other["rec_scores"], abs=1e-5)
    return len(own["rec_texts"])


@pytest.mark.parametrize("backend", ["onnxruntime", pytest.param("openvino", marks=pytest.mark.full)])
def test_curved_lines_are_read_as_paddlex_reads_them(place: Path, backend: str) -> None:
    ours = answers(place, {**SEAL_OCR, **hpi(backend)})
    theirs = answers(place, {**SEAL_OCR, **hpi(backend)}, "--host", "paddlex")
    assert ours.keys() == theirs.keys()
    assert sum(lines_of(ours[name], theirs[name]) for name in ours) >= 20
    assert any(len(poly) > 8 for own in ours.values() for poly in own["dt_polys"])


@pytest.mark.parametrize("has_layout", [True, pytest.param(False, marks=pytest.mark.full)])
def test_the_stamps_of_pages_are_paddlexs(place: Path, has_layout: bool) -> None:
    data: dict[str, Any] = {
        "pipeline_name": "seal_recognition",
        "use_doc_preprocessor": False,
        "use_layout_detection": has_layout,
        "SubModules": {"LayoutDetection": {"model_name": LAYOUT, "model_dir": LAYOUT}},
        "SubPipelines": {"SealOCR": SEAL_OCR},
        **hpi("onnxruntime"),
    }
    for path in (place / "in").iterdir():
        if path.stem not in ("page", "empty"):
            path.unlink()
    ours, theirs = answers(place, data), answers(place, data, "--host", "paddlex")
    assert len(list((place / "drawn").rglob("*.png"))) == 2
    for name, own in ours.items():
        other = theirs[name]
        assert own["model_settings"] == other["model_settings"]
        assert ("layout_det_res" in own) == ("layout_det_res" in other) == has_layout
        if has_layout:
            assert own["layout_det_res"]["boxes"] == other["layout_det_res"]["boxes"]
        assert len(own["seal_res_list"]) == len(other["seal_res_list"])
    both = zip(ours["page"]["seal_res_list"], theirs["page"]["seal_res_list"], strict=True)
    assert sum(lines_of(*pair) for pair in both) >= 3
    assert len(ours["page"]["seal_res_list"]) == (2 if has_layout else 1)


@pytest.mark.full
@pytest.mark.parametrize("name", ["PP-StructureV3", "layout_parsing"])
def test_the_parts_of_a_page_say_what_their_stamps_say(place: Path, models: Path, name: str) -> None:
    finder = "PP-OCRv6_small_det"
    shutil.copytree(models / finder, place / finder, ignore=shutil.ignore_patterns(".cache"))
    reader = SEAL_OCR["SubModules"]["TextRecognition"]
    ocr = {
        **SEAL_OCR,
        "text_type": "general",
        "SubModules": {
            "TextDetection": {"model_name": finder, "model_dir": finder, "limit_side_len": 736, "limit_type": "min"},
            "TextRecognition": reader,
        },
    }
    off = ("use_doc_preprocessor", "use_table_recognition", "use_formula_recognition", "use_region_detection")
    data: dict[str, Any] = {
        "pipeline_name": name,
        **dict.fromkeys((*off, "use_doc_orientation_classify", "use_doc_unwarping", "use_chart_recognition"), False),
        "use_seal_recognition": True,
        "SubModules": {"LayoutDetection": {"model_name": LAYOUT, "model_dir": LAYOUT, "batch_size": 1}},
        "SubPipelines": {
            "GeneralOCR": ocr,
            "SealRecognition": {
                "pipeline_name": "seal_recognition",
                "use_doc_preprocessor": False,
                "use_layout_detection": False,
                "SubPipelines": {"SealOCR": SEAL_OCR},
            },
        },
        **hpi("onnxruntime"),
    }
    for path in (place / "in").iterdir():
        if path.stem != "page":
            path.unlink()
    ours, theirs = answers(place, data)["page"], answers(place, data, "--host", "paddlex")["page"]
    said = {block["block_label"]: block["block_content"] for block in ours["parsing_res_list"]}
    assert said["seal"] and "line below" in said["text"]
    for block, expected in zip(ours["parsing_res_list"], theirs["parsing_res_list"], strict=True):
        for key in ("block_label", "block_content"):
            assert block[key] == expected[key]
        assert block["block_bbox"] == pytest.approx(expected["block_bbox"], abs=1)
    both = zip(ours["seal_res_list"], theirs["seal_res_list"], strict=True)
    assert sum(lines_of(*pair) for pair in both) >= 3


@pytest.mark.parametrize("count", [400, pytest.param(5000, marks=pytest.mark.full)])
def test_lines_are_laid_straight_to_paddlexs_pixels(here: Path, count: int) -> None:
    command = [str(BIN / "python"), "-m", "hosted.crop_curves", str(count)]
    done = subprocess.run(
        command, cwd=ROOT / "tests", capture_output=True, text=True, check=False, env=offline(), timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["differ"] == []
    assert found["curved"] > 0.3 * count
