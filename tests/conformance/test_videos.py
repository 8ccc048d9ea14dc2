"""What happens in videos, against PaddleX on the same folder and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from hosted.media import video_classifier
from hpi_runtime import create_pipeline
from support import clips

MODEL = "PP-TSMv2-LCNetV2_8frames_uniform"
VIDEOS: dict[str, dict[str, Any]] = {
    "usual.mp4": {},
    "one.mp4": {"frames": 1},
    "few.mp4": {"frames": 5},
    "just.avi": {"frames": 8},
    "more.avi": {"frames": 17},
    "upright.mkv": {"size": (240, 340), "frames": 61},
    "ready.mp4": {"size": (340, 256)},
    "square.mp4": {"size": (300, 300)},
    "large.avi": {"size": (1280, 720), "frames": 30},
    "old.mkv": {"frames": 33},
}


def _changed(folder: Path, **reading: Any) -> Path:
    path = folder / "inference.yml"
    config = yaml.safe_load(path.read_text())
    config["PreProcess"]["transform_ops"][0]["ReadVideo"] |= reading
    path.write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.parametrize(
    ("topk", "reading"), [(1, {}), (5, {"num_seg": 4, "seg_len": 2}), (3, {"num_seg": 2, "seg_len": 4})]
)
def test_what_happens_in_videos_is_paddlexs(
    paddlex: Predict,  # noqa: F811
    tmp_path: Path,
    topk: int,
    reading: dict[str, int],
) -> None:
    video_classifier(tmp_path / MODEL)
    _changed(tmp_path / MODEL, **reading)
    paths = [str(clips.write(tmp_path / name, **how)) for name, how in VIDEOS.items()]
    asked = {"model_name": MODEL, "model_dir": str(tmp_path / MODEL), "settings": {"topk": topk}}
    if reading:
        # PaddleX fails at those of fewer frames than it looks at in each part.
        paths = [path for path in paths if "one" not in path]
    answers = paddlex([{**asked, "pictures": path} for path in paths])
    module = {"module_name": "video_classification", "model_name": MODEL, "model_dir": MODEL, "topk": topk}
    pipeline = {"pipeline_name": "video_classification", "SubModules": {"VideoClassification": module}}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(pipeline))
    with create_pipeline(tmp_path / "p.yaml", device="cpu") as own:
        found = list(own.predict(paths))
    for one, theirs in zip(found, answers, strict=True):
        assert isinstance(theirs, list), theirs
        (other,) = theirs
        assert not one.is_failed, one
        # PaddleX gives the classes of all that share a batch, here of one.
        assert ([one["class_ids"]], one["label_names"]) == (other["class_ids"], other["label_names"])
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-4)
    assert len({str(one["scores"]) for one in found}) > len(found) // 2
