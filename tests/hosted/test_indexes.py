"""Indexes of features: what is found is looked up as PaddleX does, in indexes that either of the two has made."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from hosted.conftest import BIN, run

FINDERS = {
    "PP-ShiTuV2": ("PP-ShiTuV2_det", "PP-ShiTuV2_rec"),
    "face_recognition": ("PP-YOLOE_plus-S_face", "ResNet50_face"),
}
BUILD = """
import sys
from hpi_paddlex.pipeline import HostedPipeline
from hpi_runtime import load_plan
from pathlib import Path
plan, kind, gallery, labels = sys.argv[1], sys.argv[2], sys.argv[3].split(","), sys.argv[4].split(",")
with load_plan(plan, models=["zoo"]) as pipeline:
    pipeline.own.build_index(gallery, labels, index_type=kind).save("theirs")
"""


@pytest.fixture(params=list(FINDERS))
def place(request: pytest.FixtureRequest, here: Path, tmp_path: Path) -> Path:
    """A folder with a pipeline, its models, a gallery, and pictures: large, empty, tiny."""
    detector, describer = FINDERS[request.param]
    for name in (detector, describer):
        shutil.copytree(here / "zoo" / name, tmp_path / "zoo" / name)
    members = {
        "Detection": {"model_name": detector, "batch_size": 1},
        "Recognition": {"model_name": describer, "batch_size": 1},
    }
    told = {"pipeline_name": request.param, "use_hpip": True, "det_threshold": 0.4, "rec_threshold": 0.985}
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump({**told, "index": "None", "SubModules": members}))
    rng = np.random.default_rng(3)
    for label in ("ant", "bee", "cat"):
        for number in range(8):
            write(tmp_path / f"gallery/{label}/{number}.png", rng, 60 + 9 * number, 80)
    for number, size in enumerate(((480, 500), (300, 700), (64, 64), (480, 333))):
        write(tmp_path / f"in/{number}.png", rng, *size)
    cv2.imwrite(str(tmp_path / "in/white.png"), np.full((80, 90, 3), 255, np.uint8))
    return tmp_path


def write(path: Path, rng: np.random.Generator, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.GaussianBlur(rng.integers(0, 255, (height, width, 3), np.uint8), (0, 0), 4))


def done(place: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = run(place, command, *arguments, *(["--models", "zoo"] if "--models" not in arguments else []))
    assert found.returncode == 0, found.stderr
    return found


def answers(place: Path, index: str, *options: str) -> list[Any]:
    done(place, "hpi-plan", "pipeline.yaml", "-o", f"index={index}", *options, "--output", "plan.json")
    lines = done(place, "hpi-run", "plan.json", "--input", "in").stdout.splitlines()
    return [[result["input_path"], result["boxes"]] for result in map(json.loads, lines)]


@pytest.mark.parametrize("kind", ["Flat", *(pytest.param(kind, marks=pytest.mark.full) for kind in ("HNSW32", "IVF"))])
def test_what_is_found_is_looked_up_as_paddlex_does_in_an_index_of_ours(place: Path, kind: str) -> None:
    done(place, "hpi-plan", "pipeline.yaml", "--output", "build.json")
    done(place, "hpi-index", "build", "build.json", "--gallery", "gallery", "--type", kind, "--output", "index")
    ours, theirs = answers(place, "index"), answers(place, "index", "--host", "paddlex")
    assert ours == theirs
    labels = [box["labels"] for _, boxes in ours for box in boxes]
    # Some are known and some are not, or the test says nothing.
    assert any(item in (None, [None]) for item in labels) and any(item not in (None, [None]) for item in labels), labels


@pytest.mark.full
@pytest.mark.parametrize("kind", ["Flat", "HNSW32"])
def test_an_index_that_paddlex_made_is_ours_too(place: Path, kind: str) -> None:
    done(place, "hpi-plan", "pipeline.yaml", "--host", "paddlex", "--output", "hosted.json")
    pictures = sorted((place / "gallery").rglob("*.png"))
    labels = [path.parent.name for path in pictures]
    arguments = ["hosted.json", kind, ",".join(map(str, pictures)), ",".join(labels)]
    made = subprocess.run(
        [BIN / "python", "-c", BUILD, *arguments], cwd=place, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    done(place, "hpi-plan", "pipeline.yaml", "--output", "build.json")
    done(place, "hpi-index", "build", "build.json", "--gallery", "gallery", "--type", kind, "--output", "index")
    # The same pictures in the same order: the same index, to the byte.
    assert (place / "index/vector.index").read_bytes() == (place / "theirs/vector.index").read_bytes()
    assert yaml.safe_load((place / "index/id_map.yaml").read_text()) == yaml.safe_load(
        (place / "theirs/id_map.yaml").read_text()
    )
    assert answers(place, "theirs") == answers(place, "theirs", "--host", "paddlex")


@pytest.mark.full
def test_a_hosted_plan_answers_only_with_the_index_that_it_names(place: Path) -> None:
    done(place, "hpi-plan", "pipeline.yaml", "--output", "build.json")
    done(place, "hpi-index", "build", "build.json", "--gallery", "gallery", "--output", "index")
    answers(place, "index", "--host", "paddlex")
    with (place / "index/id_map.yaml").open("a") as stream:
        stream.write("# another\n")
    found = run(place, "hpi-run", "plan.json", "--models", "zoo", "--input", "in")
    assert found.returncode == 3, found.stderr
    assert "id_map.yaml is not the file that was planned" in found.stderr
