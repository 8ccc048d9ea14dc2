"""Makes invoice.png, the example's picture: an invoice with a ruled table, of which a cell covers several columns."""

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
WIDTH, HEIGHT = 1240, 1400
LEFT, TOP, ROW = 120, 520, 62
COLUMNS = (0, 470, 620, 800, 1000)
HEADS = ("Item", "Qty", "Price", "Amount")
ITEMS = (
    ("Espresso beans, 1 kg", "4", "18.50", "74.00"),
    ("Paper filters, box of 100", "2", "3.90", "7.80"),
    ("Milk jug, steel", "1", "24.00", "24.00"),
    ("Repair of the grinder", "3", "55.00", "165.00"),
)
TOTAL = ("Total EUR", "270.80")
ABOVE = (
    ("Café Lindenhof", BOLD, 54, 110),
    ("Invoice 2026-0417", BOLD, 38, 220),
    ("Hauptstraße 24, 10827 Berlin", SERIF, 30, 290),
    ("We charge for goods and services delivered in October as listed below,", SERIF, 28, 390),
    ("and ask you to pay within fourteen days of the date of this invoice.", SERIF, 28, 430),
)
BELOW = ("Prices are in euros and include 19 % value added tax.", "Thank you for your order!")


def invoice() -> Image.Image:
    """Return the page."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(page)
    for text, name, size, top in ABOVE:
        pen.text((LEFT, top), text, font=font(name, size), fill="black")
    for row, cells in enumerate((HEADS, *ITEMS)):
        for column, text in enumerate(cells):
            cell(pen, row, column, column + 1, text, BOLD if row == 0 else PLAIN)
    last = len(ITEMS) + 1
    cell(pen, last, 0, 3, TOTAL[0], BOLD)
    cell(pen, last, 3, 4, TOTAL[1], BOLD)
    for line, text in enumerate(BELOW):
        pen.text((LEFT, TOP + (last + 2) * ROW + line * 44), text, font=font(SERIF, 28), fill="black")
    return page


def cell(pen: ImageDraw.ImageDraw, row: int, first: int, last: int, text: str, name: str) -> None:
    """Draw a cell that covers columns from ``first`` to before ``last``, with its text in the middle."""
    box = (LEFT + COLUMNS[first], TOP + row * ROW, LEFT + COLUMNS[last], TOP + (row + 1) * ROW)
    pen.rectangle(box, outline="black", width=2)
    pen.text(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), text, font=font(name, 28), fill="black", anchor="mm")


if __name__ == "__main__":
    invoice().save(HERE / "invoice.png")
