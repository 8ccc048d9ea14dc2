"""Finding a font that has the glyphs of a text."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# The package behind hpi-plan[fonts]; then fonts with many scripts, by the names they have on Linux, macOS and Windows.
_PACKAGE = "cvttf_NotoSansCJK_Regular"
_NAMES = (
    "NotoSansCJK-Regular",
    "SourceHanSans",
    "wqy-microhei",
    "DroidSansFallback",
    "simfang",
    "msyh",
    "PingFang",
    "Arial Unicode",
    "NotoSans-Regular",
    "DejaVuSans",
)
_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "/System/Library/Fonts",
    "C:/Windows/Fonts",
)
_PROBE_SIZE = 16
# No font has a glyph for the last code point; it shows what a missing glyph looks like.
_NO_CHARACTER = "\U0010ffff"


def font_for(texts: Iterable[str], size: int) -> Font:
    """Return the first known font that misses the fewest characters of the texts.

    Args:
        texts: what will be drawn.
        size: height in pixels.
    """
    characters = frozenset("".join(texts)) - {" "}
    path = _best(characters)
    return ImageFont.load_default(size) if path is None else _open(path, size)


def any_font() -> str | None:
    """Return the path of the first font with many scripts that is here, None if there is none."""
    return next(iter(_candidates()), None)


@cache
def _open(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@cache
def _best(characters: frozenset[str]) -> str | None:
    best, fewest = None, len(characters) + 1
    for path in _candidates():
        missing = len(characters & _missing(path, characters))
        if missing < fewest:
            best, fewest = path, missing
        if not missing:
            break
    return best


@cache
def _candidates() -> tuple[str, ...]:
    found: list[str] = []
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        found += sorted(str(path) for path in Path(folder).glob("*.otf"))
    here = [
        Path(place) / name
        for folder in _FOLDERS
        for place, _, names in os.walk(Path(folder).expanduser())
        for name in sorted(names)
        if name.lower().endswith((".ttf", ".ttc", ".otf"))
    ]
    for wanted in _NAMES:
        found += [str(path) for path in here if path.stem == wanted]
    return tuple(found)


def _missing(path: str, characters: frozenset[str]) -> set[str]:
    try:
        font = _open(path, _PROBE_SIZE)
    except OSError:
        return set(characters)
    nothing = bytes(font.getmask(_NO_CHARACTER))
    return {character for character in characters if bytes(font.getmask(character)) == nothing}
