"""What Python programs may hand over: the same picture, however it is held, gives the same pixels."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_runtime import load_plan
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.reading import read
from hpi_runtime.inputs.values import as_image, each
from hpi_runtime.run.pipeline import Pipeline
from PIL import Image
from support.classifying import lay_out, picture

PIXELS = np.random.default_rng(1).integers(2, 250, (20, 30, 3), np.uint8)
GREY = np.asarray(cv2.cvtColor(PIXELS, cv2.COLOR_BGR2GRAY))
OPAQUE = np.dstack([PIXELS, np.full(GREY.shape, 7, np.uint8)])
RGB = Image.fromarray(np.ascontiguousarray(PIXELS[..., ::-1]))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("values") / "a.png"
    cv2.imwrite(str(path), PIXELS)
    return path


HELD: dict[str, Callable[[Path], Any]] = {
    "path": str,
    "Path": lambda path: path,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "open file": lambda path: path.open("rb"),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "folder": lambda path: path.parent,
    "list": lambda path: [str(path)],
    "tuple": lambda path: (path.read_bytes(),),
    "generator": lambda path: (item for item in [path]),
    "picture of Pillow": lambda _: RGB,
    "RGBA of Pillow": lambda _: Image.fromarray(np.ascontiguousarray(OPAQUE[..., [2, 1, 0, 3]])),
    "BGR": lambda _: PIXELS,
    "BGRA": lambda _: OPAQUE,
    "floats": lambda _: PIXELS.astype(np.float32) + 0.2,
    "16 bits": lambda _: PIXELS.astype(np.uint16) << 8,
    "whole numbers": lambda _: PIXELS.astype(np.int64),
    "negative strides": lambda _: PIXELS[::-1, ::-1, ::-1][::-1, ::-1, ::-1],
}


@pytest.mark.parametrize("held", HELD)
def test_the_same_picture_gives_the_same_pixels_however_it_is_held(file: Path, held: str) -> None:
    (item,) = read(each(HELD[held](file)))
    assert item.error is None
    np.testing.assert_array_equal(item.values["image"], PIXELS)


@pytest.mark.parametrize(
    "array",
    [GREY, GREY[..., np.newaxis], GREY.astype(np.float64), Image.fromarray(GREY), Image.fromarray(GREY).convert("LA")],
    ids=["2-d", "x 1", "floats", "L", "LA"],
)
def test_grey_pictures_get_three_channels(array: Any) -> None:
    np.testing.assert_array_equal(as_image(array), cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR))


MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"]


@pytest.mark.parametrize("mode", MODES)
def test_pictures_of_every_mode_are_taken(mode: str) -> None:
    if mode == "I;16":
        held = Image.fromarray(GREY.astype(np.uint16))
    else:
        held = RGB.convert("LA").convert("PA") if mode == "PA" else RGB.convert(mode)
    found = as_image(held)
    assert found.shape == (20, 30, 3)
    assert found.dtype.name == "uint8"


def test_a_picture_that_lies_on_its_side_is_turned_as_files_are() -> None:
    lying = Image.fromarray(np.rot90(np.asarray(RGB)).copy())
    lying.getexif()[0x0112] = 6
    np.testing.assert_array_equal(as_image(lying), PIXELS)


def test_truth_values_are_black_and_white() -> None:
    assert set(np.unique(as_image(GREY > 100))) == {0, 255}


@pytest.mark.fault("values from Python that are no pictures")
@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((0, 5, 3), np.uint8), "not of the shape"),
        (np.zeros((5, 5, 2), np.uint8), "not of the shape"),
        (np.zeros((2, 5, 5, 3), np.uint8), "not of the shape"),
        (np.zeros(5, np.uint8), "not of the shape"),
        (np.full((5, 5), np.nan), "from 0 to 255"),
        (np.full((5, 5), np.inf), "from 0 to 255"),
        (np.full((5, 5), -1.0), "these go from -1 to -1"),
        (np.full((5, 5), 256), "these go from 256 to 256"),
        (np.full((5, 5), 0.5, np.float32), "multiply by 255"),
        (np.full((5, 5), 1j), "not complex"),
        (np.full((5, 5), "x"), "not <U1"),
        (np.full((5, 5), None), "not object"),
    ],
)
def test_an_array_that_is_no_picture_is_an_error_record_with_its_reason(array: Any, reason: str) -> None:
    good, bad = read(each([PIXELS, array]))
    assert good.error is None
    assert bad.error is not None
    assert bad.error.code == "INPUT_UNSUPPORTED"
    assert reason in str(bad.error)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("pipeline")
    lay_out(folder)
    with load_plan(folder / "plan.json") as loaded:
        yield loaded


@pytest.mark.fault("values from Python that are no pictures")
@pytest.mark.parametrize(
    "wrong", [None, 3, 1.5, {"a.png": 1}, {"a.png"}, object(), [1, 2], [["a.png"]], ["a.png", None]]
)
def test_what_is_no_input_is_one_type_error_before_anything_runs(pipeline: Pipeline, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a path, a URL, bytes"):
        pipeline.predict(wrong)


@pytest.mark.fault("values from Python that are no pictures")
def test_a_wrong_item_of_a_generator_ends_it_behind_the_results_before_it(pipeline: Pipeline) -> None:
    found = pipeline.predict(item for item in [PIXELS, 3, PIXELS])
    assert next(found)["class_ids"]
    with pytest.raises(TypeError, match="the input 1 must be"):
        list(found)


@pytest.mark.fault("values from Python that are no pictures")
def test_bytes_that_are_no_picture_are_one_error_record(pipeline: Pipeline) -> None:
    (result,) = pipeline.predict(b"no picture" * 1000)
    assert result["error"]["code"] == "IMAGE_UNREADABLE"
    (result,) = pipeline.predict(io.StringIO("text"))
    assert "open it with mode 'rb'" in result["error"]["message"]


def test_a_picture_that_is_open_as_text_is_told_so(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    with path.open(encoding="utf-8") as text:
        (result,) = pipeline.predict(text)
    assert result["error"]["message"] == f"{path} gives text and no bytes; open it with mode 'rb'"


@pytest.mark.parametrize("limits", [None, 3, {"pages": 1}])
def test_limits_are_limits(pipeline: Pipeline, limits: Any) -> None:
    with pytest.raises(TypeError, match="`limits` must be a Limits"):
        pipeline.predict("p.png", limits=limits)


def test_a_closed_pipeline_says_so(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with load_plan(tmp_path / "plan.json") as pipeline:
        assert next(iter(pipeline.predict(PIXELS)))["class_ids"]
    with pytest.raises(PlanError, match="the pipeline is closed"):
        pipeline.predict(PIXELS)


def test_replicas_share_the_inputs_and_keep_their_order(tmp_path: Path) -> None:
    import json

    from support.classifying import change

    lay_out(tmp_path)
    for number in range(9):
        picture(tmp_path / f"pictures/{number}.png", number)
    with load_plan(tmp_path / "plan.json") as pipeline:
        expected = [dict(result) for result in pipeline.predict(tmp_path / "pictures")]
    # Devices of a GPU cannot be had here; two engines on a CPU are as good to see who gets what.
    change(tmp_path / "plan.json", [0, 1], "replicas")
    with load_plan(tmp_path / "plan.json") as pipeline:
        assert set(pipeline.replicas) == {1}
        ran = [0, 0]
        for place, engine in enumerate((*pipeline.engines.values(), *pipeline.replicas[1].values())):
            run = engine._run

            def counted(arrays: Any, place: int = place, run: Any = run) -> Any:
                ran[place] += 1
                return run(arrays)

            engine._run = counted  # type: ignore[method-assign]
        found = [dict(result) for result in pipeline.predict(tmp_path / "pictures")]
    assert min(ran) >= 5
    assert [{**result, "plan": ""} for result in found] == [{**result, "plan": ""} for result in expected]
    json.dumps(found)


@pytest.mark.parametrize("inputs", ["", [""]])
def test_an_empty_name_is_no_folder(inputs: Any) -> None:
    (found,) = read(each(inputs))
    assert found.error is not None
    assert found.error.code == "INPUT_UNREADABLE"


@pytest.mark.parametrize("label", ["90_degree", "north", 1, -90])
def test_a_page_is_turned_by_an_angle_or_not_at_all(label: Any) -> None:
    from hpi_runtime.errors import InputError
    from hpi_runtime.ops import rotate_page

    with pytest.raises(InputError, match="the orientation model's label is"):
        rotate_page.run({"label_names": [label], "image": np.zeros((2, 3, 3), np.uint8)}, {})
