"""Tables: their structure on rendered ones, the texts in their cells, and the files that are written of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl
import pytest
from hpi_runtime import create_model
from hpi_runtime.documents import tables
from hpi_runtime.errors import InputError
from hpi_runtime.judge.truth import Accuracy
from hpi_runtime.kinds.tables import KIND
from hpi_runtime.ops import fill_structures, whole_page
from hpi_runtime.results import sheets
from hpi_runtime.results.failures import failed
from hpi_runtime.results.older import file_of
from hpi_runtime.results.result import Result
from hpi_runtime.results.writer import Writer
from hpi_runtime.run.pipeline import Pipeline
from hpi_runtime.tasks.base import OutputError
from hpi_runtime.tasks.table_structure_recognition import TableStructureRecognition
from hpi_schemas.files import Outputs
from hpi_schemas.values import Value
from support import table_pictures
from weights.tables import STRUCTURE

FIELDS = {"table_res_list": Value("tables", truth="tables")}
HEAD, TAIL = ["<html>", "<body>", "<table>"], ["</table>", "</body>", "</html>"]
FACTS = {"input_path": "a.png", "page_index": None, "plan": "sha256:0"}


# -- structure ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(trained_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("structure") / "SLANet_plus"
    shutil.copytree(trained_models / "SLANet_plus", folder, ignore=shutil.ignore_patterns(".cache"))
    with create_model("SLANet_plus", folder, device="cpu", use_hpip=True, batch_size=3) as loaded:
        yield loaded


@pytest.mark.convert
def test_rendered_tables_are_found_mark_by_mark_and_batches_change_nothing(model: Pipeline) -> None:
    rendered = table_pictures.several()
    together = list(model.predict([table.image for table in rendered]))
    right = [
        table_pictures.plain(found["structure"]) == table.tokens
        for found, table in zip(together, rendered, strict=True)
    ]
    assert sum(right) >= len(rendered) - 1
    for table, found in zip(rendered, together, strict=True):
        (alone,) = model.predict(table.image)
        assert (alone["structure"], alone["bbox"]) == (found["structure"], found["bbox"])
        assert len(found["bbox"]) == sum("<td" in mark for mark in found["structure"])


@pytest.mark.convert
def test_a_row_of_pixels_is_a_picture_too(model: Pipeline) -> None:
    (found,) = model.predict(np.zeros((1, 900, 3), np.uint8))
    assert not found.is_failed


def task() -> TableStructureRecognition:
    return TableStructureRecognition(STRUCTURE, {}, 2)


def said(*marks: str) -> dict[str, np.ndarray]:
    """Return what a model gives that says marks, then its end, then anything."""
    known = [
        "sos",
        *(mark for mark in STRUCTURE["PostProcess"]["character_dict"] if mark != "<td>"),
        "<td></td>",
        "eos",
    ]
    probabilities = np.full((1, len(marks) + 2, len(known)), 0.01, np.float32)
    for step, mark in enumerate((*marks, "eos", "<tr>")):
        probabilities[0, step, known.index(mark)] = 0.9
    corners = np.linspace(0, 1, probabilities.shape[1] * 8, dtype=np.float32).reshape(1, -1, 8)
    return {"corners": corners, "probabilities": probabilities}


def test_marks_end_at_the_end_and_only_cells_have_corners() -> None:
    context = task().feeds({"image": [np.zeros((50, 100, 3), np.uint8)]}).context
    found = task().read([said("<tr>", "<td></td>", "<td", ' colspan="2"', ">", "</td>", "</tr>")], context)
    assert found["structure"] == [[*HEAD, "<tr>", "<td></td>", "<td", ' colspan="2"', ">", "</td>", "</tr>", *TAIL]]
    assert [len(cell) for cell in found["bbox"][0]] == [8, 8]
    assert found["structure_score"] == [pytest.approx(0.9)]


def test_a_model_that_says_nothing_has_found_no_table() -> None:
    context = task().feeds({"image": [np.zeros((50, 100, 3), np.uint8)]}).context
    found = task().read([said("sos")], context)
    assert (found["bbox"], found["structure"], found["structure_score"]) == ([[]], [[*HEAD, *TAIL]], [0.0])


def test_corners_are_multiplied_by_the_square_that_the_picture_was_put_into() -> None:
    context = task().feeds({"image": [np.zeros((61, 122, 3), np.uint8)]}).context
    output = said("<td></td>")
    output["corners"][0, 0] = [0.5, 0.25] * 4
    assert task().read([output], context)["bbox"] == [[[61, 30] * 4]]


@pytest.mark.parametrize(
    ("role", "change"),
    [
        ("corners", lambda array: array[..., :4]),
        ("corners", lambda array: array * np.float32(np.nan)),
        ("probabilities", lambda array: array[:, :1]),
        ("probabilities", lambda array: array * 9),
    ],
)
def test_outputs_that_cannot_be_a_table_are_refused(role: str, change: Any) -> None:
    context = task().feeds({"image": [np.zeros((50, 100, 3), np.uint8)]}).context
    output = said("<td></td>")
    with pytest.raises(OutputError) as fault:
        task().read([{**output, role: change(output[role])}], context)
    assert fault.value.role == role


# -- texts in cells -------------------------------------------------------------------------------


def test_a_text_stands_in_the_cell_that_it_overlaps_most_or_else_in_the_nearest() -> None:
    cells = np.array([[0, 0, 10, 10], [10, 0, 30, 10]], float)
    assert tables.matched(cells, [[8, 2, 20, 8], [40, 0, 50, 10], [1, 1, 5, 5]]) == {1: [0, 1], 0: [2]}


def test_texts_of_a_cell_have_a_space_between_them_and_empty_cells_stay_empty() -> None:
    marks = [*HEAD, "<tr>", "<td></td>", "<td", ' colspan="2"', ">", "</td>", "<td></td>", "</tr>", *TAIL]
    html = tables.filled(marks, ["a", "b", "c "], {0: [0, 1], 1: [2]})
    assert html == '<html><body><table><tr><td>a b</td><td colspan="2">c </td><td></td></tr></table></body></html>'


def test_bold_texts_of_a_cell_are_bold_once() -> None:
    assert tables.filled([*HEAD, "<td></td>", *TAIL], ["<b>a</b>", "<b> b</b>", ""], {0: [0, 1, 2]}).count("<b>") == 1


def test_a_page_without_layout_is_one_table_and_one_without_texts_has_its_marks_apart() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    page = whole_page.run({"image": image}, {})
    assert page["boxes"][0]["coordinate"] == [0, 0, 29, 19]
    ocr = {"rec_boxes": [], "rec_texts": [], "rec_scores": [], "rec_polys": np.zeros((0, 4, 2), np.int16)}
    given = {"image": image, "ocr": ocr, "boxes": page["boxes"], "cells": [[]], "structures": [[*HEAD, *TAIL]]}
    (table,) = fill_structures.run(given, {})["tables"]
    assert table["pred_html"] == "<html> <body> <table> </table> </body> </html>"
    assert KIND.to_json([table]) == [{**table, "table_ocr_pred": {**table["table_ocr_pred"], "rec_polys": []}}]


# -- files ----------------------------------------------------------------------------------------


def written(html: str) -> Any:
    return openpyxl.load_workbook(BytesIO(sheets.workbook(html, FACTS))).active


def test_spans_are_merged_cells_and_what_follows_finds_its_place() -> None:
    rows = '<tr><td rowspan="2">a</td><td colspan="2">b</td></tr><tr><td>c</td><td>d</td></tr>'
    sheet = written(f"<html><body><table>{rows}</table></body></html>")
    assert sorted(map(str, sheet.merged_cells.ranges)) == ["A1:A2", "B1:C1"]
    assert [sheet[name].value for name in ("A1", "B1", "B2", "C2")] == ["a", "b", "c", "d"]


def test_no_text_is_a_formula_a_number_or_a_control_character() -> None:
    sheet = written("<table><tr><td>=1+1</td><td>007</td><td>a\x01b</td><td>@x</td></tr></table>")
    cells = [sheet.cell(1, column) for column in range(1, 5)]
    assert [(cell.value, cell.data_type) for cell in cells] == [(text, "s") for text in ("=1+1", "007", "ab", "@x")]


def test_a_table_that_claims_millions_of_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 100,000 cells"):
        sheets.workbook('<table><tr><td rowspan="9999" colspan="9999">a</td></tr></table>', FACTS)


@pytest.mark.parametrize(
    "text", ["<![foo[bar", "<![CDATA[x]]>", "<![if IE]>", "<!doctype", "<!", "<?x", "</", "&#x110000;"]
)
def test_whatever_looks_like_markup_in_a_text_a_table_is_a_spreadsheet(text: str) -> None:
    sheet = written(f"<table><tr><td>a{text}</td></tr><tr><td>b</td></tr></table>")
    assert str(sheet["A1"].value).startswith("a")


def test_a_table_shows_its_pictures_from_the_folder_that_they_are_in() -> None:
    table = {"pred_html": '<td><img src="imgs/img_in_image_box_1_2_3_4.jpg"></td>', "cell_box_list": []}
    result = Result({**FACTS, "table_res_list": [table]}, fields=FIELDS)
    assert b'src="imgs/img_in_image' in result.attachments()["table_1.html"]
    assert b'src="a%20b.png_imgs/img_in_image' in result.attachments("a b.png_imgs")["table_1.html"]


@pytest.mark.parametrize("ending", ["html", "xlsx"])
def test_a_file_says_of_which_input_it_is_so_that_a_newer_one_may_replace_it(ending: str, tmp_path: Path) -> None:
    table = {"pred_html": "<table><tr><td>a --> b</td></tr></table>", "cell_box_list": [], "table_ocr_pred": {}}
    result = Result({**FACTS, "input_path": "b --> c.png", "table_res_list": [table]}, fields=FIELDS)
    path = tmp_path / f"x.{ending}"
    path.write_bytes(result.attachments()[f"table_1.{ending}"])
    assert file_of("b --> c.png", None).holds(path)
    assert not file_of("other.png", None).holds(path)
    path.write_bytes(b"somebody's own")
    assert not file_of("b --> c.png", None).holds(path)


def test_somebodys_own_file_is_no_table_of_ours_and_then_no_record_is_written(tmp_path: Path) -> None:
    table = {"pred_html": "<table><tr><td>a</td></tr></table>", "cell_box_list": [], "table_ocr_pred": {}}
    result = Result({**FACTS, "table_res_list": [table]}, fields=FIELDS)
    (tmp_path / "a.png_table_1.html").write_text("mine")
    lines = BytesIO()
    writer = Writer(lines, Outputs([]), tmp_path, None, "res")
    assert writer.write(result).is_failed
    assert (tmp_path / "a.png_table_1.html").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png_table_1.html"]
    assert b"OUTPUT_REFUSED" in lines.getvalue()


def test_of_a_result_one_file_of_which_is_refused_none_is_written(tmp_path: Path) -> None:
    table = {"pred_html": "<table><tr><td>a</td></tr></table>", "cell_box_list": [], "table_ocr_pred": {}}
    result = Result({**FACTS, "table_res_list": [table]}, np.zeros((9, 9, 3), np.uint8), fields=FIELDS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png_res.json").write_text("mine")
    writer = Writer(BytesIO(), Outputs([]), tmp_path / "out", tmp_path / "drawn", "res")
    assert writer.write(result)["error"]["code"] == "OUTPUT_REFUSED"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.png_res.json"]


def test_tables_that_a_newer_result_does_not_have_are_gone_and_nothing_else(tmp_path: Path) -> None:
    table = {"pred_html": "<table><tr><td>a</td></tr></table>", "cell_box_list": [], "table_ocr_pred": {}}
    for count in (3, 1):
        result = Result({**FACTS, "table_res_list": [table] * count}, fields=FIELDS)
        other = Result({**FACTS, "input_path": "b.png", "table_res_list": [table] * 2}, fields=FIELDS)
        writer = Writer(BytesIO(), Outputs([]), tmp_path, None, "res")
        assert not writer.write(result).is_failed
        assert not writer.write(other).is_failed
        if count == 3:
            (tmp_path / "a.png_table_3.html").write_text("mine")
    expected = [f"{name}_table_{number}" for name, number in (("a.png", 1), ("b.png", 1), ("b.png", 2))]
    assert sorted(path.stem for path in tmp_path.glob("*.xlsx")) == expected
    assert sorted(path.stem for path in tmp_path.glob("*.html")) == sorted([*expected, "a.png_table_3"])


def test_results_write_tables_as_paddlex_names_them(tmp_path: Path) -> None:
    table = {"pred_html": "<table><tr><td>a</td></tr></table>", "cell_box_list": [], "table_ocr_pred": {}}
    result = Result({**FACTS, "table_res_list": [table, table]}, fields=FIELDS)
    assert result.save_to_html(tmp_path) == tmp_path / "a_table_1.html"
    assert result.save_to_xlsx(tmp_path) == tmp_path / "a_table_1.xlsx"
    assert '<table border="1">' in (tmp_path / "a_table_2.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"a_table_{number}.{ending}" for number in (1, 2) for ending in ("html", "xlsx")
    ]
    assert failed("a.png", None, InputError("X", "no"), "").save_to("html", tmp_path) is None


@pytest.mark.parametrize("ending", ["html", "xlsx"])
def test_a_file_that_somebody_names_is_the_first_table(ending: str, tmp_path: Path) -> None:
    table = {"pred_html": "<table><tr><td>a</td></tr></table>", "cell_box_list": [], "table_ocr_pred": {}}
    result = Result({**FACTS, "table_res_list": [table, table]}, fields=FIELDS)
    named = tmp_path / f"deep/mine.{ending.upper()}"
    assert result.save_to(ending, named) == named
    assert sorted(path.name for path in named.parent.iterdir()) == [f"a_table_2.{ending}", named.name]


# -- truth ----------------------------------------------------------------------------------------


def test_tables_are_as_like_the_truth_as_their_trees() -> None:
    table = table_pictures.render(1, 3, 3)
    true = {"tables": [table.html]}
    for html, least, most in ((table.html, 1.0, 1.0), (table.html.replace("<td>", "<td>x", 1), 0.9, 0.99)):
        accuracy = Accuracy()
        accuracy.add({"table_res_list": [{"pred_html": html}]}, FIELDS, true)
        assert least <= accuracy.to_json()["table_likeness"] <= most
    accuracy = Accuracy()
    accuracy.add({"error": {}}, FIELDS, true)
    assert accuracy.to_json() == {"table_likeness": 0.0}


def test_agreement_counts_tables_whose_html_is_the_same() -> None:
    one, other = {"pred_html": "<table></table>"}, {"pred_html": "<table>x</table>"}
    assert KIND.agree([one, one], [one, other]) == (1, 2)
    assert KIND.agree(None, [one]) == (0, 1)
    assert json.loads(json.dumps(KIND.agree([one], []))) == [0, 1]


def test_a_drawn_table_shows_its_cells() -> None:
    image = np.full((60, 80, 3), 255, np.uint8)
    table = {"pred_html": "", "cell_box_list": [[10, 10, 40, 30]], "table_ocr_pred": {}}
    drawn = Result({**FACTS, "table_res_list": [table]}, image, "table_cell_img", fields=FIELDS).img["table_cell_img"]
    pixels = cv2.cvtColor(np.asarray(drawn), cv2.COLOR_RGB2GRAY)
    assert pixels[10, 20] < 200 < pixels[20, 20]
