"""Pipelines of which no weights were found, beside PaddleX's own: ``.venv/bin/python benchmarks/small.py``.

Their models are the tests' tiny ones, so what is measured is everything around a model: start, decoding, preparing,
reading answers, memory. The same files, engine (ONNX Runtime) and threads; each program in a process of its own, in
turn. PaddleX runs in ``.venv-hosted``, which `make test` makes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import beside
import cv2
import load
import numpy as np
import report
from hpi_schemas import probe

HERE = Path(__file__).parent
ROOT = HERE.parent
WORKER = HERE / "workers/pipeline_worker.py"
BIN = Path(sys.executable).parent
PADDLEX = ROOT / ".venv-hosted/bin"
ROUNDS = 20
SIDE = 960
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]
_PAGE, _PHOTO, _VIDEO = "page.png", "photo.png", "video.mp4"
# Each with what it is fed.
_PIPELINES = {
    "formula_recognition": _PAGE,
    "seal_recognition": _PAGE,
    **dict.fromkeys(("PP-ShiTuV2", "face_recognition"), _PHOTO),
    **dict.fromkeys(("anomaly_detection", "human_keypoint_detection", "image_multilabel_classification"), _PHOTO),
    **dict.fromkeys(("instance_segmentation", "pedestrian_attribute_recognition", "semantic_segmentation"), _PHOTO),
    "ts_anomaly_detection": "unusual.csv",
    "ts_classification": "kind.csv",
    "ts_forecast": "past.csv",
    "video_classification": _VIDEO,
}
_INDEXED = ("PP-ShiTuV2", "face_recognition")


def main() -> None:
    """Measure, and keep the figures."""
    options = report.arguments(__doc__, ROUNDS)
    with tempfile.TemporaryDirectory() as place, load.undisturbed():
        folder = Path(place)
        _lay_out(folder)
        runs = {f"`{name}`": _measured(folder, name, options.rounds) for name in _PIPELINES}
    report.keep("small", {"rounds": options.rounds, "runs": runs, "threads": probe.usable_cores()}, options.output)
    print(json.dumps(runs, indent=1))


def _lay_out(folder: Path) -> None:
    """Write the models, and what is read."""
    from hosted import documents, media, zoo
    from hosted.conftest import page, write_series

    zoo.lay_out(folder / "zoo", {**documents.makers(ROOT / "examples/ocr/models"), **media.MAKERS})
    cv2.imwrite(str(folder / _PAGE), page())
    noise = np.random.default_rng(1).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    photo = cv2.GaussianBlur(noise, (0, 0), 8)
    cv2.imwrite(str(folder / _PHOTO), photo)
    for number in range(4):
        place = folder / "gallery" / f"kind {number}"
        place.mkdir(parents=True)
        cv2.imwrite(str(place / "known.png"), np.roll(photo, 100 * number, 0))
    write_series(folder)
    media.write_video(folder / _VIDEO)


def _measured(folder: Path, name: str, rounds: int) -> dict[str, Any]:
    index: tuple[str, ...] = ()
    if name in _INDEXED:
        _plan(folder, BIN, name, "build.json")
        made = ("--gallery", "gallery", "--models", "zoo", "--output", f"{name}-index")
        _run(folder, BIN, "hpi-index", "build", "build.json", *made)
        index = ("-o", f"index={name}-index")
    _plan(folder, BIN, name, f"{name}.json", *index)
    _plan(folder, PADDLEX, name, f"{name}-hosted.json", "--host", "paddlex", *index)
    commands = {
        beside.OURS: [sys.executable, str(WORKER), "ours", f"{folder}/{name}.json", f"{folder}/zoo"],
        beside.PADDLEX: [f"{PADDLEX}/python", str(WORKER), "hosted", f"{folder}/{name}-hosted.json", f"{folder}/zoo"],
    }
    return beside.measured(commands, folder / _PIPELINES[name], rounds)


def _plan(folder: Path, place: Path, name: str, file: str, *more: str) -> None:
    config = (
        f"{{backend: onnxruntime, auto_config: false, backend_config: {{cpu_num_threads: {probe.usable_cores()}}}}}"
    )
    engine = () if name == "video_classification" else ("-o", "use_hpip=true", "-o", f"hpi_config={config}")
    _run(folder, place, "hpi-plan", name, "--device", "cpu", "--models", "zoo", *engine, *more, "--output", file)


def _run(folder: Path, place: Path, command: str, *arguments: str) -> None:
    done = subprocess.run([place / command, *arguments], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command} {' '.join(arguments)}: {done.stderr}")


if __name__ == "__main__":
    main()
