"""markdown: a page as Markdown: ``text``, ``images`` (boxes by file), and whether it ``starts`` and ``ends`` whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Kind
from hpi_runtime.results import pages

if TYPE_CHECKING:
    from hpi_runtime.pictures import Image


class Markdown(Kind):
    """Written as a file of its own, with the pictures that it shows."""

    def files(self, value: Any, facts: Mapping[str, Any], image: Image | None, folder: str) -> dict[str, bytes]:
        """Return the Markdown, and its pictures."""
        found = {pages.ENDING: pages.markdown(value["text"], folder, facts)}
        if image is None:
            return found
        for path, box in value["images"].items():
            picture = pages.cut(image, box)
            if picture.size:
                found[pages.moved(path, folder)] = pages.picture(picture, facts)
        return found


KIND = Markdown()
