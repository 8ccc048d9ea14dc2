"""What settings may be: the plan refuses what the runner could not do."""

from typing import Any

import pytest
from hpi_schemas import settings, tasks

DETECTION = tasks.load_all()["layout_detection"].settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", 0.3),
        ("threshold", {0: 0.3, "1": 1}),
        # More digits than Python makes a number of.
        ("threshold", {"9" * 5000: 0.3}),
        ("layout_unclip_ratio", 1.5),
        ("layout_unclip_ratio", [1.2, 0.8]),
        ("layout_unclip_ratio", {1: [2.0, 0.5], 3: 1}),
        ("layout_merge_bboxes_mode", "union"),
        ("layout_merge_bboxes_mode", {0: "large", 1: "small"}),
    ],
)
def test_one_value_or_one_for_each_class_is_taken(key: str, value: Any) -> None:
    assert settings.fault(value, DETECTION[key]) is None


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("threshold", [0.1], "of type number or mapping"),
        ("threshold", True, "of type number or mapping"),
        ("threshold", 2, "at most 1"),
        ("threshold", {"text": 0.3}, "by the numbers of classes, and `text` is none"),
        ("threshold", {-1: 0.3}, "by the numbers of classes, and `-1` is none"),
        ("threshold", {True: 0.3}, "by the numbers of classes, and `True` is none"),
        ("threshold", {0: None}, "of type number for the class 0"),
        ("threshold", {0: 0.1, 2: 1.5}, "at most 1 for the class 2"),
        ("threshold", {0: {1: 0.5}}, "of type number for the class 0"),
        ("layout_unclip_ratio", [1.0], "a list of 2 numbers"),
        ("layout_unclip_ratio", [1.0, "x"], "a list of 2 numbers"),
        ("layout_unclip_ratio", {2: [1.0, True]}, "a list of 2 numbers for the class 2"),
        ("layout_unclip_ratio", "wide", "of type number or list or mapping"),
        ("layout_merge_bboxes_mode", "most", "`large` or `small` or `union`"),
        ("layout_merge_bboxes_mode", {1: "most"}, "`large` or `small` or `union` for the class 1"),
    ],
)
def test_what_is_neither_is_said(key: str, value: Any, wanted: str) -> None:
    assert settings.fault(value, DETECTION[key]) == wanted
