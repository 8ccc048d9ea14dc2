"""The doc_preprocessor pipeline with both of its models; the unwarping one is exported here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hpi_runtime import create_pipeline

OCR = Path(__file__).parent.parent.parent / "examples/ocr"
PIPELINE = """pipeline_name: doc_preprocessor
use_hpip: true
SubModules:
  DocOrientationClassify: {model_name: page_orientation, model_dir: page_orientation}
  DocUnwarping: {model_name: tiny_unwarp, model_dir: tiny_unwarp}
"""
# "Flattens" a page by a 3 × 3 mean: the result is known to the pixel.
EXPORT = """
import sys, paddle
class Blur(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.one = self.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(1.0))
    def forward(self, x):
        padded = paddle.nn.functional.pad(x * self.one, [1, 1, 1, 1], mode="replicate")
        return paddle.nn.functional.avg_pool2d(padded, 3, 1)
spec = paddle.static.InputSpec([None, 3, None, None], "float32", name="image")
model = Blur()
model.eval()
paddle.jit.save(paddle.jit.to_static(model, input_spec=[spec]), sys.argv[1])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doc")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    shutil.copytree(OCR / "page_orientation", folder / "page_orientation")
    (folder / "tiny_unwarp").mkdir()
    prefix = str(folder / "tiny_unwarp/inference")
    # A file: Paddle reads the source of what it compiles.
    (folder / "export.py").write_text(EXPORT)
    command = [sys.executable, str(folder / "export.py"), prefix]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "tiny_unwarp/inference.yml").write_text("Global: {model_name: tiny_unwarp}\n")
    return folder


@pytest.mark.paddle
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param("onnxruntime", marks=pytest.mark.convert),
        pytest.param("openvino", marks=pytest.mark.convert),
        "paddle",
    ],
)
def test_a_page_is_turned_upright_and_flattened(folder: Path, backend: str) -> None:
    change = f"SubModules.DocUnwarping.hpi_config={{auto_config: false, backend: {backend}}}"
    seen = cv2.resize(cv2.imread(str(OCR / "receipt.jpg")), (740, 540), interpolation=cv2.INTER_AREA)
    with create_pipeline(folder / "pipeline.yaml", overrides=[change]) as pipeline:
        (result,) = pipeline.predict(seen)
    assert result["angle"] == 90
    assert result["model_settings"] == {"use_doc_orientation_classify": True, "use_doc_unwarping": True}
    upright = cv2.rotate(seen, cv2.ROTATE_90_COUNTERCLOCKWISE)
    expected = cv2.blur(upright, (3, 3), borderType=cv2.BORDER_REPLICATE)
    assert result.image is not None
    assert np.abs(result.image.astype(int) - expected).max() <= 1
