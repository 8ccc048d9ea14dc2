"""What hpi-run costs over a loop written by hand on the bare backend, for pipelines of one small model.

``python benchmarks/floor.py`` runs image classification and doc_preprocessor with the example's page
classifier, alone and in batches, on OpenVINO and ONNX Runtime, interleaved with the loops below. The
ratio is hpi-run's time ÷ the loop's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import corpus
import cv2
import numpy as np
import report
from hpi_runtime import create_pipeline
from hpi_schemas import probe

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "examples/ocr/page_orientation"
SIZE = 320
MEAN, STD = 0.5, 0.25
TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
BATCH = 8
CLASSIFICATION = """pipeline_name: image_classification
use_hpip: true
hpi_config: {{backend: {backend}}}
SubModules:
  ImageClassification: {{model_name: page_orientation, model_dir: {model}, batch_size: {batch}, topk: 1}}
"""
DOCUMENT = """pipeline_name: doc_preprocessor
use_hpip: true
use_doc_orientation_classify: true
use_doc_unwarping: false
hpi_config: {{backend: {backend}}}
SubModules:
  DocOrientationClassify: {{model_name: page_orientation, model_dir: {model}, batch_size: {batch}}}
"""

Array = np.ndarray[Any, Any]
Infer = Callable[[Array], Array]


def bare(backend: str) -> Infer:
    """Return the backend itself, with the options that a plan has."""
    path, threads = str(MODEL / "inference.onnx"), min(8, probe.usable_cores())
    if backend == "openvino":
        import openvino

        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
        request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()

        def infer(batch: Array) -> Array:
            request.infer({0: batch}, share_inputs=True)
            return np.array(request.get_output_tensor(0).data)

        return infer
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(batch: Array) -> Array:
        found: Array = session.run(None, {name: batch})[0]
        return found

    return run


def prepared(image: Array) -> Array:
    """Return a picture as the network takes it."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    planes: Array = ((np.asarray(small, np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)
    return planes


def by_hand(infer: Infer, paths: Sequence[str], batch: int, turn: bool) -> list[int]:
    """Classify pictures, and turn them if asked to; return the classes."""
    found: list[int] = []
    for start in range(0, len(paths), batch):
        images = [np.asarray(cv2.imread(path)) for path in paths[start : start + batch]]
        classes = infer(np.stack([prepared(image) for image in images])).argmax(axis=1)
        for image, number in zip(images, classes, strict=True):
            if turn and number:
                cv2.rotate(image, TURNS[int(number)])
            found.append(int(number))
    return found


def compare(backend: str, yaml: str, paths: Sequence[str], batch: int, rounds: int, folder: Path) -> dict[str, float]:
    """Return seconds per picture of both, and the ratio of medians, as the rounds went."""
    file = folder / "pipeline.yaml"
    file.write_text(yaml.format(backend=backend, batch=batch, model=MODEL.name))
    infer, turn = bare(backend), yaml is DOCUMENT
    calls: Sequence[Any] = paths if batch == 1 else [list(paths)]
    ours: list[float] = []
    loop: list[float] = []
    with create_pipeline(file, device="cpu") as pipeline:

        def run() -> list[int]:
            # One at a time, or everything at once, as people would call it. No result is kept: it holds its picture.
            results = (result for call in calls for result in pipeline.predict(call))
            return [result["angle"] // 90 if turn else result["class_ids"][0] for result in results]

        def run_by_hand() -> list[int]:
            return by_hand(infer, paths, batch, turn)

        assert run() == run_by_hand(), "the two do not answer the same"
        for _ in range(rounds):
            for times, work in ((loop, run_by_hand), (ours, run)):
                started = time.perf_counter()
                work()
                times.append((time.perf_counter() - started) / len(paths))
    ratios = [one / two for one, two in zip(ours, loop, strict=True)]
    return {
        "hpi_ms": round(1000 * statistics.median(ours), 3),
        "loop_ms": round(1000 * statistics.median(loop), 3),
        "ratio": round(statistics.median(ratios), 3),
    }


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus.make(folder / "corpus", 32, seed=1)
        (folder / MODEL.name).symlink_to(MODEL)
        paths = sorted(str(path) for path in (folder / "corpus").glob("0*"))
        for backend in ("openvino", "onnxruntime"):
            for kind, yaml in (("image_classification", CLASSIFICATION), ("doc_preprocessor", DOCUMENT)):
                for batch in (1, BATCH):
                    title = f"{kind}, {backend}, batch {batch}"
                    found[title] = compare(backend, yaml, paths, batch, options.rounds, folder)
                    print(f"{title:45} {found[title]}", flush=True)
    report.keep("floor", {"runs": found}, options.output)


if __name__ == "__main__":
    main()
