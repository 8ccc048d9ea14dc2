"""Golden cases: text files with sections, in the manner of Go's txtar."""

from __future__ import annotations

import re

_MARK = re.compile(r"^-- (.+) --$", re.MULTILINE)


def split(text: str) -> tuple[str, dict[str, str]]:
    """Return the comment before the first section, and the sections by name, in order."""
    parts = _MARK.split(text)
    return parts[0], {name: body.removeprefix("\n") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def join(comment: str, sections: dict[str, str]) -> str:
    """Return the text of a case."""
    return comment + "".join(f"-- {name} --\n{body.rstrip(chr(10))}\n" for name, body in sections.items())
