"""Texts in Markdown that mean themselves: no markup, tag, link or mention comes of a name."""

from __future__ import annotations

import re

from hpi_planner.review.wording import clean

_CODE = re.compile(r"`([^`]*)`")
# What GitHub makes a link of, even where Markdown does not: people, issues, addresses.
_AUTOLINKS = re.compile(r"@|#|://|www\.|\bGH-(?=\d)|mailto:|xmpp:", re.IGNORECASE)
_BREAK = "\N{ZERO WIDTH SPACE}"


def code(item: str) -> str:
    """Write a text as code; a backtick would end it."""
    return f"`{clean(item).replace('`', chr(39))}`" if item else ""


def cell(item: str) -> str:
    """Write a text as code in a table, whose cells a bar would end."""
    return code(item).replace("|", "\\|")


def escape(item: str) -> str:
    """Write a text that means itself, in a table too."""
    broken = _AUTOLINKS.sub(lambda found: f"{found[0][:1]}{_BREAK}{found[0][1:]}", clean(item))
    marked = "".join(f"\\{char}" if char in "\\`*_[]#|~" else char for char in broken)
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def prose(item: str, in_table: bool = False) -> str:
    """Write a sentence in which backticks stand around code, whoever put them there."""
    parts = _CODE.split(item)
    written = cell if in_table else code
    return "".join(written(part) if number % 2 else escape(part) for number, part in enumerate(parts))
