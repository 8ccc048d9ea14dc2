"""keypoints: people with their joints: ``keypoints`` (x, y and score each), ``kpt_score``, and perhaps a box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import hypot
from typing import TYPE_CHECKING, Any

from hpi_runtime.kinds.base import Agreed, Kind
from hpi_runtime.pictures.geometry import corners

if TYPE_CHECKING:
    from hpi_runtime.results.canvas import Canvas

# Joints that are no farther apart are the same, in pixels; what scores less is not drawn.
_SAME, _SEEN = 3.0, 0.1
# The bones of COCO's 17 joints.
_BONES = [
    *((0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7), (6, 8), (7, 9), (8, 10)),
    *((5, 6), (5, 11), (6, 12), (11, 12), (11, 13), (12, 14), (13, 15), (14, 16)),
]
_COCO = 17


class Keypoints(Kind):
    """Of people."""

    measure = "joints"
    is_drawn = True

    def draw(self, canvas: Canvas, value: Any, beside: Mapping[str, Any]) -> None:
        """Draw joints and bones on the page, those of a person in one colour, with its box if it has one."""
        for index, person in enumerate(value):
            if "coordinate" in person:
                canvas.polygon(corners(person["coordinate"]), index, f"{person['det_score']:.2f}", is_filled=False)
            joints = person["keypoints"]
            if len(joints) == _COCO:
                for one, other in _BONES:
                    if min(joints[one][2], joints[other][2]) >= _SEEN:
                        canvas.line(joints[one][:2], joints[other][:2], index)
            for x, y, score in joints:
                if score >= _SEEN:
                    canvas.dot((x, y), index)

    def agree(self, found: Any, expected: Any) -> Agreed:
        """Count the joints at nearly the same place, person by person."""
        pairs = zip(_joints(found or []), _joints(expected), strict=False)
        same = sum(hypot(one[0] - other[0], one[1] - other[1]) <= _SAME for one, other in pairs)
        return same, max(sum(1 for _ in _joints(people)) for people in (found or [], expected))


KIND = Keypoints()


def _joints(people: Any) -> Iterator[Any]:
    return (joint for person in people for joint in person["keypoints"])
