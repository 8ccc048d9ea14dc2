"""tables: those of a page: a list of ``cell_box_list``, ``pred_html`` and ``table_ocr_pred``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds import polygons
from hpi_runtime.kinds.base import Agreed, Kind, in_place
from hpi_runtime.pictures.geometry import corners
from hpi_runtime.results import pages, sheets

if TYPE_CHECKING:
    from hpi_runtime.pictures import Image
    from hpi_runtime.results.canvas import Canvas

_HTML = "pred_html"


class Tables(Kind):
    """Their cells, texts and HTML."""

    measure = "tables"
    is_drawn = True

    def to_json(self, value: Any) -> Any:
        """Return numbers as JSON has them."""
        return [{**table, "table_ocr_pred": _plain(table["table_ocr_pred"])} for table in value]

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw the cells on the page, those of a table in one colour."""
        for index, table in enumerate(value):
            for cell in table["cell_box_list"]:
                canvas.polygon(corners(cell), index, is_filled=False)

    def files(self, value: Any, facts: Mapping[str, Any], image: Image | None, folder: str) -> dict[str, bytes]:
        """Return each table as a page of HTML and as a spreadsheet."""
        found: dict[str, bytes] = {}
        for number, table in enumerate(value, 1):
            # Cells may show pictures of the page.
            found[f"table_{number}.html"] = sheets.page(pages.linked(table[_HTML], folder), facts)
            found[f"table_{number}.xlsx"] = sheets.workbook(table[_HTML], facts)
        return found

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count the tables whose HTML is the same, at the same place."""
        return in_place(*([table[_HTML] for table in tables or []] for tables in (found, expected)))

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count the true tables, and how like them those at their places are (TEDS, arxiv.org/abs/1911.10683)."""
        from table_recognition_metric import TEDS

        similar = TEDS()
        html = [table[_HTML] for table in found or []]
        pairs = zip(true, html, strict=False)
        alike = sum(round(1e6 * similar(_whole(expected), _whole(own))) for expected, own in pairs)
        return Counter(tables=max(len(true), len(html)), tables_alike=alike)


KIND = Tables()


def _plain(texts: Mapping[str, Any]) -> dict[str, Any]:
    return {**texts, "rec_polys": polygons.KIND.to_json(texts["rec_polys"])}


def _whole(html: str) -> str:
    """Return a table as a page of HTML, as TEDS wants it."""
    return html if "<body>" in html else f"<html><body>{html}</body></html>"
