"""hpi-serve beside PaddleX's own server: the same answers to the same requests, good and bad."""

from __future__ import annotations

import base64
import json
import math
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_serve import contract
from hpi_serve.contract import FILE, TABLE

from hosted.conftest import BIN, PAGE, PHOTO, REACHED, ROOT, offline

Ask = Callable[[str, list[Any]], dict[str, Any]]
# The pages are not turned: PaddleX interpolates where it does, and ours are turned pixel for pixel.
UPRIGHT = ["use_doc_preprocessor=false"]
OVERRIDES: dict[str, list[str]] = {
    "OCR": UPRIGHT,
    "seal_recognition": UPRIGHT,
    "table_recognition": UPRIGHT,
    "table_recognition_v2": UPRIGHT,
    "PP-StructureV3": [
        "use_doc_preprocessor=false",
        "use_doc_orientation_classify=false",
        "use_doc_unwarping=false",
        "use_formula_recognition=false",
        "use_chart_recognition=false",
    ],
    "layout_parsing": ["use_doc_preprocessor=false", "use_formula_recognition=false"],
}
# PaddleX's gives the tables after one that it has turned the texts of the turned page.
ASKED: Mapping[str, Mapping[str, Any]] = {"table_recognition_v2": {"useTableOrientationClassify": False}}
# What takes no pictures.
FED = {
    "video_classification": "video.mp4",
    "ts_anomaly_detection": "unusual.csv",
    "ts_classification": "kind.csv",
    "ts_forecast": "past.csv",
}
# PaddleX's own server fails with these, whatever it is asked (3.7.2).
BROKEN = frozenset({"PP-ShiTuV2", "face_recognition", "image_classification", "video_classification"})
# What runs the same code of ours as another one, which is always compared.
SIBLINGS = frozenset(
    (
        *("layout_parsing", "rotated_object_detection", "semantic_segmentation", "small_object_detection"),
        *("table_recognition_v2", "vehicle_attribute_recognition", "face_recognition"),
    )
)
# Pictures are drawn otherwise.
DRAWN = frozenset({"image", "ocrImage", "docPreprocessingImage", "outputImage", "images"})
# Those of stages have PaddleX's names; these are drawn by PaddleX alone, or otherwise by us.
PICTURES, UNDRAWN = "outputImages", ("region_det_res", "seal_res", "layout_order_res")


@pytest.fixture(scope="session")
def ask(here: Path) -> Iterator[Ask]:
    """Asks both servers of a pipeline, which live in a process in PaddleX's environment."""
    command = [str(BIN / "python"), "-m", "hosted.run_served"]
    with (here / "served.log").open("w") as log:
        worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT / "tests",
            env=offline(),
            text=True,
        )

        def answers(name: str, requests: list[Any]) -> dict[str, Any]:
            asked: dict[str, Any] = {"name": name, "models": [str(here / "zoo")], "overrides": OVERRIDES.get(name, [])}
            if name in ("PP-ShiTuV2", "face_recognition"):
                asked["gallery"] = [[str(here / PHOTO), str(here / PAGE)], ["photo", "page"]]
            assert worker.stdin is not None and worker.stdout is not None
            worker.stdin.write(json.dumps({**asked, "requests": requests}) + "\n")
            worker.stdin.flush()
            found: dict[str, Any] = json.loads(worker.stdout.readline())
            assert "error" not in found, found
            return found

        yield answers
        worker.communicate()
    assert REACHED not in (here / "served.log").read_text()


def text(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def body(here: Path, name: str) -> dict[str, Any]:
    """The least request of a pipeline."""
    found = contract.find(name)
    assert found is not None
    if found.takes == FILE:
        least: dict[str, Any] = {"file": text(here / PAGE), "fileType": 1}
    else:
        least = {found.takes: text(here / FED.get(name, PHOTO))}
    return {**least, **ASKED.get(name, {})}


def rows(encoded: str) -> list[list[Any]]:
    """Return the rows of a table in base64, numbers as such."""
    lines = base64.b64decode(encoded).decode().splitlines()
    head, *others = [line.split(",") for line in lines]
    return [head, *([first, *map(float, rest)] for first, *rest in others)]


def differences(ours: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Yield where two answers differ, apart from how pictures look."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs} - {"logId"}):
            if key not in ours or key not in theirs:
                yield f"{place}.{key}: only in {'ours' if key in ours else 'theirs'}"
            elif key == PICTURES:
                names = ours[key].keys() ^ theirs[key].keys()
                yield from (f"{place}.{key}: {name}" for name in names if not name.startswith(UNDRAWN))
            elif key == TABLE:
                yield from differences(rows(ours[key]), rows(theirs[key]), f"{place}.{key}")
            elif key not in DRAWN:
                yield from differences(ours[key], theirs[key], f"{place}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield f"{place}: {len(ours)} and {len(theirs)} elements"
        for number, both in enumerate(zip(ours, theirs, strict=False)):
            yield from differences(*both, f"{place}[{number}]")
    elif isinstance(ours, float) and isinstance(theirs, (int, float)):
        if not math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-4):
            yield f"{place}: {ours} and {theirs}"
    elif ours != theirs:
        yield f"{place}: {str(ours)[:80]} and {str(theirs)[:80]}"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full) if name in SIBLINGS else name for name in contract.load_all()]
)
def test_answers_are_those_of_paddlexs_server(ask: Ask, here: Path, name: str) -> None:
    least = body(here, name)
    found = ask(name, [least, {**least, "visualize": False}])
    assert [status for status, _ in found["ours"]] == [200, 200]
    if name in BROKEN:
        assert {status for status, _ in found["theirs"]} == {500}
        return
    assert list(differences(found["ours"], found["theirs"])) == []
    for number, is_drawn in enumerate([True, False]):
        result = json.dumps(found["ours"][number][1])
        # JPEG in base64.
        has_drawing = (is_drawn or name == "PP-StructureV3") and contract.load_all()[name].drawn
        assert ("/9j/4AA" in result) == has_drawing


