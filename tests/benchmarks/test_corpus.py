"""The benchmarks' pictures and their truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hpi_runtime.judge import truth
from PIL import Image
from support import fields

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import corpus  # noqa: E402


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    corpus.make(folder, len(corpus.KINDS), seed=3)
    return folder


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(pictures: Path, tmp_path: Path) -> None:
    corpus.make(tmp_path / "again", len(corpus.KINDS), seed=3)
    corpus.make(tmp_path / "other", 1, seed=4)
    for path in pictures.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    (other,) = (tmp_path / "other").glob("0000_*")
    assert other.read_bytes() != next(pictures.glob("0000_*")).read_bytes()


def test_every_line_of_the_truth_has_ink_inside_its_box(pictures: Path) -> None:
    for name, entry in truth.load(pictures / truth.FILE).items():
        page = np.asarray(Image.open(pictures / name).convert("L"), np.float32)
        assert entry["lines"], name
        for line in entry["lines"]:
            (left, top), (right, bottom) = np.min(line["poly"], axis=0), np.max(line["poly"], axis=0)
            inside = page[max(0, top) : bottom, max(0, left) : right]
            assert inside.size, (name, line)
            assert np.ptp(inside) > 60, (name, line)


def test_the_example_pipeline_reads_what_is_written(pictures: Path, models: Path) -> None:
    names = [str(next(pictures.glob(f"*_{kind}.*"))) for kind in ("receipt", "tilted", "photographed")]
    known = truth.load(pictures / truth.FILE)
    found = truth.Accuracy()
    # In a process of its own: large pages take memory that later tests would be blamed for.
    plan = ROOT / "examples/ocr/plan.json"
    command = [str(Path(sys.executable).parent / "hpi-run"), str(plan), "--root", str(models.parent)]
    inputs = [part for name in names for part in ("--input", name)]
    done = subprocess.run([*command, *inputs], capture_output=True, check=True)
    for line in done.stdout.splitlines():
        result = json.loads(line)
        found.add(result, fields.OCR, known[Path(result["input_path"]).name])
    assert (found.box_recall or 0) > 0.95
    assert (found.error_rate or 1) < 0.1
