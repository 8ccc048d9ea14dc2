"""Pages of a PDF as pictures, drawn as PaddleX does: at 144 dpi, form fields filled in.

PDFium runs in a process of its own: what has no end, crashes or eats all memory there costs one page.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from hpi_schemas import children
from hpi_schemas.console import write_all

from hpi_runtime.errors import InputError
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.pictures import Image

_CHILD = "hpi_runtime.inputs.pdf_child"
# A header may stand behind something else (ISO 32000-1, annex H, note 13).
_HEADER, _HEADER_WITHIN = b"%PDF-", 1024
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\x00", b"MM\x00*")
# Pages of one document that may be late before the rest of it is given up: a limit a page is no limit in all.
_MOST_LATE = 3
_PIECE = 1 << 20


def is_pdf(data: bytes) -> bool:
    """Tell a PDF by its header, which may stand anywhere within the first 1,024 bytes."""
    return _HEADER in data[:_HEADER_WITHIN] and not data.startswith(_PICTURES)


class _EndedError(Exception):
    """The drawing process is no more, or had to be ended; says why."""

    def __init__(self, reason: str, is_late: bool = False) -> None:
        super().__init__(reason)
        self.is_late = is_late


class Documents:
    """Draws documents one after the other; its process starts with the first. Use it in a ``with`` statement."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        """Take the limits of each document and page."""
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def pages(self, data: bytes, name: str) -> tuple[int, Iterator[Image | InputError]]:
        """Return how many pages there are, and each as height × width × 3, BGR, or why there is none.

        Args:
            data: the PDF.
            name: for messages.

        Raises:
            InputError: it is no PDF, one with a password, without pages or with too many.
        """
        count = self._open(data, name)
        return count, self._drawn(count, data, name)

    def check(self, data: bytes, name: str) -> None:
        """Look whether a document can be drawn, and draw nothing.

        Raises:
            InputError: it is no PDF, one with a password, without pages or with too many.
        """
        self._open(data, name)

    def close(self) -> None:
        """End the process; calling it again does nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None

    def __enter__(self) -> Documents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drawn(self, count: int, data: bytes, name: str) -> Iterator[Image | InputError]:
        late = 0
        given_up = ""
        for index in range(count):
            if given_up:
                yield InputError("PAGE_TOO_SLOW", f"page {index} of {name} was not drawn: {given_up}")
                continue
            try:
                yield self._page(index, name)
            except InputError as fault:
                yield fault
            except _EndedError as fault:
                late += fault.is_late
                code = "PAGE_TOO_SLOW" if fault.is_late else "PDF_UNREADABLE"
                yield InputError(code, f"page {index} of {name} {fault}")
                given_up = f"{late} pages before it took too long" if late >= _MOST_LATE else self._again(data, name)

    def _again(self, data: bytes, name: str) -> str:
        """Open a document in a new process; return why that cannot be done, empty if it is."""
        try:
            self._open(data, name)
        except InputError as fault:
            return str(fault)
        return ""

    def _open(self, data: bytes, name: str) -> int:
        """Hand a document over and return how many pages it has."""
        try:
            told = self._ask({"bytes": len(data)}, data)
        except _EndedError as fault:
            raise InputError("PAGE_TOO_SLOW" if fault.is_late else "PDF_UNREADABLE", f"{name} {fault}") from None
        if "error" in told:
            raise InputError("PDF_UNREADABLE", f"{name} cannot be opened: {told['error']}")
        count = int(told["pages"])
        if not count:
            raise InputError("PDF_UNREADABLE", f"{name} has no pages")
        if count > self._limits.pages:
            message = f"{name} has {count:,} pages, more than the {self._limits.pages:,} allowed"
            raise InputError("INPUT_TOO_LARGE", message)
        return count

    def _page(self, index: int, name: str) -> Image:
        told = self._ask({"page": index, "pixels": self._limits.pixels})
        if "error" in told:
            raise InputError("PDF_UNREADABLE", f"page {index} of {name} cannot be drawn: {told['error']}")
        if "size" in told:
            width, height = told["size"]
            message = f"{width} × {height} pixels, more than the {self._limits.pixels:,} allowed"
            raise InputError("INPUT_TOO_LARGE", f"page {index} of {name} has {message}")
        return _image(told, self._received)

    def _ask(self, request: Mapping[str, Any], data: bytes = b"") -> dict[str, Any]:
        """Send a request and return the answer; the bytes behind it are in ``_received``."""
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 (ours)
                children.command(_CHILD),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        assert self._process.stdin is not None
        deadline = time.monotonic() + self._limits.page_seconds
        try:
            for piece in (json.dumps(request).encode() + b"\n", data):
                write_all(self._process.stdin, piece)
            head, self._received = self._until_line(deadline)
            told: dict[str, Any] = json.loads(head)
            self._received += self._exactly(told.get("bytes", 0) - len(self._received), deadline)
        except BrokenPipeError:
            raise self._ended() from None
        return told

    def _until_line(self, deadline: float) -> tuple[bytes, bytearray]:
        head = bytearray()
        while b"\n" not in head:
            head += self._read(4096, deadline)
        line, _, rest = head.partition(b"\n")
        return bytes(line), rest

    def _exactly(self, size: int, deadline: float) -> bytearray:
        found = bytearray()
        while len(found) < size:
            found += self._read(min(_PIECE, size - len(found)), deadline)
        return found

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        number = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(number, select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            self.close()
            seconds = self._limits.page_seconds
            raise _EndedError(f"took more than {seconds:g} seconds; --max-page-seconds allows more", is_late=True)
        data = os.read(number, size)
        if not data:
            raise self._ended()
        return data

    def _ended(self) -> _EndedError:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return _EndedError(f"cannot be drawn: PDFium ended {how}")


def _image(told: Mapping[str, Any], data: bytearray) -> Image:
    width, height, channels = told["width"], told["height"], told["channels"]
    rows = np.frombuffer(data, np.uint8).reshape(height, told["stride"])
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    if channels == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(pixels[:, :, :3])
