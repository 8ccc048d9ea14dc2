"""Labels of the parts of a page, as PaddleX 3.7.2 sorts them."""

from __future__ import annotations

DOC_TITLES = frozenset({"doc_title"})
TITLES = frozenset({"paragraph_title", "abstract_title", "reference_title", "content_title"})
VISIONS = frozenset({"image", "table", "chart", "flowchart", "figure"})
VISION_TITLES = frozenset({"table_title", "chart_title", "figure_title", "figure_table_chart_title"})
UNORDERED = frozenset({"aside_text", "seal", "number", "formula_number"})
TEXTS = frozenset({"text"})
HEADERS = frozenset({"header", "header_image"})
FOOTERS = frozenset({"footer", "footer_image", "footnote"})
# What is beside a page's text, and in no region of it.
BESIDE = UNORDERED | HEADERS | FOOTERS
# What gets a number in reading order.
NUMBERED = frozenset(
    {
        *("text", "formula", "algorithm", "reference", "content", "abstract", "paragraph_title", "doc_title"),
        *("abstract_title", "refer_title", "content_title", "number", "footnote", "header", "header_image"),
        *("footer", "footer_image", "aside_text"),
    }
)
IMAGES = frozenset({"image", "figure", "seal"})
# What is also kept as a picture.
PICTURED = IMAGES | {"table", "formula", "chart"}
# Whose texts models of their own read.
READ_APART = frozenset({"formula", "table", "seal"})
REGION = "region"
