"""What marks a file as ours: a text in it that says of which input and page it is; a newer one may replace it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpi_runtime.documents.cutouts import CUT

# What of a result says where it is from.
Facts = Mapping[str, Any]

KEY = "hpi-run"
# Behind the signature and the header of a PNG (w3.org/TR/png), which take 33 bytes, a chunk begins with its length.
_CHUNK = 33 + 4, b"iTXt" + KEY.encode() + b"\0"
# Behind the beginning and the header of a JPEG (ITU-T T.871), 20 bytes, a comment begins with its mark and its length.
_JPEG_COMMENT = 20 + 4, b'{"input_path": '
_ENDING = "_img.png", "_res.png"
_COMMENT = re.compile(r"<!-- hpi-plan (.*) -->\s*$")


def is_drawing(path: Path) -> bool:
    """Tell whether a file was drawn by us, or cut out of a page, by its name and its first bytes."""
    if path.name.endswith(_ENDING):
        start, mark = _CHUNK
    elif path.name.startswith(CUT) and path.suffix == ".jpg":
        start, mark = _JPEG_COMMENT
    else:
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(start + len(mark))[start:] == mark
    except OSError:
        return False


def comment(facts: Facts) -> str:
    """Return facts as a comment, for the end of a page of HTML or Markdown."""
    # Comments of HTML end in more than one way, and each has this.
    told = json.dumps(facts).replace(">", "\\u003e")
    return f"<!-- hpi-plan {told} -->"


def commented(text: str) -> Any:
    """Return the facts that a text ends with, None if it does not.

    Raises:
        ValueError: they are not JSON.
    """
    found = _COMMENT.search(text)
    return None if found is None else json.loads(found[1])
