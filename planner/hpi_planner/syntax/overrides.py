"""What the command line and the API lay over a YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
# Flags act before `-o`, and in this order, however they were given.
FLAGS = ("device", "host", "use_hpip", "hpi_config", "engine", "engine_config")
# Acts after everything else: regular inference in every module, whatever the YAML or an override says.
REGULAR = "regular"
# Changes nothing in the YAML: every engine that can be compiled ahead of loading is, unless the YAML says otherwise.
COLD = "cold"
_COLD = "--optimize=cold"


@dataclass(frozen=True)
class Override:
    """One layer.

    Attributes:
        flag: one of ``FLAGS``, ``REGULAR``, ``COLD``, or None for ``-o PATH=VALUE``.
        text: the value as given, or ``PATH=VALUE``.
    """

    flag: str | None
    text: str

    @property
    def token(self) -> str:
        """The option as it would be typed; the plan records this."""
        if self.flag is None:
            return f"-o {self.text}"
        if self.flag == "use_hpip":
            return "--use_hpip" if self.text == "true" else "--no-use_hpip"
        if self.flag == REGULAR:
            return "--regular"
        if self.flag == COLD:
            return _COLD
        return f"--{self.flag}={self.text}"

    @property
    def path(self) -> tuple[str | int, ...]:
        """What it sets: the flag's key, or the keys and indexes of ``PATH``."""
        if self.flag is not None:
            return (self.flag,)
        text = self.text.partition("=")[0].strip()
        return tuple(name or int(index) for name, index in _PART.findall(text))

    @property
    def value_column(self) -> int:
        """Where the value starts in the token, counted from 1."""
        return 1 if self.flag in ("use_hpip", REGULAR, COLD) else len(self.token) - len(self.text) + 1


def from_token(token: str) -> Override:
    """Read an override as a plan records it.

    Raises:
        ValueError: it is none.
    """
    if token.startswith("-o "):
        return Override(None, token[3:])
    if token == "--regular":
        return Override(REGULAR, "true")
    if token == _COLD:
        return Override(COLD, "true")
    if token in ("--use_hpip", "--no-use_hpip"):
        return Override("use_hpip", "true" if token == "--use_hpip" else "false")
    flag, separator, text = token.removeprefix("--").partition("=")
    if token.startswith("--") and separator and flag in FLAGS:
        return Override(flag, text)
    raise ValueError(f"{token!r} is not an override")


def collect(
    flags: Mapping[str, Any], sets: Iterable[str] = (), regular: bool = False, cold: bool = False
) -> tuple[Override, ...]:
    """Put overrides in the order in which they act.

    Args:
        flags: value by flag name; None means not given. Texts are kept as typed, other
            values are written as JSON.
        sets: ``PATH=VALUE`` texts in order.
        regular: regular inference in every module.
        cold: every engine that can be compiled ahead is.
    """
    layers = [
        Override(name, value if isinstance(value, str) else json.dumps(value, sort_keys=True))
        for name in FLAGS
        if (value := flags.get(name)) is not None
    ]
    last = [Override(flag, "true") for flag, is_given in ((REGULAR, regular), (COLD, cold)) if is_given]
    return (*layers, *(Override(None, text) for text in sets), *last)
