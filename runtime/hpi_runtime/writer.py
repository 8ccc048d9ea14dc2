"""Where results go: lines on stdout, or a file each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import BinaryIO

from hpi_runtime.errors import PlanError
from hpi_runtime.results import Result


class Writer:
    """Writes results as they come.

    Attributes:
        count: how many were written.
    """

    def __init__(self, lines: BinaryIO, output: Path | None, images: Path | None) -> None:
        """Take the stream for lines, the folders for JSON files instead, and for pictures (None: none).

        Raises:
            PlanError: a folder cannot be made.
        """
        self.count = 0
        self._lines = lines
        self._output = output
        self._images = images
        self._used: set[str] = set()
        self._counts: Counter[str] = Counter()
        for folder in filter(None, (output, images)):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as fault:
                raise PlanError(f"{folder} cannot be made: {fault.strerror}") from None

    def write(self, result: Result) -> None:
        """Write one result; inputs of the same name get a number behind it.

        Raises:
            PlanError: a file cannot be written.
        """
        self.count += 1
        stem = self._unused(result.stem)
        try:
            if self._output is None:
                self._lines.write(result.to_line().encode("utf-8", "backslashreplace") + b"\n")
                self._lines.flush()
            else:
                result.save_to_json(self._output, stem)
            if self._images is not None:
                result.save_to_img(self._images, stem)
        except BrokenPipeError:
            raise
        except OSError as fault:
            raise PlanError(f"results cannot be written: {fault}") from None

    def _unused(self, stem: str) -> str:
        """Return the stem, or the first of STEM-2, STEM-3, … that no result of this run has."""
        found = stem
        while found in self._used:
            self._counts[stem] += 1
            found = f"{stem}-{self._counts[stem] + 1}"
        self._used.add(found)
        return found
