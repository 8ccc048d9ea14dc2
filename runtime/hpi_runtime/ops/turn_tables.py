"""turn_tables: tables turned upright, each with a copy of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.documents.found_table import turned
from hpi_runtime.pictures.turning import by_label, turn


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Turn each of ``crops`` and its box by the angle that the best of its ``label_names`` says.

    Raises:
        InputError: a label is no such angle.
    """
    image = inputs["image"]
    height, width = image.shape[:2]
    angles = [by_label(names[0]) for names in inputs["label_names"]]
    tables = zip(inputs["crops"], inputs["boxes"], angles, strict=True)
    crops, boxes = [], []
    for crop, box, angle in tables:
        crops.append(turn(crop, angle))
        boxes.append({**box, "coordinate": turned(box["coordinate"], angle, width, height)})
    pages = [turn(image, angle) for angle in sorted({*angles} - {0})]
    return {"crops": crops, "boxes": boxes, "angles": angles, "pages": pages}
