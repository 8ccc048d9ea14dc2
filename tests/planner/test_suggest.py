"""Suggestions: near by edit distance, or none."""

from __future__ import annotations

import pytest
from hpi_planner.diagnostics.suggest import closest, distance
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.text("abcd", max_size=6)


@pytest.mark.parametrize(
    ("word", "candidates", "expected"),
    [
        ("bakend", ["backend", "backend_config"], "backend"),
        ("backned", ["backend", "device_type"], "backend"),
        ("ocr", ["OCR", "doc_preprocessor"], "OCR"),
        ("TextDetektion", ["TextDetection", "TextRecognition"], "TextDetection"),
        ("hp", ["hpi", "paddle"], "hpi"),
        ("something", ["backend", "OCR"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_word_is_suggested(word: str, candidates: list[str], expected: str | None) -> None:
    assert closest(word, candidates) == expected


@given(WORDS, WORDS, WORDS)
def test_the_distance_is_zero_for_equal_words_symmetric_and_at_most_the_longer_word(a: str, b: str, c: str) -> None:
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, b) == distance(b, a) <= max(len(a), len(b))
    assert distance(a + c, b + c) <= distance(a, b)
