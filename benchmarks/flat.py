"""Does memory stay flat, and throughput with it? Many small pictures of many sizes through one process.

``python benchmarks/flat.py --pictures 20000`` renders labels of up to 320 pixels a side, in thousands of
sizes, in a process of its own; sends them through an OCR pipeline as one stream, and looks at the
resident memory as it goes.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import corpus
import cv2
import numpy as np
import report
from hpi_runtime import create_pipeline
from hpi_runtime.bench.meter import memory_mib

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "examples/ocr/models"
SETTLED = 1000
STEP = 250
LARGEST = 320
# A server for pictures of all sizes should not meet new shapes for ever.
OVERRIDES = (
    "SubModules.TextDetection.size_step=160",
    "SubModules.TextRecognition.batch_size=1",
    "SubModules.TextRecognition.width_step=320",
)
PIPELINE = """pipeline_name: OCR
text_type: general
use_doc_preprocessor: false
use_textline_orientation: true
use_hpip: true
hpi_config: {backend: BACKEND}
SubModules:
  TextDetection: {model_name: PP-OCRv6_small_det, model_dir: PP-OCRv6_small_det, limit_side_len: 320, limit_type: max}
  TextLineOrientation: {model_name: ch_ppocr_mobile_v2.0_cls, model_dir: ch_ppocr_mobile_v2.0_cls, batch_size: 6}
  TextRecognition: {model_name: PP-OCRv6_small_rec, model_dir: PP-OCRv6_small_rec, batch_size: 6}
"""


def render(count: int, pipe: Connection) -> None:
    """Send labels as BGR arrays."""
    for index in range(count):
        rng = random.Random(index)  # noqa: S311
        width, height = rng.randint(64, LARGEST), rng.randint(24, LARGEST)
        page, top = corpus.blank(rng, width, height), 3.0
        while top < height - 20:
            text, face = corpus.phrase(rng)
            size = rng.randint(14, 28)
            while len(text) > 1 and page.width_of(text, face, size) > width - 8:
                text = text[:-1].rstrip()
            if top + size * 1.4 < height:
                page.write(text, face, size, (4, top), corpus.dark(rng))
            top += rng.uniform(1.5, 6) * size
        pipe.send(cv2.cvtColor(np.asarray(page.image), cv2.COLOR_RGB2BGR))


def labels(count: int, sizes: set[tuple[int, int]]) -> Iterator[Any]:
    """Yield labels as they are rendered, and note their sizes; the fonts' memory is another process's."""
    spawn = get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    worker = spawn.Process(target=render, args=(count, there), daemon=True)
    worker.start()
    for _ in range(count):
        image = here.recv()
        sizes.add(image.shape[:2])
        yield image
    worker.join()


def run(backend: str, overrides: Sequence[str], count: int, folder: Path) -> dict[str, Any]:
    """Return memory and speed along the way."""
    file = folder / ".flat.yaml"
    file.write_text(PIPELINE.replace("BACKEND", backend))
    sizes: set[tuple[int, int]] = set()
    memory: list[float] = []
    times: list[float] = []
    with create_pipeline(file, device="cpu", overrides=overrides) as pipeline:
        started = time.perf_counter()
        for done, result in enumerate(pipeline.predict(labels(count, sizes)), 1):
            assert not result.is_failed, result["error"]
            if done % STEP == 0:
                gc.collect()
                memory.append(memory_mib("VmRSS"))
                times.append(time.perf_counter() - started)
                started = time.perf_counter()
                print(f"{done:6} {memory[-1]:8.1f} MiB {STEP / times[-1]:6.1f} pictures/s", file=sys.stderr, flush=True)
    file.unlink()
    settled = memory[SETTLED // STEP - 1]
    quarter = max(1, (len(times) - SETTLED // STEP) // 4)
    early, late = times[SETTLED // STEP :][:quarter], times[-quarter:]
    return {
        "growth": round(max(memory[SETTLED // STEP :]) / settled - 1, 4),
        "memory_mib": [round(value, 1) for value in memory],
        "overrides": list(overrides),
        "pictures": count,
        "settled_mib": round(settled, 1),
        "sizes": len(sizes),
        "speed_late_to_early": round(statistics.median(early) / statistics.median(late), 4),
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="openvino")
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    found = run(options.backend, OVERRIDES, options.pictures, MODELS)
    report.keep("flat", {"runs": {options.backend: found}}, options.output)
    print(json.dumps({key: value for key, value in found.items() if key != "memory_mib"}, indent=2))


if __name__ == "__main__":
    main()
