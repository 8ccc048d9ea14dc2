"""RapidOCR's native engine: ``rapidocr_ng_worker.py DETECTOR RECOGNISER THREADS``, two model folders in PaddleX's form.

It has no line classifier, and reads the alphabet from a file with an entry a line.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from protocol import Lines, lines, serve


def main() -> None:
    """Load and serve."""
    detector, recogniser = (Path(folder) for folder in sys.argv[1:3])
    # It has no option for it; its threads are OpenMP's, or as many as there are cores.
    os.environ["OMP_NUM_THREADS"] = sys.argv[3]
    import yaml
    from rapidocr import RapidOCR

    config = yaml.load((recogniser / "inference.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", delete=False) as keys:
        keys.write("\n".join(config["PostProcess"]["character_dict"]) + "\n")
    reader = RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Det.model_path": str(detector / "inference.onnx"),
            "Rec.model_path": str(recogniser / "inference.onnx"),
            "Rec.rec_keys_path": keys.name,
        }
    )

    def read(paths: list[str]) -> list[Lines]:
        return [one(reader(path)) for path in paths]

    def one(found: Any) -> Lines:
        return [] if found.txts is None else lines(found.txts, found.boxes)

    try:
        serve(read)
    finally:
        Path(keys.name).unlink()


if __name__ == "__main__":
    main()
