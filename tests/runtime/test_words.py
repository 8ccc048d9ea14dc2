"""Words of lines: which characters belong together, and where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hpi_runtime.documents.words import Columns, words

LINE = np.array([[100, 50], [300, 50], [300, 90], [100, 90]])
UPRIGHT = np.array([[50, 100], [90, 100], [90, 300], [50, 300]])


def columns(text: str) -> Columns:
    """Return a line of 20 columns, one for each character from the left."""
    return Columns(text, range(len(text)), 20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one two", ["one", " ", "two"]),
        ("VGG-16 x1.25.", ["VGG-16", " ", "x1.25", "."]),
        ("(a)", ["(", "a", ")"]),
        ("中文ab", ["中", "文", "ab"]),
        ("", []),
        ("-1", ["-", "1"]),
    ],
)
def test_letters_and_digits_are_words_and_chinese_characters_stand_alone(text: str, said: list[str]) -> None:
    found, boxes = words(columns(text), LINE)
    assert found == said
    assert len(boxes) == len(said)


def test_boxes_are_the_columns_of_the_line_that_their_characters_have() -> None:
    assert words(columns("ab cd"), LINE)[1] == [[100, 50, 120, 90], [120, 50, 130, 90], [130, 50, 150, 90]]
    assert words(columns("ab cd"), UPRIGHT)[1][0] == [50, 100, 90, 120]


def test_chinese_characters_are_as_wide_as_those_beside_them_and_end_with_the_line() -> None:
    _, boxes = words(Columns("中文", [0, 19], 20), LINE)
    assert [box[0] for box in boxes] == [100, 195]
    assert [box[2] for box in boxes] == [205, 300]
