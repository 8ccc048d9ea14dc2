"""What marks a picture as drawn by us: a text in it that says of which input and page it was drawn."""

from __future__ import annotations

from pathlib import Path

KEY = "hpi-run"
# Behind the signature and the header of a PNG (w3.org/TR/png), which take 33 bytes, a chunk begins with its length.
_CHUNK, _PLACE = b"iTXt" + KEY.encode() + b"\0", 33 + 4
_ENDING = "_img.png", "_res.png"


def is_drawing(path: Path) -> bool:
    """Tell whether a file was drawn by us, by its name and its first bytes."""
    if not path.name.endswith(_ENDING):
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(_PLACE + len(_CHUNK))[_PLACE:] == _CHUNK
    except OSError:
        return False
