import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime.errors import PlanError
from hpi_runtime.judge import truth
from hpi_runtime.judge.truth import Accuracy
from hpi_schemas.values import Value
from support import fields


def poly(left: int, top: int, width: int = 100, height: int = 20) -> list[list[int]]:
    return [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]


def line(text: str, place: list[list[int]]) -> dict[str, Any]:
    return {"poly": place, "text": text}


def result(*lines: tuple[str, list[list[int]]]) -> dict[str, Any]:
    return {"rec_polys": [place for _, place in lines], "rec_texts": [text for text, _ in lines]}


def accuracy(found: dict[str, Any], true: dict[str, Any], of: Mapping[str, Value] = fields.OCR) -> Accuracy:
    counted = Accuracy()
    counted.add(found, of, true)
    return counted


PAGE = {"lines": [line("Hello world", poly(0, 0)), line("1234", poly(0, 50))]}


def test_the_very_text_has_no_mistakes_whatever_the_order_and_the_spaces() -> None:
    found = accuracy(result(("12 34", poly(1, 51)), ("Helloworld", poly(2, 1))), PAGE)
    assert (found.error_rate, found.box_recall) == (0.0, 1.0)


def test_wrong_missing_and_added_letters_are_mistakes() -> None:
    found = accuracy(result(("Hellx worldd", poly(0, 0))), PAGE)
    # One wrong, one too many, and four that nobody read, of fourteen.
    assert (found.mistakes, found.characters, found.box_recall) == (6, 14, 0.5)


def test_a_line_in_several_boxes_is_read_in_the_direction_of_writing() -> None:
    halves = result(("world", poly(50, 0, 50)), ("Hello", poly(0, 0, 50)), ("1234", poly(0, 50)))
    assert accuracy(halves, PAGE).error_rate == 0
    # Upside down: the text begins at the lower right.
    turned = [[100, 20], [0, 20], [0, 0], [100, 0]]
    upside_down = {"lines": [line("Helloworld", turned)]}
    found = result(("Hello", poly(50, 0, 50)), ("world", poly(0, 0, 50)))
    assert accuracy(found, upside_down).error_rate == 0


def test_text_where_there_is_none_is_all_mistakes() -> None:
    found = result(("Helloworld", poly(0, 0)), ("1234", poly(0, 50)), ("ghost", poly(500, 500)))
    assert accuracy(found, PAGE).mistakes == 5


def test_full_width_forms_are_the_same_letters() -> None:
    page = {"lines": [line("ＡＢＣ，１", poly(0, 0))]}
    assert accuracy(result(("ABC,1", poly(0, 0))), page).error_rate == 0


def test_a_box_that_covers_less_than_seventy_percent_has_not_found_the_line() -> None:
    page = {"lines": [line("a", poly(0, 0))]}
    assert accuracy(result(("a", poly(0, 0, 69))), page).box_recall == 0
    assert accuracy(result(("a", poly(0, 0, 71))), page).box_recall == 1


def test_a_detector_alone_is_measured_by_its_boxes() -> None:
    found = accuracy({"dt_polys": [poly(0, 0)]}, PAGE, fields.of_task("text_detection"))
    assert found.to_json() == {"box_recall": 0.5}


def test_an_input_that_failed_found_nothing() -> None:
    found = accuracy({"error": {"code": "X", "message": "broken"}}, PAGE)
    assert found.to_json() == {"box_recall": 0.0, "character_error_rate": 1.0}


@pytest.mark.parametrize(
    ("found", "true", "right"),
    [
        ({"label_names": ["7", "1"]}, {"label": "7"}, 1),
        ({"label_names": ["1", "7"]}, {"label": "7"}, 0),
        ({"label_names": []}, {"label": "7"}, 0),
        ({"angle": 90}, {"angle": 90}, 1),
        ({"angle": 270}, {"angle": 90}, 0),
    ],
)
def test_classes_and_angles_are_right_or_wrong(found: dict[str, Any], true: dict[str, Any], right: int) -> None:
    of = fields.DOCUMENT if "angle" in true else fields.of_task("image_classification")
    assert accuracy(found, true, of).label_share == right


def test_a_result_that_says_nothing_of_what_is_known_is_not_scored() -> None:
    assert accuracy(result(("x", poly(0, 0))), {"label": "7", "angle": 90}).to_json() == {}


def thing(label: str, *sides: float) -> dict[str, Any]:
    return {"cls_id": 0, "label": label, "score": 0.9, "coordinate": list(sides)}


def test_things_are_found_by_boxes_of_their_label() -> None:
    true = {"objects": [thing("cat", 0, 0, 10, 10), thing("dog", 20, 0, 30, 10), thing("dog", 50, 0, 60, 10)]}
    boxes = {"boxes": [thing("cat", 1, 0, 10, 10), thing("cat", 20, 0, 30, 10), thing("dog", 50, 0, 60, 11)]}
    found = accuracy(boxes, true, fields.of_task("object_detection"))
    assert (found.boxes, found.boxes_found) == (3, 2)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"inputs": {"a.png": {"lines": [{"text": "x", "poly": [[0, 0]]}]}}}', '{"inputs": {"a.png": 1}}'],
)
def test_what_is_no_truth_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match="is no truth"):
        truth.load(path)


def test_a_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"format": "1.0", "inputs": {"a.png": PAGE}}), encoding="utf-8")
    assert truth.load(path) == {"a.png": PAGE}
