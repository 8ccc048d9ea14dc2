"""Videos: which frames are decoded, and what is refused in words."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hosted.media import video_classifier
from hpi_runtime import create_pipeline
from hpi_runtime.errors import InputError
from hpi_runtime.inputs.clips import Clip
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime.test_cli import run
from support import clips

MODEL = "PP-TSMv2-LCNetV2_8frames_uniform"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A video in each container."""
    folder = tmp_path_factory.mktemp("videos")
    return {kind: clips.write(folder / f"clip.{kind}", frames=20) for kind in clips.KINDS}


@pytest.mark.parametrize("kind", clips.KINDS)
def test_frames_are_those_that_opencv_decodes(files: dict[str, Path], kind: str) -> None:
    clip = Clip(files[kind].read_bytes(), "x", DEFAULT)
    assert clip.count == 20
    capture = cv2.VideoCapture(str(files[kind]))
    expected = [capture.read()[1] for _ in range(20)]
    np.testing.assert_array_equal(clip.first, expected[0])
    for place, frame in zip((3, 0, 19, 3), clip.frames((3, 0, 19, 3)), strict=True):
        assert np.abs(frame.astype(int) - expected[place]).max() <= 2


BAD = {
    "nothing": b"",
    "a text": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n",
    "a list of other files": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "a picture": cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes(),
    "a beginning alone": b"\0\0\0\x18ftypisom" + bytes(60),
    "no more than a mark": b"\x1a\x45\xdf\xa3" + b"\xff" * 40,
    "an empty list of lists": b"RIFF\x04\0\0\0AVI ",
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_video_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match=r"x (is not a video|cannot be decoded|holds no pictures|ends before)"):
        Clip(BAD[kind], "x", DEFAULT)


@given(
    st.binary(max_size=400), st.sampled_from([b"\0\0\0\x18ftypisom", b"\x1a\x45\xdf\xa3", b"RIFF\xff\0\0\0AVI LIST"])
)
@settings(max_examples=60)
def test_any_bytes_behind_a_beginning_are_a_video_or_refused(data: bytes, beginning: bytes) -> None:
    with contextlib.suppress(InputError):
        Clip(beginning + data, "x", DEFAULT)


@pytest.mark.parametrize("kind", clips.KINDS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.97])
def test_a_video_that_is_cut_off_gives_frames_or_is_refused(files: dict[str, Path], kind: str, part: float) -> None:
    data = files[kind].read_bytes()
    try:
        clip = Clip(data[: int(len(data) * part)], "x", DEFAULT)
        assert 0 < clip.count <= 20
        assert len(clip.frames([clip.count // 2])) == 1
    except InputError as fault:
        assert str(fault).startswith("x ")


@pytest.mark.parametrize("kind", clips.KINDS)
def test_a_video_with_changed_bytes_gives_frames_or_is_refused(files: dict[str, Path], kind: str) -> None:
    data = files[kind].read_bytes()
    chance = random.Random(kind)
    for _ in range(150):
        changed = bytearray(data)
        # What says what there is stands at the ends.
        for place in chance.choices([*range(min(900, len(data))), *range(len(data) - 900, len(data))], k=6):
            changed[place] = chance.randrange(256)
        with contextlib.suppress(InputError):
            Clip(bytes(changed), "x", DEFAULT).frames([3])


def test_of_each_frame_only_what_is_made_of_it_is_kept(files: dict[str, Path]) -> None:
    clip = Clip(files["mp4"].read_bytes(), "x", DEFAULT)
    whole = clip.frames([1, 5])
    for frame, small in zip(whole, clip.frames([1, 5], lambda frame: frame[::8, ::8].copy()), strict=True):
        np.testing.assert_array_equal(small, frame[::8, ::8])


def test_a_video_that_costs_too_much_is_refused(files: dict[str, Path]) -> None:
    data = files["mp4"].read_bytes()
    with pytest.raises(InputError, match="320 × 240 pixels, more than the 70,000 allowed"):
        Clip(data, "x", Limits(pixels=70_000))
    clip = Clip(data, "x", Limits(document_pixels=320 * 240 * 10))
    assert len(clip.frames([9])) == 1
    with pytest.raises(InputError, match="has more than 768,000 pixels on its first 11 frames"):
        clip.frames([10])


def test_a_folder_of_videos_is_classified_and_one_bad_one_costs_no_other(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    video_classifier(tmp_path / MODEL)
    module = {
        "module_name": "video_classification",
        "model_name": MODEL,
        "model_dir": MODEL,
        "batch_size": 2,
        "topk": 2,
    }
    pipeline = {"pipeline_name": "video_classification", "SubModules": {"VideoClassification": module}}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(pipeline))
    (tmp_path / "in").mkdir()
    for name, path in files.items():
        (tmp_path / "in" / f"{name}.{name}").write_bytes(path.read_bytes())
    (tmp_path / "in" / "bad.mp4").write_bytes(b"bad")
    (tmp_path / "in" / "cover.png").write_bytes(BAD["a picture"])
    assert run(tmp_path, "p.yaml", "--device", "cpu", "--output", "plan.json", command="hpi-plan").returncode == 0
    done = run(tmp_path, "plan.json", "--input", "in", "--save-images", "drawn")
    assert (done.returncode, "1 file passed over: no videos" in done.stderr) == (1, True)
    records = {Path(record["input_path"]).name: record for record in map(json.loads, done.stdout.splitlines())}
    assert records.pop("bad.mp4")["error"]["code"] == "INPUT_UNREADABLE"
    assert {tuple(record["label_names"]) for record in records.values()} == {tuple(records["mp4.mp4"]["label_names"])}
    assert all(len(record["scores"]) == 2 for record in records.values())
    drawing = cv2.imread(str(tmp_path / "drawn/in/mp4.mp4_res.png"))
    assert drawing is not None and drawing.shape[0] > 240
    # From Python too, from bytes; arrays are no videos.
    with create_pipeline(tmp_path / "p.yaml", device="cpu") as own:
        one, other = own.predict([files["mp4"].read_bytes(), np.zeros((9, 9, 3), np.uint8)])
    assert one["label_names"] == records["mp4.mp4"]["label_names"]
    assert other["error"]["message"] == "the plan takes videos, not a ndarray"


def test_frames_smaller_than_the_model_looks_at_are_refused(tmp_path: Path, files: dict[str, Path]) -> None:
    video_classifier(tmp_path / MODEL)
    path = tmp_path / MODEL / "inference.yml"
    path.write_text(path.read_text().replace("short_size: 256", "short_size: 100"))
    module = {"module_name": "video_classification", "model_name": MODEL, "model_dir": MODEL}
    pipeline = {"pipeline_name": "video_classification", "SubModules": {"VideoClassification": module}}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(pipeline))
    with create_pipeline(tmp_path / "p.yaml", device="cpu") as own:
        (found,) = own.predict(str(files["mp4"]))
    assert "have 133 × 100 pixels, and the model looks at 224 × 224" in found["error"]["message"]
