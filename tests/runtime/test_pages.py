"""Pages: their parts in reading order, with texts and as Markdown; the files that are written of them."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import PIL.Image
import pytest
from hpi_runtime.documents import labels
from hpi_runtime.documents.blocks import Block, Region
from hpi_runtime.documents.markdown import Writer as Markdown
from hpi_runtime.documents.markdown import joined
from hpi_runtime.documents.order import ordered
from hpi_runtime.documents.page import Page
from hpi_runtime.inputs.named import expand
from hpi_runtime.judge.agreement import Agreement
from hpi_runtime.kinds.blocks import KIND
from hpi_runtime.ops import name_pictures
from hpi_runtime.results.result import Result
from hpi_runtime.results.writer import Writer
from hpi_runtime.run.native import NativePipeline
from hpi_schemas import ops
from hpi_schemas.files import Outputs
from hpi_schemas.values import Value
from support import toy_pages

FIELDS = {"markdown": Value("markdown")}
Box = tuple[int, int, int, int]


def page(boxes: list[tuple[str, Box]], lines: list[tuple[str, Box]] | None = None) -> Page:
    """Return a page of 1,000 × 1,000; without lines, each part has one that says its number."""
    said = [(str(number), box) for number, (_, box) in enumerate(boxes)] if lines is None else lines
    corners = [[[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]] for _, box in said]
    polys = [np.array(poly) for poly in corners]
    ocr = {
        "rec_texts": [text for text, _ in said],
        "rec_scores": [0.9] * len(said),
        "rec_boxes": [list(box) for _, box in said],
        "rec_polys": polys,
        "dt_polys": list(polys),
    }
    found = [{"label": label, "score": 0.9, "coordinate": [float(side) for side in box]} for label, box in boxes]
    return Page(np.zeros((1000, 1000, 3), np.uint8), found, ocr, 0.0)


def read(of: Page) -> list[tuple[str, str]]:
    """Return the parts in reading order; what would be read again says nothing."""
    of.put_shared([""] * len(of.shared_pieces()), [0.0] * len(of.shared_pieces()))
    of.put_unread([""] * len(of.unread_pieces()), [0.0] * len(of.unread_pieces()))
    return [(block.label, block.content.strip()) for block in of.blocks((), {})]


def test_columns_are_read_one_after_the_other_below_the_title_that_is_above_them() -> None:
    parts = [
        ("text", (520, 300, 980, 600)),
        ("text", (20, 300, 480, 600)),
        ("doc_title", (100, 20, 900, 80)),
        ("text", (520, 120, 980, 280)),
        ("text", (20, 120, 480, 280)),
    ]
    lines = [
        (f"{number}.", (box[0], top, box[2], top + 30))
        for number, (_, box) in enumerate(parts)
        for top in (box[1], box[3] - 30)
    ]
    said = [text[0] for _, text in read(page(parts, lines))]
    assert said == ["2", "4", "1", "3", "0"]


def test_a_caption_stands_beside_its_picture_and_headers_before_all() -> None:
    parts = [
        ("figure_title", (20, 405, 480, 430)),
        ("text", (20, 100, 980, 180)),
        ("image", (20, 200, 480, 400)),
        ("header", (20, 5, 980, 20)),
        ("text", (20, 500, 980, 600)),
    ]
    lines = [(str(number), box) for number, (label, box) in enumerate(parts) if label != "image"]
    assert [label for label, _ in read(page(parts, lines))] == ["header", "text", "image", "figure_title", "text"]


def test_of_parts_that_overlap_the_larger_stays_and_of_a_picture_and_text_the_text() -> None:
    parts = [
        ("text", (0, 0, 100, 100)),
        ("text", (0, 0, 100, 90)),
        ("image", (0, 300, 500, 600)),
        ("text", (0, 300, 90, 400)),
    ]
    assert page(parts).kept == [0, 3]


def test_a_footnote_above_the_last_text_is_text_and_the_only_large_title_is_that_of_the_document() -> None:
    found = page([("footnote", (0, 0, 100, 20)), ("text", (0, 50, 100, 90)), ("paragraph_title", (0, 100, 100, 140))])
    assert [box["label"] for box in found.boxes] == ["text", "text", "doc_title"]


def test_a_line_across_two_parts_is_cut_and_read_again_in_each() -> None:
    found = page([("text", (0, 0, 200, 50)), ("text", (210, 0, 400, 50))], [("both", (10, 10, 390, 40))])
    assert [piece.shape[:2] for piece in found.shared_pieces()] == [(30, 190), (30, 180)]
    found.put_shared(["one", "other"], [0.9, 0.9])
    assert not found.unread_pieces()
    assert [block.content for block in found.blocks((), {})] == ["one ", "other "]
    assert found.texts["rec_texts"] == ["one", "other"]


def test_a_part_without_lines_is_read_as_one_but_no_picture_is() -> None:
    found = page([("text", (0, 0, 200, 50)), ("image", (0, 100, 200, 300))], [])
    found.put_shared([], [])
    assert [piece.shape[:2] for piece in found.unread_pieces()] == [(50, 200)]
    found.put_unread(["said"], [0.9])
    assert [block.content for block in found.blocks((), {})] == ["said ", ""]


def test_without_parts_each_line_is_one_and_without_lines_there_is_nothing() -> None:
    assert read(page([], [("b", (0, 100, 90, 120)), ("a", (0, 10, 90, 30))])) == [("text", "a"), ("text", "b")]
    assert read(page([], [])) == []


@pytest.mark.parametrize("seed", range(60))
def test_every_part_comes_once_whatever_the_page(seed: int) -> None:
    data = toy_pages.page(seed)
    blocks = [Block(box["label"], box["coordinate"]) for box in data["boxes"]]
    width, height = data["size"]
    before = sorted(map(id, blocks))
    assert sorted(map(id, ordered(Region([0, 0, width, height], blocks)))) == before


def written(label: str, content: str, **settings: Any) -> str | None:
    block = Block(label, (0, 0, 50, 10))
    block.content = content
    return Markdown(100, settings.get("ignored", ()), settings.get("has_tables", True)).block(block)


@pytest.mark.parametrize(
    ("label", "content", "expected"),
    [
        ("doc_title", "A\ntitle", "# A title"),
        ("paragraph_title", "1.2 Title.", "### 1.2 Title"),
        ("paragraph_title", "三、 标题", "## 三、 标题"),
        ("paragraph_title", "Plain", "## Plain"),
        ("text", "one\ntwo", "one\n\ntwo"),
        ("abstract", "Abstract we say", "## Abstract\n we say"),
        ("reference", "\nReferences\n[1] a", "\n## References\n[1] a"),
        ("content", "a\nb", "a  \nb"),
        ("table", "<table></table>", '\n<div style="text-align: center;"><table border="1"></table></div>\n'),
        ("figure_title", "Figure 1", '<div style="text-align: center;">Figure 1</div>\n'),
        ("formula_number", "(1)", None),
    ],
)
def test_blocks_are_written_as_paddlex_writes_them(label: str, content: str, expected: str | None) -> None:
    assert written(label, content) == expected


def test_pictures_have_a_width_and_a_name_and_tables_are_pictures_where_nothing_rebuilds_them() -> None:
    picture = '<img src="imgs/img_in_{}_box_0_0_50_10.jpg" alt="Image" width="50%" />'
    shown = f'<div style="text-align: center;">{picture}</div>\n'
    assert written("image", "") == shown.format("image")
    assert written("table", "", has_tables=False) == shown.format("table")
    assert written("header", "top", ignored=["header"]) is None


def test_a_paragraph_that_goes_on_over_pages_is_one() -> None:
    pages = [("one", (True, False)), ("two", (False, True)), ("three", (True, True))]
    assert joined(pages) == "\n\none two\n\nthree"
    assert joined([("一", (True, False)), ("二", (False, True))]) == "\n\n一二"
    found = [{"markdown_texts": text, "page_continuation_flags": flags} for text, flags in pages]
    assert NativePipeline.concatenate_markdown_pages(found) == {"markdown_texts": joined(pages)}


def test_pages_without_a_result_are_left_out_and_what_is_no_page_is_said() -> None:
    page = {"markdown_texts": "one", "page_continuation_flags": (True, True)}
    assert NativePipeline.concatenate_markdown_pages([{}, page, {}]) == {"markdown_texts": "\n\none"}
    for wrong in ("one", {"markdown_texts": "one"}, None):
        with pytest.raises(TypeError, match=r"markdown_list\[1\] must be the `markdown` of a result"):
            NativePipeline.concatenate_markdown_pages([page, wrong])  # type: ignore[list-item]


def test_pages_may_be_wider_than_numbers_of_16_bits_say() -> None:
    found = page([("text", (39_000, 0, 39_900, 50))], [("far", (39_100, 10, 39_800, 40))])
    assert found.texts["rec_boxes"].tolist() == [[39_100, 10, 39_800, 40]]
    assert [block.content for block in found.blocks((), {})] == ["far "]


def test_pictures_are_texts_of_tables_and_those_without_area_are_none() -> None:
    boxes = [
        {"label": label, "score": 0.5, "coordinate": corners}
        for label, corners in (
            ("image", [5.0, 5.0, 500.0, 20.0]),
            ("text", [0.0, 0.0, 9.0, 9.0]),
            ("seal", [7.2, 7.0, 7.9, 20.0]),
        )
    ]
    ocr = {
        "rec_texts": [],
        "rec_scores": [],
        "rec_boxes": [],
        "rec_polys": np.zeros((0, 4, 2), np.int16),
        "text_type": "general",
    }
    found = name_pictures.run({"image": np.zeros((50, 100, 3), np.uint8), "boxes": boxes, "ocr": ocr}, {})
    assert found["pictures"] == {"imgs/img_in_image_box_5_5_500_20.jpg": [5, 5, 100, 20]}
    assert found["ocr"]["rec_boxes"] == [[5, 5, 100, 20]]
    assert "img_in_image_box_5_5_500_20.jpg" in found["ocr"]["rec_texts"][0]
    assert ocr["rec_texts"] == []


def test_labels_belong_to_one_kind_each() -> None:
    kinds = (labels.DOC_TITLES, labels.TITLES, labels.VISIONS, labels.VISION_TITLES, labels.BESIDE, labels.TEXTS)
    assert len(frozenset().union(*kinds)) == sum(map(len, kinds))


# -- files -----------------------------------------------------------------------------------------

PATH = "imgs/img_in_image_box_2_2_12_8.jpg"


def result(name: str, number: int | None = None) -> Result:
    record = {
        "input_path": name,
        "page_index": number,
        "plan": "sha256:0",
        "markdown": {"text": f'<img src="{PATH}" />', "images": {PATH: [2, 2, 12, 8]}, "starts": True, "ends": True},
    }
    return Result(record, np.full((20, 30, 3), 200, np.uint8), "layout_order_res", fields=FIELDS)


def test_markdown_and_its_pictures_have_paddlexs_names_in_python(tmp_path: Path) -> None:
    path = result("scan.png").save_to_markdown(tmp_path)
    assert path == tmp_path / "scan.md"
    assert (tmp_path / "scan.md").read_text().startswith(f'<img src="{PATH}" />')
    assert np.asarray(cv2.imread(str(tmp_path / PATH))).shape == (6, 10, 3)
    assert list(result("scan.png").markdown["markdown_images"]) == [PATH]


def test_the_stages_of_a_page_are_drawn_beside_the_whole(tmp_path: Path) -> None:
    contract = ops.find("structure_result")
    assert contract is not None
    fields = contract.gives["result"].fields
    box = {"cls_id": 0, "label": "text", "score": 0.9, "coordinate": [2, 2, 60, 30]}
    table = {"cell_box_list": [[4, 4, 30, 20]], "pred_html": "<table></table>", "table_ocr_pred": {"rec_polys": []}}
    record = {
        "input_path": "a/scan.jpg",
        "page_index": None,
        "plan": "sha256:0",
        "parsing_res_list": [],
        "layout_det_res": {"boxes": [box]},
        "table_res_list": [table],
    }
    page = Result(record, np.full((60, 90, 3), 255, np.uint8), "layout_order_res", fields=fields)
    drawn = page.img
    # What the page does not have is not drawn: no lines, no preprocessing.
    assert list(drawn) == ["layout_order_res", "layout_det_res", "table_cell_img"]
    whole, *parts = (np.asarray(picture) for picture in drawn.values())
    assert (whole == 255).all()
    assert all((part != 255).any() for part in parts)
    assert page.save_to_img(tmp_path) == tmp_path / "scan_layout_order_res.jpg"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"scan_{name}.jpg" for name in sorted(drawn)]
    page.save_to_img(tmp_path / "alone.png")
    assert len(list(tmp_path.iterdir())) == len(drawn) + 1


def test_of_two_inputs_with_one_name_neither_loses_its_page_or_its_pictures(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (tmp_path / "lines").open("wb") as lines:
        writer = Writer(lines, Outputs([], overwrite=False), out, None, "res")
        for name, number in (("a b.png", None), ("a b.jpg", None), ("doc.pdf", 0), ("doc.pdf", 1)):
            assert not writer.write(result(name, number)).is_failed
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.md")) == [
        "a b.jpg.md",
        "a b.png.md",
        "doc.pdf_0.md",
        "doc.pdf_1.md",
    ]
    assert 'src="a%20b.png_imgs/img_in_image_box_2_2_12_8.jpg"' in (out / "a b.png.md").read_text()
    assert len(list(out.rglob("*.jpg"))) == 4


def test_a_newer_result_replaces_the_files_of_an_older_one_and_nobody_elses(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        with (tmp_path / "lines").open("wb") as lines:
            assert not Writer(lines, Outputs([], overwrite=False), out, None, "res").write(result("a.png")).is_failed
    picture = out / "a.png_imgs/img_in_image_box_2_2_12_8.jpg"
    assert json.loads(PIL.Image.open(picture).info["comment"])["input_path"] == "a.png"
    PIL.Image.new("RGB", (3, 3)).save(picture)
    with (tmp_path / "lines").open("wb") as lines:
        failed = Writer(lines, Outputs([], overwrite=False), out, None, "res").write(result("a.png"))
    assert failed["error"]["code"] == "OUTPUT_REFUSED"
    assert PIL.Image.open(picture).size == (3, 3)


def test_pictures_that_a_newer_result_does_not_show_are_gone_and_nobody_elses(tmp_path: Path) -> None:
    newer = result("a.png")
    newer["markdown"] = {"text": "nothing", "images": {}, "starts": True, "ends": True}
    without = result("a.png")
    del without["markdown"]
    left = []
    for one in (result("a.png"), newer, without):
        writer = Writer(BytesIO(), Outputs([], overwrite=False), tmp_path / "out", None, "res")
        assert not writer.write(one).is_failed
        (tmp_path / "out/a.png_imgs/mine.jpg").write_text("mine")
        left.append(sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()))
    always = ["a.png_res.json", "mine.jpg"]
    assert left == [sorted([*always, "a.png.md", Path(PATH).name]), sorted([*always, "a.png.md"]), always]


def test_pictures_cut_out_of_pages_are_no_inputs(tmp_path: Path) -> None:
    result("scan.png").save_to_markdown(tmp_path)
    PIL.Image.new("RGB", (3, 3)).save(tmp_path / "img_in_the_office.jpg")
    PIL.Image.new("RGB", (3, 3)).save(tmp_path / "commented.jpg", comment='{"input_path": "of somebody else"}')
    (tmp_path / "img_in_a_hurry.jpg").write_bytes(b"")
    names = [Path(name).name for name in expand([str(tmp_path)]).names]
    assert names == ["commented.jpg", "img_in_a_hurry.jpg", "img_in_the_office.jpg"]


def test_markdown_has_the_name_of_a_file_that_somebody_names(tmp_path: Path) -> None:
    named = tmp_path / "notes/Mine.md"
    assert result("scan.png").save_to_markdown(named) == named
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        "notes/Mine.md",
        f"notes/{PATH}",
    ]


@pytest.mark.parametrize("name", ["\udcff.png", "a--!>b.png", "a-->b.png", "<!--.png", "a b%.png"])
def test_whatever_an_input_is_called_its_page_says_so_and_is_replaced(name: str, tmp_path: Path) -> None:
    for _ in range(2):
        writer = Writer(BytesIO(), Outputs([], overwrite=False), tmp_path / "out", None, "res")
        assert not writer.write(result(name)).is_failed
    (written,) = (tmp_path / "out").rglob("*.md")
    text = written.read_text()
    assert text.count(">") == 2
    (shown,) = re.findall('src="(.*?)"', text)
    assert (written.parent / unquote(shown, errors="surrogateescape")).is_file()


def test_blocks_agree_where_they_say_the_same_at_the_same_place() -> None:
    one, other = ({"block_label": "text", "block_content": text} for text in "ab")
    assert KIND.agree([one, other], [one, other]) == (2, 2)
    assert KIND.agree([other, one], [one, other]) == (0, 2)
    assert KIND.agree(None, [one]) == (0, 1)
    assert KIND.score([one], {}, [{"label": "text", "text": "a"}]) == {"blocks": 1, "blocks_found": 1}


def test_what_records_within_a_record_say_is_compared_too() -> None:
    inner = {"rec_texts": Value("texts"), "rec_polys": Value("polygons")}
    fields = {"parsing_res_list": Value("blocks"), "overall_ocr_res": Value("record", fields=inner)}
    square = [[0, 0], [9, 0], [9, 9], [0, 9]]
    blocks = [{"block_label": "text", "block_content": "a"}]
    one = {"parsing_res_list": blocks, "overall_ocr_res": {"rec_texts": ["a", "b"], "rec_polys": [square]}}
    other = {"parsing_res_list": blocks, "overall_ocr_res": {"rec_texts": ["a", "c"], "rec_polys": [square]}}
    agreement = Agreement(fields)
    agreement.add(one, other)
    assert agreement.shares() == {"blocks": 1.0, "boxes": 1.0, "texts": 0.5}
    agreement.add({"parsing_res_list": blocks}, other)
    assert agreement.shares()["texts"] == 0.25
