"""Makes report.png, the example's picture: a page of two columns with a title, headings, a table and a photograph."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "ocr"))
from typeset import font  # noqa: E402 (of the other example)

SERIF = "font_source_serif_pro/files/SourceSerifPro-Regular.ttf"
BOLD = "font_roboto/files/Roboto-Bold.ttf"
PLAIN = "font_roboto/files/Roboto-Regular.ttf"
WIDTH, HEIGHT, MARGIN, GAP = 1240, 1560, 90, 50
COLUMN = (WIDTH - 2 * MARGIN - GAP) // 2
SIZE, LINE = 25, 36
ROWS = (
    ("Line", "Coffee", "Tea"),
    ("October", "1,204", "388"),
    ("November", "1,377", "402"),
    ("December", "1,518", "441"),
)
LEFT = (
    (
        "1 What was sold",
        "Sales grew in each month of the quarter, and most in December, when the market on the square "
        "brought guests who had not known us before. Coffee grew faster than tea, as it did last year.",
    ),
    (
        None,
        "The table has the cups of each month. What was sold by the kilogram is not in it; it follows in the "
        "report for the whole year.",
    ),
    (
        "2 What was bought",
        "The grinder was repaired twice, and a new one is ordered. Beans cost nine per cent more than in "
        "summer. We keep the price of a cup until March, and look at it again then.",
    ),
)
RIGHT = (
    (
        "3 Who came",
        "On most days the first guests come from the train at seven, and the last ones leave when the "
        "theatre is over. A quarter of them pay by phone.",
    ),
    (
        None,
        "The picture shows the paper cup that we will no longer use from spring on: whoever brings a cup pays less.",
    ),
    (
        "4 What comes next",
        "In January the kitchen is painted, and we are closed for a week. The terrace opens on the first of "
        "April, if the weather allows it. Until then, thank you all for a good year.",
    ),
)


def report() -> Image.Image:
    """Return the page."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(page)
    pen.text((WIDTH / 2, 110), "Café Lindenhof: the last quarter", font=font(BOLD, 46), fill="black", anchor="mm")
    top = paragraphs(pen, LEFT[:2], MARGIN, 220)
    top = paragraphs(pen, LEFT[2:], MARGIN, table(pen, MARGIN, top + 14) + 50)
    right = MARGIN + COLUMN + GAP
    top = paragraphs(pen, RIGHT[:2], right, 220)
    page.paste(cup(), (right + 60, top + 10))
    paragraphs(pen, RIGHT[2:], right, top + cup().height + 60)
    return page


def paragraphs(pen: ImageDraw.ImageDraw, parts: tuple[tuple[str | None, str], ...], left: int, top: int) -> int:
    """Draw headings and paragraphs in a column, and return where it ends."""
    for heading, text in parts:
        if heading is not None:
            pen.text((left, top), heading, font=font(BOLD, 30), fill="black")
            top += 62
        line = ""
        for word in (*text.split(), ""):
            longer = f"{line} {word}".strip()
            if word and font(SERIF, SIZE).getlength(longer) < COLUMN:
                line = longer
                continue
            pen.text((left, top), line, font=font(SERIF, SIZE), fill="black")
            line, top = word, top + LINE
        top += 30
    return top


def table(pen: ImageDraw.ImageDraw, left: int, top: int) -> int:
    """Draw the table, and return where it ends."""
    wide, high = COLUMN // 3, 52
    for row, cells in enumerate(ROWS):
        for column, text in enumerate(cells):
            box = (left + column * wide, top + row * high, left + (column + 1) * wide, top + (row + 1) * high)
            pen.rectangle(box, outline="black", width=2)
            name = BOLD if row == 0 else PLAIN
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            pen.text(middle, text, font=font(name, 24), fill="black", anchor="mm")
    return top + len(ROWS) * high


def cup() -> Image.Image:
    """Return a drawing of a paper cup on a table, in light and shade."""
    picture = Image.new("RGB", (400, 330))
    pen = ImageDraw.Draw(picture)
    for row in range(330):
        shade = 205 - row // 3 if row < 230 else 110 - (row - 230) // 2
        pen.line((0, row, 400, row), fill=(shade, shade - 15, shade - 40))
    for column in range(120, 281):
        light = 235 - abs(column - 175)
        slope = (column - 200) // 8
        pen.line((column, 70, column - slope, 270), fill=(light, light - 4, light - 12))
    pen.rectangle((135, 140, 265, 205), fill=(122, 76, 48))
    pen.ellipse((120, 55, 280, 85), fill=(246, 242, 236), outline=(150, 140, 130))
    pen.ellipse((132, 60, 268, 80), fill=(70, 42, 26))
    return picture


if __name__ == "__main__":
    report().save(HERE / "report.png")
