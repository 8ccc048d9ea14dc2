"""Memory stays flat over calls: of streams and of single pictures, on every backend that runs here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CALLS, SETTLED = 40, 10
# Allocators give back in steps; forty calls of a leak that people met grew by two thirds.
MOST = 1.05
SCRIPT = """
import gc, sys
import cv2
from hpi_runtime import create_pipeline
from hpi_runtime.bench.meter import memory_mib
page = cv2.resize(cv2.imread(sys.argv[2]), (160, 220), interpolation=cv2.INTER_AREA)
pages = [page[:, : 160 - 12 * step] for step in range(4)]
with create_pipeline(sys.argv[1], device="cpu") as pipeline:
    for number in range(int(sys.argv[3])):
        results = list(pipeline.predict(pages if number % 2 else pages[number // 2 % 4]))
        assert not any(result.is_failed for result in results)
        del results
        gc.collect()
        print(memory_mib("VmRSS"))
"""
PIPELINE = """pipeline_name: OCR
text_type: general
use_doc_preprocessor: false
use_textline_orientation: false
use_hpip: true
hpi_config: {backend: BACKEND}
SubModules:
  TextDetection:
    model_name: PP-OCRv6_small_det
    model_dir: models/PP-OCRv6_small_det
    limit_side_len: 160
    limit_type: max
  TextRecognition: {model_name: PP-OCRv6_small_rec, model_dir: models/PP-OCRv6_small_rec, width_step: 320}
"""


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_calls_with_streams_and_single_pictures_leave_no_memory_behind(
    models: Path, tmp_path: Path, backend: str
) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("BACKEND", backend))
    (tmp_path / "models").symlink_to(models)
    picture = models.parent / "receipt.jpg"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "pipeline.yaml"), str(picture), str(CALLS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    memory = [float(line) for line in done.stdout.splitlines()]
    assert len(memory) == CALLS
    assert memory[-1] <= MOST * memory[SETTLED - 1]
