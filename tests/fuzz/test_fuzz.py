"""A bounded run of every fuzzing target, from real files on; CI's share of what can be run for hours."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support import records, tiny_onnx

ROOT = Path(__file__).parents[2]
# Target → runs: some seconds each. `make fuzz` takes many times as many.
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
RUNS = {
    "artefact": 1500,
    "configuration": 1500,
    "document": 1000,
    "model": 6000,
    "names": 6000,
    "picture": 6000,
    "plan": 1500,
    "profile": 1000,
    "target": 6000,
    "yaml": 1000,
}
pytestmark = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel here")


def seeds(target: str, folder: Path) -> None:
    """Lay out real files to start from."""
    folder.mkdir()
    page = Image.effect_noise((24, 16), 40)
    if target == "picture":
        for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "JPEG2000", "PPM"):
            page.save(folder / kind, format=kind)
    elif target == "document":
        page.save(folder / "pdf", format="PDF")
    elif target == "model":
        (folder / "onnx").write_bytes(tiny_onnx.model("x float32 N 3 H W"))
        shutil.copy(ROOT / "examples/digits/digits_cnn/inference.json", folder)
    elif target == "configuration":
        for name in ("digits/digits_cnn", "ocr/page_orientation"):
            text = (ROOT / "examples" / name / "inference.yml").read_text()
            (folder / name.replace("/", "-")).write_text(text)
        (folder / "deep").write_text("[" * 3000)
    elif target == "plan":
        shutil.copy(ROOT / "examples/digits/plan.json", folder)
    elif target == "target":
        shutil.copy(ROOT / "examples/digits/target.json", folder)
    elif target == "names":
        (folder / "list").write_bytes(b"\xef\xbb\xbfa/../b_1\r\nhttp://host/x?y/z\n/abs/_up\n")
    elif target == "artefact":
        (folder / "record").write_text('{"files": {"a/b": "sha256:0"}, "found": {}, "step": {}}')
    elif target == "profile":
        shutil.copy(ROOT / "tests/fuzz/profile.json", folder)
    else:
        shutil.copy(ROOT / "examples/ocr/pipeline.yaml", folder)


@pytest.mark.timeout(300 * TIMES)
@pytest.mark.parametrize("target", sorted(RUNS))
def test_no_input_gives_a_traceback_a_hang_or_a_crash(target: str, tmp_path: Path) -> None:
    seeds(target, tmp_path / "seeds")
    options = [f"-runs={RUNS[target] * TIMES}", "-seed=1", "-max_len=8192", "-timeout=20", "-rss_limit_mb=3000"]
    command = [sys.executable, str(Path(__file__).with_name("fuzz.py")), target, *options, str(tmp_path / "seeds")]
    # libFuzzer would count the peak memory of whoever starts it; so that is a small process.
    command = ["sh", "-c", '"$@"; exit $?', "sh", *command]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=250 * TIMES, check=False)
    assert done.returncode == 0, done.stderr[-3000:].decode(errors="replace")


def test_a_yaml_that_would_exhaust_the_stack_is_refused(tmp_path: Path) -> None:
    from hpi_runtime.errors import EngineError
    from hpi_runtime.run.loading import make_task

    for text in ("[" * 200_000, "- " * 200_000, "? " * 200_000, "{a: " * 200_000):
        (tmp_path / "inference.yml").write_text(text)
        with pytest.raises(EngineError, match="nested deeper"):
            make_task("m", records.module("image_classification"), tmp_path)
