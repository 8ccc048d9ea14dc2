"""What modules get can be kept, and a module that runs on that gives what it gave in the pipeline."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hosted import documents, media, zoo
from hosted.conftest import PAGE, PHOTO, page, write_series
from hpi_runtime.bench import native, replay
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.clips import Clip
from hpi_runtime.inputs.limits import DEFAULT
from hpi_runtime.run.executor import Item
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.plan import LocatedPlan, load
from support import clips

COMMANDS = Path(sys.executable).parent
VIDEO = "video.mp4"
# Each with what it is fed, and what else of it is asked for.
PIPELINES: Mapping[str, tuple[str, Sequence[str]]] = {
    **dict.fromkeys(("doc_preprocessor", "formula_recognition", "layout_parsing", "seal_recognition"), (PAGE, ())),
    **dict.fromkeys(("table_recognition", "table_recognition_v2"), (PAGE, ())),
    "OCR": (PAGE, ["SubModules.TextRecognition.return_word_box=true"]),
    "PP-StructureV3": (PAGE, ["use_formula_recognition=false", "use_region_detection=true"]),
    **dict.fromkeys(("anomaly_detection", "image_classification", "image_multilabel_classification"), (PHOTO, ())),
    **dict.fromkeys(("instance_segmentation", "object_detection", "semantic_segmentation"), (PHOTO, ())),
    **dict.fromkeys(("human_keypoint_detection", "pedestrian_attribute_recognition"), (PHOTO, ())),
    "ts_anomaly_detection": ("unusual.csv", ()),
    "ts_classification": ("kind.csv", ()),
    "ts_forecast": ("past.csv", ()),
    "video_classification": (VIDEO, ()),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """A folder with a model for everything, and every input."""
    folder = tmp_path_factory.mktemp("replay")
    zoo.lay_out(folder / "zoo", {**documents.makers(models), **media.MAKERS})
    cv2.imwrite(str(folder / PAGE), page())
    noise = np.random.default_rng(1).integers(0, 255, (480, 480, 3), np.uint8)
    cv2.imwrite(str(folder / PHOTO), cv2.GaussianBlur(noise, (0, 0), 8))
    write_series(folder)
    media.write_video(folder / VIDEO)
    return folder


def planned(here: Path, name: str, overrides: Sequence[str]) -> LocatedPlan:
    chosen = [part for override in overrides for part in ("-o", override)]
    command = [
        str(COMMANDS / "hpi-plan"),
        name,
        "--models",
        "zoo",
        "--device",
        "cpu",
        *chosen,
        "--output",
        f"{name}.json",
    ]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plan = load(here / f"{name}.json", here, [here / "zoo"])
    assert plan.plan.graph is not None, done.stderr
    return plan


@pytest.mark.parametrize("name", PIPELINES)
def test_every_module_alone_gives_what_it_gave_in_the_pipeline(here: Path, tmp_path: Path, name: str) -> None:
    fed, overrides = PIPELINES[name]
    plan = planned(here, name, overrides)
    parts = {address: replay.part(plan, address) for address in plan.modules if replay.is_alone(plan, address)}
    assert parts
    keep = {ref for part in parts.values() for ref in (*part.refs, *part.gives)}
    with NativePipeline(plan, keep=keep) as pipeline:
        (item,) = pipeline.items([str(here / fed)])
    assert item.error is None
    path = str(here / fed)
    for address, part in parts.items():
        folder = tmp_path / address.replace("/", "_")
        folder.mkdir()
        replay.save(item, part.refs, path, folder / f"0{replay.SUFFIX}")
        with native.loaded(plan, address) as (run, _):
            done, _ = run(list(replay.load(folder)), False)
            again, _ = run(list(replay.load(folder)), True)
            # Of several pictures it can run on one alone.
            (one,), _ = run([replay.cut(part, kept, 1) for kept in replay.load(folder)], False)
        whole = native.results([Item(path, item.values)], part)
        assert native.results(done, part) == native.results(again, part) == whole, address
        if part.graph.stages[part.stage].many and part.result is None:
            assert len(native.results([one], part)[0]) == min(1, len(whole[0])), address


def test_values_survive_being_kept_in_a_file(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    video = clips.write(tmp_path / "v.mp4", frames=5)
    series = pd.DataFrame({"date": ["2024-01-01 00:00", "2024-01-01 01:00"], "x": [0.1, 1 / 3], "n": [1, 2]})
    values = {
        "a.polys": np.ones((2, 4, 2), np.float32),
        "a.crops": [array, array[:, :1]],
        "a.page": {"array": 0, "list": ["same", 1], "angle": 90, "scores": [0.5, None], "text": "乌龙茶"},
        "a.ids": [(1, 2)],
        "input.series": series,
        "input.clip": Clip(video.read_bytes(), "v.mp4", DEFAULT),
    }
    found = kept(values, tmp_path)
    assert found["a.page"] == values["a.page"]
    assert found["a.ids"] == [[1, 2]]
    np.testing.assert_array_equal(found["a.polys"], np.ones((2, 4, 2), np.float32))
    for one, other in zip(found["a.crops"], (array, array[:, :1]), strict=True):
        np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(found["input.series"], series)
    assert found["input.clip"].count == 5


def test_records_that_are_one_stay_one_and_those_that_are_alike_stay_two(tmp_path: Path) -> None:
    inner = {"score": 0.5}
    box, other = {"label": "table", "in": inner}, {"label": "table", "in": dict(inner)}
    found = kept({"a.boxes": [box, other], "b.tables": [other, box], "c.inner": inner}, tmp_path)
    (one, two), tables = found["a.boxes"], found["b.tables"]
    assert one == two == box
    assert one is not two
    assert tables[0] is two
    assert tables[1] is one
    assert found["c.inner"] is one["in"]


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="a Path cannot be kept in a file".replace("Path", type(tmp_path).__name__)):
        kept({"a.thing": [tmp_path]}, tmp_path)


def kept(values: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Return values that were written to a file and read again."""
    item: Item[str] = Item("p.png", dict(values))
    path = folder / f"0{replay.SUFFIX}"
    assert replay.save(item, tuple(values), "p.png", path) > len(json.dumps(list(values)))
    (found,) = replay.load(folder)
    assert found.source == "p.png"
    return found.values
