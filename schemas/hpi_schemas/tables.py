"""Tables and progress, by rich."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from hpi_schemas.cleaning import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Columns of tables that go into a file.
_WIDTH = 140


def table_console(stream: TextIO, width: int = _WIDTH) -> Console:
    """Return what prints tables on a stream: as wide as the terminal, and in a file wide enough for most."""
    is_terminal = stream.isatty()
    return _console(_past(stream.fileno()) if is_terminal else stream, None if is_terminal else width)


def cell(text: str, style: str = "") -> Text:
    """Return cleaned text for a table."""
    from rich.text import Text

    return Text(clean(text), style)


def drawing_console() -> Console | None:
    """Return what draws progress on stderr, None where that is no terminal."""
    return _console(_past(2), None) if sys.stderr.isatty() else None


def _console(file: TextIO, width: int | None) -> Console:
    """Return a console that cleans whatever text it is given; what is styled comes as a ``cell``."""
    from rich.console import Console

    class Cleaning(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(clean(text), **options)

    return Cleaning(file=file, width=width, highlight=False, markup=False)


def _past(number: int) -> TextIO:
    """Return a stream past our own, which would write out the codes of colours and of moves of the cursor."""
    return os.fdopen(os.dup(number), "w", encoding="utf-8", errors="backslashreplace")