def test_a_flattened_page_is_paddlexs_within_rounding(ask: Ask, here: Path) -> None:
    found = ask("doc_preprocessor", [{**body(here, "doc_preprocessor"), "useDocOrientationClassify": False}])
    ours, theirs = (
        np.asarray(cv2.imdecode(np.frombuffer(base64.b64decode(page), np.uint8), cv2.IMREAD_COLOR), int)
        for page in (
            found[side][0][1]["result"]["docPreprocessingResults"][0]["outputImage"] for side in ("ours", "theirs")
        )
    )
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 3


def test_settings_of_a_request_count_as_with_paddlex(ask: Ask, here: Path) -> None:
    least = {**body(here, "OCR"), "visualize": False}
    settings: list[dict[str, Any]] = [
        {"textRecScoreThresh": 0.9},
        {"textDetThresh": 0.6, "textDetBoxThresh": 0.7, "textDetUnclipRatio": 1.2},
        {"textDetLimitSideLen": 256, "textDetLimitType": "max"},
        {"useTextlineOrientation": False},
        {"useDocOrientationClassify": False, "useDocUnwarping": False},
        {"returnWordBox": True},
    ]
    found = ask("OCR", [{**least, **item} for item in settings])
    assert [status for status, _ in found["ours"]] == [200] * len(settings)
    assert list(differences(found["ours"], found["theirs"])) == []
    told = {json.dumps(answer["result"]["ocrResults"][0]["prunedResult"]) for _, answer in found["ours"]}
    # Preprocessing is off already.
    assert len(told) == len(settings)


def test_settings_of_parsed_pages_and_found_things_count_too(ask: Ask, here: Path) -> None:
    least = {**body(here, "PP-StructureV3"), "visualize": False, "returnMarkdownImages": False}
    settings: list[dict[str, Any]] = [
        {"useTableRecognition": False},
        {"useRegionDetection": False},
        {"layoutThreshold": 0.75},
        {"formatBlockContent": True},
    ]
    found = ask("PP-StructureV3", [{**least, **item} for item in settings])
    assert [status for status, _ in found["ours"]] == [200] * len(settings)
    assert list(differences(found["ours"], found["theirs"])) == []
    least = {**body(here, "object_detection"), "visualize": False}
    found = ask("object_detection", [{**least, "threshold": value} for value in (0.05, 0.75, {"0": 0.1, "1": 0.9})])
    assert list(differences(found["ours"], found["theirs"])) == []
    assert len({len(answer["result"]["detectedObjects"]) for _, answer in found["ours"]}) > 1


def test_bad_requests_get_the_status_and_the_words_of_paddlexs_server(ask: Ask, here: Path) -> None:
    page = text(here / PAGE)
    bad: list[Any] = [
        *("", "{", "[]", '"text"', "null", "{}", '{"file": 3}', '{"file": null, "fileType": 1}'),
        *({"file": page}, {"file": page, "fileType": 2}),
        {
            "file": page,
            "fileType": 1,
            "textDetThresh": "high",
            "useDocUnwarping": "perhaps",
            "textDetLimitSideLen": 1.5,
        },
    ]
    found = ask("OCR", bad)
    # One more, on which PaddleX's fails.
    (number, _), *_ = ask("OCR", [{"file": page, "fileType": 1, "logId": 7}])["ours"]
    assert number == 422
    assert [status for status, _ in found["ours"]] == [422] * len(bad)
    assert list(differences(found["ours"], found["theirs"])) == []
    # What cannot be read, ours says more of.
    unread = [
        {"file": "AAAA", "fileType": 1},
        {"file": page, "fileType": 0},
        {"file": text(here / PAGE)[:400], "fileType": 1, "logId": "mine"},
    ]
    found = ask("OCR", unread)
    for (status, ours), (their_status, theirs) in zip(found["ours"], found["theirs"], strict=True):
        assert status == their_status == 422
        assert ours["errorMsg"].startswith(f"{theirs['errorMsg']}: ")
    assert found["ours"][2][1]["logId"] == "mine"
