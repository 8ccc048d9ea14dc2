"""Drawings and the fonts they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hpi_runtime import kinds
from hpi_runtime.results import fonts
from hpi_runtime.results.canvas import Canvas, draw
from hpi_schemas import ops, tasks
from hpi_schemas.cleaning import clean_line
from PIL import ImageFont
from support import fields

PAGE = np.full((120, 300, 3), 255, np.uint8)
BOX = [[20, 20], [200, 20], [200, 50], [20, 50]]


def test_text_stands_beside_the_page_where_it_was_read() -> None:
    drawn = np.asarray(draw({"rec_texts": ["Hello"], "rec_polys": [BOX]}, fields.OCR, {}, PAGE))
    assert drawn.shape == (120, 600, 3)
    page, text = drawn[:, :300], drawn[:, 300:]
    # The box is tinted on the page; the words are black on white in the same place beside it.
    assert (page[30, 100] != 255).any()
    assert text[22:48, 22:198].min() < 60
    assert text[70:].min() == 255


@pytest.mark.parametrize(
    ("of", "result", "size"),
    [
        (fields.of_task("text_detection"), {"dt_polys": [BOX]}, (300, 120)),
        (fields.OCR, {"doc_preprocessor_res": {}}, (300, 120)),
        (fields.OCR, {"rec_texts": [], "rec_polys": []}, (600, 120)),
        (fields.of_task("object_detection"), {"boxes": []}, (300, 120)),
    ],
)
def test_other_results_show_the_page(of: Any, result: dict[str, Any], size: tuple[int, int]) -> None:
    assert draw(result, of, {}, PAGE).size == size


@pytest.mark.parametrize(
    ("of", "result"),
    [
        (fields.of_task("image_classification"), {"label_names": ["dog", "cat"], "scores": [0.9, 0.1]}),
        (
            fields.of_task("text_recognition"),
            {"rec_text": "a line of text that is much wider than the picture it was read in", "rec_score": 0.9},
        ),
        (fields.DOCUMENT, {"angle": 90}),
    ],
)
def test_single_answers_become_a_caption(of: Any, result: dict[str, Any]) -> None:
    drawn = draw(result, of, {}, PAGE)
    assert drawn.height > 120
    assert drawn.width >= 300
    assert np.asarray(drawn)[125:].min() < 100


@pytest.mark.parametrize("sides", [[20, 30, 200, 90], [20, 30, 200, 30, 200, 90, 20, 90], [20, 2, 200, 90]])
def test_things_have_a_frame_and_their_label(sides: list[float]) -> None:
    box = {"cls_id": 3, "label": "figure", "score": 0.87, "coordinate": sides}
    drawn = np.asarray(draw({"boxes": [box]}, fields.of_task("layout_detection"), {}, PAGE))
    changed = (drawn != 255).any(axis=2)
    assert changed[40, 20]
    assert changed[89:91, 100].any()
    # Nothing is hidden, but what the label stands on.
    assert not changed[60, 40:180].any()
    assert changed[: sides[1] + 14 if sides[1] < 10 else sides[1], 20:60].sum() > 50


def test_a_flattened_page_is_shown_instead_of_the_curved_one() -> None:
    flat = np.full((50, 60, 3), 7, np.uint8)
    drawn = draw({}, fields.of_task("image_unwarping"), {"image": flat}, PAGE)
    np.testing.assert_array_equal(np.asarray(drawn), flat)


RECORDS = {
    **{name: contract.gives for name, contract in tasks.load_all().items()},
    **{name: fields.of_op(name) for name in ops.names() if name.endswith("_result")},
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_result_has_something_to_draw(name: str) -> None:
    drawn = [field for field in RECORDS[name].values() if field.draw and kinds.find(field.kind).is_drawn]
    assert drawn, "its drawing would be the bare input"


def test_tall_boxes_and_boxes_of_a_pixel_can_be_drawn() -> None:
    tall = [[10, 5], [30, 5], [30, 110], [10, 110]]
    tiny = [[50, 50], [51, 50], [51, 51], [50, 51]]
    assert draw({"rec_texts": ["vertical", "x"], "rec_polys": [tall, tiny]}, fields.OCR, {}, PAGE).size == (600, 120)


def test_the_font_has_the_glyphs_of_every_script_in_the_text() -> None:
    font = fonts.font_for(["价格 抹茶ラテ Straße"], 20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert "CJK" in str(font.path)


def test_without_any_font_there_is_still_a_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_candidates", lambda: ())
    fonts._best.cache_clear()
    try:
        assert draw({"rec_texts": ["plain"], "rec_polys": [BOX]}, fields.OCR, {}, PAGE).size == (600, 120)
    finally:
        fonts._best.cache_clear()


def _write(canvas: Canvas, text: str) -> None:
    canvas.add_page()
    canvas.write(text, BOX, 0)


@pytest.mark.parametrize("control", ["\n", "\r", "\t", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\u202e"])
@pytest.mark.parametrize("put", [lambda canvas, text: canvas.polygon(BOX, 0, text), Canvas.caption, _write])
def test_controls_in_a_text_are_written_out_where_it_is_drawn(put: Callable[[Canvas, str], None], control: str) -> None:
    def drawn(text: str) -> bytes:
        canvas = Canvas(PAGE)
        put(canvas, text)
        return canvas.finish().tobytes()

    assert drawn(f"ab{control}cd") == drawn(f"ab{clean_line(control)}cd") != drawn("abcd")
