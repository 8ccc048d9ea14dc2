"""A page as Markdown, with the HTML that PaddleX 3.7.2 writes in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from hpi_runtime.documents import labels
from hpi_runtime.documents.blocks import Block
from hpi_runtime.documents.cutouts import path_of

_CHINESE = "一二三四五六七八九十百千万亿零壹贰叁肆伍陆柒捌玖拾"
# The number before a title: 1.2, (3), 四、 or IV.
_NUMBER = re.compile(
    rf"^\s*((?:[1-9][0-9]*(?:\.[1-9][0-9]*)*[\.、]?|[\(（](?:[1-9][0-9]*|[{_CHINESE}]+)[\)）]|[{_CHINESE}]+[、\.]?"
    r"|(?:I|II|III|IV|V|VI|VII|VIII|IX|X)(?:\.|\s)))(\s*)(.*)$"
)
# Headings that are written as such though their block is no title.
_HEADINGS = {"abstract": (("摘要", "abstract"), "\n", " "), "reference": (("参考文献", "references"), "", "\n")}
_PLAIN = frozenset({"number", "footnote", "header", "footer", "aside_text"})
_PARAGRAPHS = frozenset({"text", "ocr", "vertical_text", "reference_content", "vision_footnote"})

Write = Callable[[Block], str]


class Writer:
    """Writes blocks.

    Attributes:
        width: of the page in pixels.
    """

    def __init__(self, width: int, ignored: Sequence[str], has_tables: bool) -> None:
        """Take what decides how blocks are written.

        Args:
            width: of the page in pixels.
            ignored: labels of blocks that are left out.
            has_tables: tables are written as HTML, and not as pictures.
        """
        self.width = width
        self._writers = {label: write for label, write in self._all(has_tables).items() if label not in ignored}

    def block(self, block: Block) -> str | None:
        """Return a block as Markdown, None for one that is left out."""
        write = self._writers.get(block.label)
        return None if write is None else write(block)

    def page(self, blocks: Sequence[Block]) -> tuple[str, tuple[bool, bool]]:
        """Return blocks in reading order as Markdown, and whether they begin and end with a whole paragraph."""
        found = ""
        before: Block | None = None
        begins: bool | None = None
        ends = True
        for block in blocks:
            starts, ends = block.continues(before)
            begins = starts if begins is None else begins
            written = self.block(block)
            if written is None:
                continue
            goes_on = before is not None and block.label == before.label == "text" and not starts
            found += written if goes_on or not found else f"\n\n{written}"
            before = block
        return found, (True if begins is None else begins, ends)

    def _all(self, has_tables: bool) -> Mapping[str, Write]:
        pictures = dict.fromkeys(
            ("image", "chart", "formula", "display_formula", "inline_formula", "seal"), self._image
        )
        return {
            "paragraph_title": _title,
            "abstract_title": _title,
            "reference_title": _title,
            "content_title": _title,
            "doc_title": lambda block: _one_line(f"# {block.content}"),
            **dict.fromkeys(("table_title", "figure_title", "chart_title"), lambda block: _centred(block.content)),
            **dict.fromkeys(_PARAGRAPHS, lambda block: block.content.replace("\n\n", "\n").replace("\n", "\n\n")),
            **dict.fromkeys(_HEADINGS, _with_heading),
            "content": lambda block: block.content.replace("-\n", "  \n").replace("\n", "  \n"),
            "table": _table if has_tables else self._image,
            **pictures,
            "algorithm": lambda block: block.content.strip("\n"),
            "spotting": lambda block: block.content,
            **dict.fromkeys(_PLAIN, lambda block: block.content),
            # PaddleX keeps no pictures of these.
            **dict.fromkeys(("header_image", "footer_image"), lambda block: ""),
        }

    def _image(self, block: Block) -> str:
        if block.label not in labels.PICTURED:
            return _centred("")
        part = int((block.box[2] - block.box[0]) / self.width * 100)
        return _centred(f'<img src="{path_of(block.label, block.box)}" alt="Image" width="{part}%" />')


def joined(pages: Sequence[tuple[str, tuple[bool, bool]]]) -> str:
    """Return the Markdown of pages as that of a document: a paragraph that goes on over pages is one."""
    found = ""
    was_whole = True
    for text, (begins, ends) in pages:
        if begins or was_whole:
            found += f"\n\n{text}"
        else:
            around = (found[-1:], text[:1])
            found += text if any("\u4e00" <= char <= "\u9fff" for char in around) else f" {text}"
        was_whole = ends
    return found


def _title(block: Block) -> str:
    """A title whose level is that of its number."""
    title = block.content
    numbered = _NUMBER.match(title)
    if numbered:
        title = f"{numbered[1].strip()} {numbered[3].lstrip()}"
    title = title.rstrip(".")
    return _one_line(f"#{'#' * (title.count('.') + 1)} {title}")


def _table(block: Block) -> str:
    return "\n" + _centred(block.content).replace("<table>", '<table border="1">')


def _with_heading(block: Block) -> str:
    words, end, between = _HEADINGS[block.label]
    lines = block.content.split(between)
    first = next((place for place, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].lower() in words:
        lines[first] = f"## {lines[first]}{end}"
    return between.join(lines)


def _centred(content: str) -> str:
    return f'<div style="text-align: center;">{_one_line(content)}</div>\n'


def _one_line(text: str) -> str:
    return text.replace("-\n", "").replace("\n", " ")
