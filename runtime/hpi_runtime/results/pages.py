"""Pages as files: Markdown, and the pictures that it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import quote

from hpi_runtime.documents.cutouts import FOLDER
from hpi_runtime.pictures import Image
from hpi_runtime.results.marks import Facts, comment

# The end of the name of a page's Markdown.
ENDING = ".md"


def markdown(text: str, folder: str, facts: Facts) -> bytes:
    """Return Markdown with a comment that says of what it is.

    Args:
        text: it.
        folder: where the pictures that it shows are.
        facts: see ``marks``.
    """
    return f"{linked(text, folder)}\n\n{comment(facts)}\n".encode("utf-8", "backslashreplace")


def linked(text: str, folder: str) -> str:
    """Return Markdown or HTML that shows its pictures from another folder than PaddleX's."""
    return text.replace(f'src="{FOLDER}/', f'src="{quote(folder, errors="surrogateescape")}/')


def moved(path: str, folder: str) -> str:
    """Return the path of a picture in another folder than PaddleX's."""
    return folder + path.removeprefix(FOLDER)


def cut(image: Image, box: Sequence[int]) -> Image:
    """Return a part of a page, which may be empty: left, top, right, bottom."""
    left, top, right, bottom = box
    return image[max(0, top) : bottom, max(0, left) : right]


def shown(value: Mapping[str, Any], image: Image) -> dict[str, Any]:
    """Return the Markdown of a page with its pictures, as PaddleX's results give it."""
    import PIL.Image

    cuts = {path: cut(image, box) for path, box in value["images"].items()}
    return {
        "markdown_texts": value["text"],
        "markdown_images": {path: PIL.Image.fromarray(part[..., ::-1]) for path, part in cuts.items() if part.size},
        "page_continuation_flags": (value["starts"], value["ends"]),
    }


def picture(image: Image, facts: Facts) -> bytes:
    """Return a picture (height × width × 3, BGR) as JPEG, with a comment that says of what it is."""
    import PIL.Image

    stream = BytesIO()
    PIL.Image.fromarray(image[..., ::-1]).save(stream, "JPEG", comment=json.dumps(facts))
    return stream.getvalue()
