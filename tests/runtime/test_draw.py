"""Drawings and the fonts they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hpi_runtime.results import fonts
from hpi_runtime.results.draw import draw
from PIL import ImageFont

PAGE = np.full((120, 300, 3), 255, np.uint8)
BOX = [[20, 20], [200, 20], [200, 50], [20, 50]]


def test_text_stands_beside_the_page_where_it_was_read() -> None:
    drawn = np.asarray(draw({"rec_texts": ["Hello"], "rec_polys": [BOX]}, PAGE))
    assert drawn.shape == (120, 600, 3)
    page, text = drawn[:, :300], drawn[:, 300:]
    # The box is tinted on the page; the words are black on white in the same place beside it.
    assert (page[30, 100] != 255).any()
    assert text[22:48, 22:198].min() < 60
    assert text[70:].min() == 255


@pytest.mark.parametrize(
    ("result", "size"),
    [
        ({"dt_polys": [BOX]}, (300, 120)),
        ({"doc_preprocessor_res": {}}, (300, 120)),
        ({"rec_texts": [], "rec_polys": []}, (600, 120)),
    ],
)
def test_other_results_show_the_page(result: dict[str, Any], size: tuple[int, int]) -> None:
    assert draw(result, PAGE).size == size


@pytest.mark.parametrize(
    "result",
    [
        {"label_names": ["dog", "cat"], "scores": [0.9, 0.1]},
        {"rec_text": "a line of text that is much wider than the picture it was read in", "rec_score": 0.9},
    ],
)
def test_single_answers_become_a_caption(result: dict[str, Any]) -> None:
    drawn = draw(result, PAGE)
    assert drawn.height > 120
    assert drawn.width >= 300
    assert np.asarray(drawn)[125:].min() < 100


def test_tall_boxes_and_boxes_of_a_pixel_can_be_drawn() -> None:
    tall = [[10, 5], [30, 5], [30, 110], [10, 110]]
    tiny = [[50, 50], [51, 50], [51, 51], [50, 51]]
    assert draw({"rec_texts": ["vertical", "x"], "rec_polys": [tall, tiny]}, PAGE).size == (600, 120)


def test_the_font_has_the_glyphs_of_every_script_in_the_text() -> None:
    font = fonts.font_for(["价格 抹茶ラテ Straße"], 20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert "CJK" in str(font.path)


def test_without_any_font_there_is_still_a_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_candidates", lambda: ())
    fonts._best.cache_clear()
    try:
        assert draw({"rec_texts": ["plain"], "rec_polys": [BOX]}, PAGE).size == (600, 120)
    finally:
        fonts._best.cache_clear()
