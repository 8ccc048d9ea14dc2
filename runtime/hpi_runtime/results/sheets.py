"""Tables as files: a page of HTML, and a spreadsheet."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

from hpi_runtime.results.marks import Facts, comment

_NOT_IN_SHEETS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CELLS = ("td", "th")
# Not a formula, whatever it begins with.
_TEXT = "s"
# A model may claim any span.
_MOST_CELLS = 100_000


class Cell:
    """One cell of a table.

    Attributes:
        rows, columns: how many it covers.
        text: in it.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns, self.text = rows, columns, ""


class _Rows(HTMLParser):
    """Collects the cells of a table, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[Cell]] = []
        self._cell: Cell | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in _CELLS:
            if not self.rows:
                self.rows.append([])
            given = dict(attrs)
            self._cell = Cell(_span(given.get("rowspan")), _span(given.get("colspan")))
            self.rows[-1].append(self._cell)

    def handle_endtag(self, tag: str) -> None:
        if tag in _CELLS:
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.text += data

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Pass over what begins as a marked section: HTML has none, and the base class stops at most of them."""
        return self.parse_bogus_comment(i)


def rows(html: str) -> list[list[Cell]]:
    """Return the cells of a table, row by row; those that a cell above covers are not there again."""
    found = _Rows()
    found.feed(html)
    found.close()
    return found.rows


def page(html: str, facts: Facts) -> bytes:
    """Return a table as PaddleX writes its file, with a comment that says of what it is."""
    text = html.replace("<table>", '<table border="1">')
    return f"{text}\n{comment(facts)}\n".encode("utf-8", "backslashreplace")


def workbook(html: str, facts: Facts) -> bytes:
    """Return a table as a spreadsheet of texts, .xlsx; spans are merged cells. No text is a formula.

    Raises:
        ValueError: it claims too many cells.
    """
    import openpyxl

    book = openpyxl.Workbook()
    book.properties.description = json.dumps(facts)
    sheet: Any = book.active
    taken: set[tuple[int, int]] = set()
    covered = 0
    for row, cells in enumerate(rows(html), 1):
        column = 1
        for cell in cells:
            while (row, column) in taken:
                column += 1
            place = sheet.cell(row, column, _NOT_IN_SHEETS.sub("", cell.text))
            place.data_type = _TEXT
            covered += cell.rows * cell.columns
            if covered > _MOST_CELLS:
                raise ValueError(f"the table has more than {_MOST_CELLS:,} cells")
            last = row + cell.rows - 1, column + cell.columns - 1
            if (cell.rows, cell.columns) != (1, 1):
                sheet.merge_cells(start_row=row, start_column=column, end_row=last[0], end_column=last[1])
            taken |= {(one, other) for one in range(row, last[0] + 1) for other in range(column, last[1] + 1)}
            column += cell.columns
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def _span(text: str | None) -> int:
    number = int(text) if text is not None and text.isdecimal() and len(text) < 8 else 1
    return max(1, min(number, _MOST_CELLS))
