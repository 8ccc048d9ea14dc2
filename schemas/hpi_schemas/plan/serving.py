"""What a YAML says of the server (`Serving`, as in PaddleX), as far as hpi-serve does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas.settings import Setting

# PaddleX's keys, those below ``extra`` too, with what may stand there.
VISUALIZE, MOST_PAGES, LARGEST = "visualize", "max_num_input_imgs", "max_output_img_size"
SETTINGS = {
    VISUALIZE: Setting("boolean"),
    MOST_PAGES: Setting("integer|null", minimum=1),
    LARGEST: Setting("list|null", minimum=1, count=2, items="integer"),
}


@dataclass(frozen=True)
class ServingRecord:
    """How requests are answered that do not say it.

    Attributes:
        visualize: with pictures of the result.
        most_pages: that a document may have; None for any number.
        largest: height and width of pictures of pages; None leaves them as they are.
    """

    visualize: bool = True
    most_pages: int | None = None
    largest: tuple[int, int] | None = (2000, 2000)


def read(data: Mapping[str, Any]) -> ServingRecord:
    """Read it from plain JSON values; what is absent is PaddleX's default, but all pages are read."""
    usual = ServingRecord()
    largest = data.get(LARGEST, usual.largest)
    return ServingRecord(
        data.get(VISUALIZE, usual.visualize),
        data.get(MOST_PAGES, usual.most_pages),
        None if largest is None else (int(largest[0]), int(largest[1])),
    )


def write(record: ServingRecord) -> dict[str, Any]:
    """Return it as plain JSON values."""
    largest = None if record.largest is None else list(record.largest)
    return {VISUALIZE: record.visualize, MOST_PAGES: record.most_pages, LARGEST: largest}
