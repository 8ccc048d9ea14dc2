"""Videos to look at, in the containers that people have."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

# Ending, and what compresses the frames.
KINDS = {"mp4": "mp4v", "avi": "MJPG", "mkv": "XVID", "mov": "mp4v"}


def write(path: Path, frames: int = 40, size: tuple[int, int] = (320, 240), fourcc: str = "") -> Path:
    """Write a video of a disk that crosses a field whose colour changes."""
    width, height = size
    code = cv2.VideoWriter.fourcc(*(fourcc or KINDS[path.suffix[1:]]))
    writer = cv2.VideoWriter(str(path), code, 12, size)
    assert writer.isOpened()
    for number in range(frames):
        frame = np.empty((height, width, 3), np.uint8)
        frame[:] = (number * 6 % 256, 90, 255 - number * 5 % 256)
        cv2.circle(frame, (width * number // frames, height // 2), height // 8, (255, 255, 255), -1)
        writer.write(frame)
    writer.release()
    return path
