"""Videos: which frames there are, and decoding those that somebody asks for."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from hpi_schemas.packages import missing

from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.inputs.images import check_size
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.pictures import Image

# FFmpeg's name of a container by the bytes at a place; what is none of these is not opened, for some kinds of files
# only say where others are.
_MAGIC = (
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (8, b"AVI ", "avi"),
    *((4, name, "mov") for name in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")),
)
# A frame costs some time however small it is.
_LEAST_PIXELS = 64 * 64


class Clip:
    """A video in memory.

    Attributes:
        data: the file's bytes.
        count: frames.
        first: the first of them, height × width × 3, uint8, BGR.
    """

    def __init__(self, data: bytes, name: str, limits: Limits) -> None:
        """Look at a file's bytes.

        Args:
            data: MP4, AVI, Matroska or WebM.
            name: for messages.
            limits: what it may cost.

        Raises:
            InputError: it is no video, or too large a one.
            PlanError: the package that decodes is not installed.
        """
        self.data = data
        self._name = name
        self._limits = limits
        self._format = next((kind for at, magic, kind in _MAGIC if data[at : at + len(magic)] == magic), None)
        if self._format is None:
            raise InputError("INPUT_UNREADABLE", f"{name} is not a video that can be decoded")
        with self._opened() as (container, stream):
            if stream.codec_context is None or not stream.width or not stream.height:
                raise InputError("INPUT_UNREADABLE", f"{name} holds no pictures")
            check_size((stream.width, stream.height), name, limits)
            self._pixels = max(_LEAST_PIXELS, stream.width * stream.height)
            self.count = sum(1 for packet in container.demux(stream) if packet.size)
        (self.first,) = self.frames([0])

    def frames(self, places: Sequence[int], prepare: Callable[[Image], Image] = lambda frame: frame) -> list[Image]:
        """Return frames by their numbers, from 0.

        Everything up to the last of them is decoded.

        Args:
            places: their numbers.
            prepare: makes of a frame, height × width × 3, uint8, BGR, what is kept of it.

        Raises:
            InputError: the video is damaged before, or that is more than the limits allow.
        """
        last = max(places)
        if (last + 1) * self._pixels > self._limits.document_pixels:
            told = f"{self._name} has more than {self._limits.document_pixels:,} pixels on its first {last + 1} frames"
            raise InputError("INPUT_TOO_LARGE", told)
        wanted = frozenset(places)
        found: dict[int, Image] = {}
        with self._opened() as (container, stream):
            for number, frame in enumerate(container.decode(stream)):
                check_size((frame.width, frame.height), self._name, self._limits)
                if number in wanted:
                    found[number] = prepare(np.ascontiguousarray(frame.to_ndarray(format="bgr24")))
                if number == last:
                    return [found[place] for place in places]
        raise InputError("INPUT_UNREADABLE", f"{self._name} ends before its frame {last}")

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        try:
            import av
        except ImportError as fault:
            raise PlanError(missing("av")) from fault
        try:
            # The name of the container is told, so that none is guessed that opens other files or addresses.
            with av.open(io.BytesIO(self.data), format=self._format) as container:
                if not container.streams.video:
                    raise InputError("INPUT_UNREADABLE", f"{self._name} holds no pictures")
                yield container, container.streams.video[0]
        except (av.FFmpegError, ValueError, EOFError) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise InputError("INPUT_UNREADABLE", f"{self._name} cannot be decoded: {reason}") from None
