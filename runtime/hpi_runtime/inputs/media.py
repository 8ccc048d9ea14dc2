"""What the inputs of a plan are: pictures, tables of series, or clips; and which files of a folder are such."""

from __future__ import annotations

from typing import NamedTuple

from hpi_schemas import tasks
from hpi_schemas.plan.graph import medium, of_one
from hpi_schemas.plan.model import Plan


class Medium(NamedTuple):
    """A kind of input.

    Attributes:
        port: of a stage graph's input.
        suffixes: of its files, in lower case.
        named: in words, several.
    """

    port: str
    suffixes: frozenset[str]
    named: str


# What OpenCV decodes, by the names that such files have.
PICTURE_FILES = frozenset(
    (
        *(".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png"),
        *(".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp"),
    )
)
DOCUMENT_FILES = frozenset({".pdf"})
PICTURES = Medium("image", PICTURE_FILES | DOCUMENT_FILES, "pictures or PDFs")
SERIES = Medium("series", frozenset({".csv"}), "CSV files")
CLIPS = Medium("clip", frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}), "videos")
_BY_PORT = {item.port: item for item in (PICTURES, SERIES, CLIPS)}


def of(plan: Plan, module: str | None = None) -> Medium:
    """Return what the inputs of a plan are.

    Args:
        plan: to run.
        module: the address of the one module that runs, None for the whole pipeline.
    """
    if plan.graph is not None and module is None:
        return _BY_PORT[medium(plan.graph)]
    # A host runs it: what a model takes, PaddleX's pipeline of it takes.
    modules = plan.modules.items() if module is None else [(module, plan.modules[module])]
    graphs = (of_one(address, record.module_name) for address, record in modules if tasks.find(record.module_name))
    ports = {medium(graph) for graph in graphs}
    return _BY_PORT[ports.pop()] if len(ports) == 1 else PICTURES
