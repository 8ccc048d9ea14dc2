"""table_structure_recognition: rows, columns and cells of a table, as HTML without its texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from hpi_schemas.tasks import processing

from hpi_runtime.pictures import Image
from hpi_runtime.pictures.transforms import Normalize, operations
from hpi_runtime.tasks.base import Arrays, Batch, Feeds, OutputError, Task, batched, check_scores, check_shape, chunks

# The longer side of a table as the network sees it, and the square around it, where inference.yml says nothing.
_LONGEST = 488
_CORNERS = 8
_CELL, _CELL_WITH_SPAN, _WHOLE_CELL = "<td>", "<td", "<td></td>"
_BEGINNING = 0
# What stands around every table.
_HEAD, _TAIL = ("<html>", "<body>", "<table>"), ("</table>", "</body>", "</html>")
# The one architecture whose corners are parts of the table itself, and not of the square that it is padded to.
_UNPADDED = "SLANet"


class _Context(NamedTuple):
    # By what the corners of each picture are multiplied: width and height.
    scales: list[tuple[float, float]]


class TableStructureRecognition(Task):
    """A network that writes HTML mark by mark, and says where each cell is."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the sizes and the marks."""
        super().__init__(config, settings, batch_size)
        steps = operations(config)
        self._longest = int(steps["ResizeTableImage"].get("max_len", _LONGEST))
        self._side = int(steps["PaddingTableImage"].get("size", [_LONGEST])[0])
        normalize = steps["NormalizeImage"]
        # As in PaddleX, its scale is not looked at.
        self._normalize = Normalize(normalize.get("mean"), normalize.get("std"))
        marks = [str(mark) for mark in processing.postprocess(config)["character_dict"]]
        if steps.get("TableLabelEncode", {}).get("merge_no_span_structure", True):
            marks = [mark for mark in marks if mark != _CELL] + ([] if _WHOLE_CELL in marks else [_WHOLE_CELL])
        self._marks = [None, *marks, None]
        self._end = len(marks) + 1

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Put each table into the top left of a square, and stack them; what is beside it is zero."""
        images = values["image"]
        batches = [
            {"image": batched([self._square(image) for image in some])} for some in chunks(images, self.batch_size)
        ]
        return Feeds(batches, _Context([self._scale(image.shape[1], image.shape[0]) for image in images]))

    def read(self, outputs: Iterable[Arrays], context: _Context) -> dict[str, list[Any]]:
        """Return ``bbox`` (four corners of each cell, whole pixels), ``structure`` and ``structure_score``."""
        found: dict[str, list[Any]] = {"bbox": [], "structure": [], "structure_score": []}
        pictures = (pair for output in outputs for pair in self._checked(output))
        for (corners, probabilities), scale in zip(pictures, context.scales, strict=True):
            cells, marks, score = self._decoded(corners, probabilities, scale)
            found["bbox"].append(cells)
            found["structure"].append([*_HEAD, *marks, *_TAIL])
            found["structure_score"].append(score)
        return found

    def _square(self, image: Image) -> Batch:
        height, width = image.shape[:2]
        scale = self._longest / max(height, width)
        # A table of a single row of pixels keeps it.
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
        square = np.zeros((3, self._side, self._side), np.float32)
        square[:, : size[1], : size[0]] = self._normalize(small)
        return square

    def _scale(self, width: int, height: int) -> tuple[float, float]:
        if self.model_name == _UNPADDED:
            return float(width), float(height)
        ratio = min(self._side / width, self._side / height)
        return self._side / ratio, self._side / ratio

    def _checked(self, output: Arrays) -> Iterable[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        corners, probabilities = output["corners"], output["probabilities"]
        check_shape("corners", corners, None, None, _CORNERS)
        check_shape("probabilities", probabilities, *corners.shape[:2], len(self._marks))
        if not np.isfinite(corners).all():
            raise OutputError("corners", "is not finite")
        return zip(corners, probabilities, strict=True)

    def _decoded(
        self, corners: np.ndarray[Any, Any], probabilities: np.ndarray[Any, Any], scale: tuple[float, float]
    ) -> tuple[list[list[int]], list[str], float]:
        best = probabilities.argmax(axis=1)
        ends = np.flatnonzero(best[1:] == self._end)
        steps = [
            step for step in range(1 + ends[0] if len(ends) else len(best)) if best[step] not in (_BEGINNING, self._end)
        ]
        marks = [str(self._marks[best[step]]) for step in steps]
        scores = probabilities[steps, best[steps]] if steps else np.zeros(1, np.float32)
        check_scores("probabilities", scores)
        own = [step for step, mark in zip(steps, marks, strict=True) if mark in (_CELL, _CELL_WITH_SPAN, _WHOLE_CELL)]
        cells = (corners[own] * np.array(scale * (_CORNERS // 2))).astype(int).tolist() if own else []
        return cells, marks, float(np.mean(scores))


TASK = TableStructureRecognition
