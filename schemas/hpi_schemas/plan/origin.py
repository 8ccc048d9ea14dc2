"""Where a value of a plan comes from: ``file:ADDRESS.KEY``, ``rule:ID`` …, written and read here alone."""

from __future__ import annotations

from dataclasses import dataclass

FILE, OVERRIDE, MODEL, PROFILE, RULE, DEFAULT = "file", "override", "model", "profile", "rule", "default"
KINDS = (FILE, OVERRIDE, MODEL, PROFILE, RULE, DEFAULT)


@dataclass(frozen=True)
class Origin:
    """The source of one value.

    Attributes:
        kind: one of ``KINDS``.
        name: in a ``file`` the dotted key; of an ``override`` its number from 0; of a ``model`` ``FILE#KEY``; of a
            ``profile`` what was optimised; of a ``rule`` or a ``default`` whose it is.
    """

    kind: str
    name: str

    @property
    def override(self) -> int | None:
        """The number of the override, None for other kinds."""
        return int(self.name) if self.kind == OVERRIDE and self.name.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse(text: str) -> Origin:
    """Read what ``str`` wrote of an origin; whether its kind is known is for the schema to say."""
    kind, _, name = text.partition(":")
    return Origin(kind, name)
