"""texts: what the lines of a page say."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpi_runtime.kinds.base import Agreed, Kind, anywhere, listed
from hpi_runtime.pictures.geometry import owner

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas


class Texts(Kind):
    """Beside them stand the polygons that they are ``at``."""

    measure = "texts"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Write them on a page of its own beside the picture, each where it was read."""
        canvas.add_page()
        for index, (text, poly) in enumerate(zip(value, beside["at"], strict=True)):
            canvas.write(text, poly, index)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count those that are in both, wherever they stand."""
        return anywhere(listed(found), listed(expected))

    def score(self, found: Any, beside: Mapping[str, Any], true: Any) -> Counter[str]:
        """Count the true characters, and the insertions, deletions and substitutions that lead to them."""
        from rapidfuzz.distance import Levenshtein

        texts = found or []
        polys = [np.array(poly, np.float32) for poly in beside["at"] or []]
        wanted = [np.array(line["poly"], np.float32) for line in true]
        owners = [owner(poly, wanted) for poly in polys]
        counts: Counter[str] = Counter()
        for index, line in enumerate(true):
            corners = wanted[index]
            own = [place for place, of in enumerate(owners) if of == index]
            # Along the direction of writing, which may be any.
            own.sort(key=lambda place: float(polys[place].mean(axis=0) @ (corners[1] - corners[0])))
            said = _plain(line["text"])
            counts["characters"] += len(said)
            counts["mistakes"] += Levenshtein.distance(_plain("".join(texts[place] for place in own)), said)
        # Text where there is none is wrong from its first letter to its last.
        counts["mistakes"] += sum(len(_plain(text)) for text, of in zip(texts, owners, strict=True) if of is None)
        return counts


KIND = Texts()


def _plain(text: str) -> str:
    """Return a text without what readers rightly differ in: white space, and forms such as full-width letters."""
    return "".join(unicodedata.normalize("NFKC", text).split())
