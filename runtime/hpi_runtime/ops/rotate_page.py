"""rotate_page: a page turned upright.

Turns are exact, pixel for pixel; PaddleX interpolates about the middle of the pixel grid,
which moves the page by one pixel and leaves a black edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.pictures.turning import by_label, turn


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``image`` back by the angle that the best of ``label_names`` says, counter-clockwise in degrees.

    Raises:
        InputError: the label is no such angle.
    """
    angle = by_label(inputs["label_names"][0])
    return {"image": turn(inputs["image"], angle), "angle": angle}
