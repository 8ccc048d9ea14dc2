"""What every page of hpi-review shares: one file, no network, readable without scripts, by keyboard and by ear."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from hpi_schemas.cleaning import clean
from hpi_schemas.files import Kind

from hpi_planner.review.wording import value

_FRAME = Path(__file__).with_name("frame.html")
_MARK = b'<meta name="generator" content="hpi-review">'
_HEAD = 1024
# Between two parts of an address, as they begin with capitals.
_DOTS = re.compile(r"(?<=\w)\.(?=[A-Z])")
# Of a name that still stands in one line of a phone.
_LONG = 44

TOOLS = (
    '<div class="tools" hidden><label for="search">Search</label> <input id="search" type="search" autocomplete="off">'
    '<button type="button" id="open">Open all</button> <button type="button" id="close">Close all</button>'
    '<span id="count" role="status"></span></div>'
)


def framed(title: str, heading: str, summary: str, facts: Sequence[tuple[str, str]], body: str) -> str:
    """Return a page; all but ``body`` is text that is escaped here."""
    listed = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(fact)}</dd></div>" for key, fact in facts)
    whole = Template(_FRAME.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        heading=escape(heading),
        summary=escape(summary),
        facts=f'<dl class="facts">{listed}</dl>' if facts else "",
        body=body,
    )
    return clean(whole)


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _MARK in stream.read(_HEAD)
    except OSError:
        return False


PAGE = Kind("page of hpi-review", _is_page)


def identifier(address: str) -> str:
    """Return the id of the part of a page that is about a module."""
    return "m-" + "".join(char if char.isalnum() else f"-{ord(char):x}-" for char in address)


def name(text: str) -> str:
    """Write a name, which is never broken but after the dots and slashes of a long one."""
    marked = escape(text)
    if len(text) > _LONG:
        marked = marked.replace(".", ".<wbr>").replace("/", "/<wbr>")
    return f"<code>{marked}</code>"


def coded(item: object) -> str:
    """Write a value as code; a long one may break anywhere."""
    return coded_text(value(item))


def coded_text(text: str) -> str:
    """Write a text as code; a long one may break anywhere."""
    kind = ' class="long"' if len(text) > _LONG else ""
    return f"<code{kind}>{escape(text)}</code>"


def prose(text: str) -> str:
    """Write a sentence in which backticks stand around code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return words(text)
    return "".join(name(part) if number % 2 else words(part) for number, part in enumerate(parts))


def words(text: str) -> str:
    """Write a text in which the dotted names of modules may be broken after their dots."""
    return _DOTS.sub(".<wbr>", escape(text))


def bullets(title: str, items: Iterable[str], level: int = 2) -> str:
    """Write a titled list of texts; nothing without any."""
    listed = "".join(f"<li>{prose(item)}</li>" for item in items)
    return f'<h{level}>{escape(title)}</h{level}><ul class="plain">{listed}</ul>' if listed else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], label: str) -> str:
    """Write a table that scrolls by itself; cells are HTML, the first of a row heads it."""
    top = "".join(f'<th scope="col">{escape(item)}</th>' for item in head)
    lines = "".join(_row(head, row) for row in rows)
    region = f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(label)}">'
    return f"{region}<table class='cards'><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>"


def _row(head: Sequence[str], row: Sequence[str]) -> str:
    """Write a row; on a phone, where rows are cards, each cell says which column it is of."""
    first, *rest = row
    cells = "".join(
        f'<td data-column="{escape(column)}">{item}</td>' for column, item in zip(head[1:], rest, strict=True)
    )
    return f'<tr><th scope="row">{first}</th>{cells}</tr>'
