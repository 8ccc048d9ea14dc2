"""Tasks, on pictures small enough to follow by hand."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from hpi_runtime import tasks
from hpi_runtime.pictures import transforms
from hpi_runtime.tasks.base import Task
from hpi_runtime.tasks.image_classification import ImageClassification
from hpi_runtime.tasks.image_unwarping import ImageUnwarping
from hpi_runtime.tasks.text_detection import TextDetection
from hpi_runtime.tasks.text_recognition import TextRecognition

NORMALIZE = {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": "1./255."}}
DETECTOR: dict[str, Any] = {
    "PreProcess": {"transform_ops": [{"DetResizeForTest": None}, NORMALIZE, {"ToCHWImage": None}, {"KeepKeys": {}}]},
    "PostProcess": {"name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.5, "unclip_ratio": 1.5},
}
RECOGNISER: dict[str, Any] = {
    "PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 48, 320]}}]},
    "PostProcess": {"name": "CTCLabelDecode", "character_dict": ["a", "b", "c"]},
}
CLASSIFIER: dict[str, Any] = {
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"resize_short": 256}},
            {"CropImage": {"size": 224}},
            {"NormalizeImage": None},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"Topk": {"topk": 2, "label_list": ["cat", "dog", "owl"]}},
}


class Fed(NamedTuple):
    batches: list[np.ndarray]
    context: Any


def fed(task: Task, pictures: list[np.ndarray]) -> Fed:
    """Return the pictures' batches."""
    feeds = task.feeds({"image": pictures})
    return Fed([batch["image"] for batch in feeds.batches], feeds.context)


def read(task: Task, outputs: Any, context: Any) -> dict[str, list[Any]]:
    """Return what a task makes of the first output of its model."""
    role = "image" if isinstance(task, ImageUnwarping) else "probabilities"
    return task.read([{role: output} for output in outputs], context)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


# -- text_detection -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "size", "expected"),
    [
        ({"limit_side_len": 736, "limit_type": "min"}, (500, 700), (736, 1024)),
        ({"limit_side_len": 64, "limit_type": "min"}, (500, 700), (512, 704)),
        ({"limit_side_len": 960, "limit_type": "max"}, (500, 1920), (256, 960)),
        ({"limit_side_len": 960, "limit_type": "max"}, (500, 700), (512, 704)),
        ({"limit_side_len": 640, "limit_type": "resize_long"}, (100, 320), (192, 640)),
        ({"limit_side_len": 736, "limit_type": "min", "max_side_limit": 1000}, (100, 1000), (96, 992)),
        ({"input_shape": [3, 320, 480]}, (77, 99), (320, 480)),
        ({"limit_side_len": 960, "limit_type": "max"}, (10, 20), (32, 32)),
    ],
)
def test_pages_are_resized_to_what_the_network_takes(
    settings: dict[str, Any], size: tuple[int, int], expected: tuple[int, int]
) -> None:
    prepared = fed(TextDetection(DETECTOR, settings, 1), [noise(*size)])
    assert next(iter(prepared.batches)).shape == (1, 3, *expected)


@pytest.mark.parametrize(
    ("model", "arguments", "expected"),
    [
        ("PP-OCRv5_mobile_det", {"resize_long": 960}, (480, 960)),
        ("PP-OCRv5_mobile_det", {}, (480, 960)),
        ("my_det", {}, (992, 1984)),
        ("my_det", {"resize_long": 736}, (992, 1984)),
        ("my_det", {"limit_side_len": 640, "limit_type": "max"}, (320, 640)),
    ],
)
def test_without_settings_the_model_decides_how_large_a_page_is(
    model: str, arguments: dict[str, Any], expected: tuple[int, int]
) -> None:
    steps = [{"DetResizeForTest": arguments}, NORMALIZE, {"ToCHWImage": None}]
    config = {**DETECTOR, "Global": {"model_name": model}, "PreProcess": {"transform_ops": steps}}
    assert next(iter(fed(TextDetection(config, {}, 1), [noise(1000, 2000)]).batches)).shape == (1, 3, *expected)


def test_boxes_come_back_in_the_pixels_of_the_page() -> None:
    task = TextDetection(DETECTOR, {"limit_side_len": 320, "limit_type": "max"}, 1)
    context = fed(task, [noise(640, 640)]).context
    probabilities = np.zeros((1, 1, 320, 320), np.float32)
    probabilities[..., 100:120, 50:150] = 0.9
    values = read(task, [probabilities], context)
    (box,) = values["dt_polys"][0]
    assert values["dt_scores"] == [[0.9]]
    left, top, right, bottom = box[:, 0].min(), box[:, 1].min(), box[:, 0].max(), box[:, 1].max()
    # The area grows by area × ratio ÷ perimeter on all sides, 12.5 pixels of the map, 25 of the page.
    assert abs(left - (100 - 25)) <= 3
    assert abs(top - (200 - 25)) <= 3
    assert abs(right - (298 + 25)) <= 3
    assert abs(bottom - (238 + 25)) <= 3


def test_a_size_step_pads_pages_and_boxes_stay_where_they_are() -> None:
    settings = {"limit_side_len": 320, "limit_type": "max"}
    plain, padded = (TextDetection(DETECTOR, {**settings, **more}, 1) for more in ({}, {"size_step": 128}))
    page = noise(400, 640)
    (small,), (large,) = fed(plain, [page]).batches, fed(padded, [page]).batches
    assert (small.shape, large.shape) == ((1, 3, 192, 320), (1, 3, 256, 384))
    np.testing.assert_array_equal(large[..., :192, :320], small)
    assert not large[..., 192:, :].any()
    assert not large[..., 320:].any()
    probabilities = np.zeros((1, 1, 256, 384), np.float32)
    probabilities[..., 100:120, 50:150] = 0.9
    # What the network sees in the padding is on no page.
    probabilities[..., 200:250, 330:380] = 0.9
    found = read(padded, [probabilities], fed(padded, [page]).context)
    wanted = read(plain, [probabilities[..., :192, :320]], fed(plain, [page]).context)
    np.testing.assert_array_equal(found["dt_polys"][0], wanted["dt_polys"][0])
    assert found["dt_scores"] == wanted["dt_scores"]


def test_very_wide_pages_have_boxes_too() -> None:
    task = TextDetection(DETECTOR, {"limit_side_len": 320, "limit_type": "max"}, 1)
    probabilities = np.zeros((1, 1, 32, 320), np.float32)
    probabilities[..., 10:20, 290:312] = 0.9
    context = fed(task, [np.zeros((320, 40_000, 3), np.uint8)]).context
    (box,) = read(task, [probabilities], context)["dt_polys"][0]
    assert box[:, 0].min() > 33_000


@pytest.mark.parametrize(("change", "boxes"), [({}, 2), ({"box_thresh": 0.8}, 1), ({"thresh": 0.85}, 1)])
def test_thresholds_drop_weak_boxes(change: dict[str, float], boxes: int) -> None:
    task = TextDetection(DETECTOR, {"limit_side_len": 320, "limit_type": "max", **change}, 1)
    probabilities = np.zeros((1, 1, 320, 320), np.float32)
    probabilities[..., 20:40, 20:200] = 0.9
    probabilities[..., 80:100, 20:200] = 0.7
    values = read(task, [probabilities], fed(task, [noise(320, 320)]).context)
    assert len(values["dt_polys"][0]) == boxes


def test_a_page_without_text_has_no_boxes() -> None:
    task = TextDetection(DETECTOR, {}, 1)
    prepared = fed(task, [noise(32, 32)])
    (batch,) = prepared.batches
    values = read(task, [np.zeros((1, 1, *batch.shape[2:]), np.float32)], prepared.context)
    assert values["dt_polys"][0].shape == (0, 4, 2)


def test_the_colours_of_the_picture_go_in_as_the_model_wants_them() -> None:
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[..., 0] = 255
    rgb = next(iter(fed(TextDetection(DETECTOR, {}, 1), [blue]).batches))
    steps = [{"DecodeImage": {"img_mode": "BGR", "channel_first": False}}, *DETECTOR["PreProcess"]["transform_ops"]]
    bgr = next(iter(fed(TextDetection({**DETECTOR, "PreProcess": {"transform_ops": steps}}, {}, 1), [blue]).batches))
    assert rgb[0, :, 0, 0].tolist() == [-1, -1, 1]
    assert bgr[0, :, 0, 0].tolist() == [1, -1, -1]


# -- text_recognition -----------------------------------------------------------------------------


def test_lines_of_similar_width_share_a_batch_and_come_back_in_order() -> None:
    task = TextRecognition(RECOGNISER, {}, 2)
    lines = [noise(48, 900), noise(48, 100), noise(48, 600), noise(48, 50)]
    prepared = fed(task, lines)
    assert [batch.shape for batch in prepared.batches] == [(2, 3, 48, 320), (2, 3, 48, 900)]
    assert prepared.context.order == [3, 1, 2, 0]
    # Each line "reads" its own number of a's and b's.
    outputs = [np.zeros((2, 8, 5), np.float32) for _ in range(2)]
    for place, index in enumerate(prepared.context.order):
        outputs[place // 2][place % 2, :, 0] = 0.5
        outputs[place // 2][place % 2, 0, 1 + index % 3] = 0.9
    values = read(task, outputs, prepared.context)
    assert values["rec_text"] == ["a", "b", "c", "a"]
    assert values["rec_score"] == [pytest.approx(0.9)] * 4


@pytest.mark.parametrize(
    ("settings", "widths"),
    [
        ({}, [320, 320, 600, 901]),
        ({"width_step": 64}, [320, 320, 640, 960]),
        ({"min_width": 1}, [50, 100, 600, 901]),
        ({"min_width": 64, "width_step": 32}, [64, 128, 608, 928]),
    ],
)
def test_settings_say_how_lines_are_padded(settings: dict[str, int], widths: list[int]) -> None:
    task = TextRecognition(RECOGNISER, settings, 1)
    lines = [noise(48, width) for width in (50, 100, 600, 901)]
    batches = list(fed(task, lines).batches)
    assert [batch.shape[3] for batch in batches] == widths
    # The line itself is the same, whatever stands behind it.
    for line, batch in zip(lines, batches, strict=True):
        exact = next(iter(fed(TextRecognition(RECOGNISER, {"min_width": 1}, 1), [line]).batches))
        np.testing.assert_array_equal(batch[..., : line.shape[1]], exact)


def test_a_line_much_higher_than_wide_is_still_a_line() -> None:
    (batch,) = fed(TextRecognition(RECOGNISER, {"min_width": 1}, 1), [noise(1000, 1)]).batches
    assert batch.shape == (1, 3, 48, 1)


def test_padding_is_grey_and_very_long_lines_are_squeezed() -> None:
    task = TextRecognition(RECOGNISER, {}, 1)
    white = np.full((48, 96, 3), 255, np.uint8)
    (batch,) = fed(task, [white]).batches
    assert batch[0, :, :, :96].min() == 1
    assert not batch[0, :, :, 96:].any()
    (squeezed,) = fed(task, [noise(10, 1000)]).batches
    assert squeezed.shape == (1, 3, 48, 3200)


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([1, 1, 0, 1], "aa"),
        ([0, 0, 0], ""),
        ([1, 2, 2, 3], "abc"),
        ([4, 0, 1], " a"),
        ([1, 0, 0, 1, 1], "aa"),
    ],
)
def test_repeats_collapse_and_blanks_separate(steps: list[int], text: str) -> None:
    task = TextRecognition(RECOGNISER, {}, 1)
    probabilities = np.eye(5, dtype=np.float32)[steps][None]
    values = read(task, [probabilities], fed(task, [noise(48, 320)]).context)
    assert values == {"rec_text": [text], "rec_score": [1.0 if text else 0.0], "columns": [None]}


def test_columns_of_characters_are_given_where_words_are_asked_for() -> None:
    task = TextRecognition(RECOGNISER, {"return_word_box": True}, 1)
    probabilities = np.eye(5, dtype=np.float32)[[0, 1, 1, 0, 2, 0, 0, 0]][None]
    (columns,) = read(task, [probabilities], fed(task, [noise(48, 160)]).context)["columns"]
    # The line is half as wide as the network's input.
    assert columns == ("ab", [1, 4], pytest.approx(4.0))


def test_arabic_is_put_into_reading_order() -> None:
    config = {**RECOGNISER, "Global": {"model_name": "arabic_PP-OCRv5_mobile_rec"}}
    config["PostProcess"] = {"name": "CTCLabelDecode", "character_dict": ["א", "ב", "1"]}
    probabilities = np.eye(5, dtype=np.float32)[[1, 2]][None]
    task = TextRecognition(config, {}, 1)
    assert read(task, [probabilities], fed(task, [noise(48, 320)]).context)["rec_text"] == ["בא"]


# -- image_classification -------------------------------------------------------------------------


def test_classes_come_best_first_with_their_labels() -> None:
    task = ImageClassification(CLASSIFIER, {}, 4)
    values = read(task, [np.array([[0.2, 0.5, 0.3], [0.9, 0.06, 0.04]], np.float32)], None)
    assert values["class_ids"] == [[1, 2], [0, 1]]
    assert values["label_names"] == [["dog", "owl"], ["cat", "dog"]]
    assert values["scores"] == [[0.5, 0.3], [0.9, 0.06]]


def test_the_plans_topk_comes_before_the_models() -> None:
    task = ImageClassification(CLASSIFIER, {"topk": 1}, 4)
    assert read(task, [np.array([[0.2, 0.5, 0.3]], np.float32)], None)["class_ids"] == [[1]]


def test_pictures_fill_batches_of_the_planned_size() -> None:
    task = ImageClassification(CLASSIFIER, {}, 3)
    batches = fed(task, [noise(300, 400)] * 7).batches
    assert [batch.shape for batch in batches] == [(3, 3, 224, 224), (3, 3, 224, 224), (1, 3, 224, 224)]


def test_resize_and_crop_follow_the_picture() -> None:
    resize, crop = transforms.Resize(resize_short=256), transforms.CenterCrop(224)
    assert resize(noise(512, 1024)).shape == (256, 512, 3)
    assert crop(resize(noise(512, 1024))).shape == (224, 224, 3)
    assert transforms.Resize(size=[192, 48])(noise(10, 10)).shape == (48, 192, 3)
    pil = transforms.Resize(size=64, backend="pil", interpolation="BICUBIC")(noise(100, 50))
    assert pil.shape == (64, 64, 3)


@pytest.mark.parametrize("scale", [1 / 255, "1./255.", "0.00392156862745098", None])
def test_normalisation_agrees_with_the_formula(scale: Any) -> None:
    image = noise(20, 30)
    normalize = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], scale=scale)
    expected = (image.astype(np.float64) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert np.abs(normalize(image) - expected.transpose(2, 0, 1)).max() < 1e-6


# -- image_unwarping ------------------------------------------------------------------------------


def test_an_unwarped_page_is_a_picture_again() -> None:
    task = ImageUnwarping({}, {}, 1)
    image = noise(40, 60)
    prepared = fed(task, [image])
    assert next(iter(prepared.batches)).shape == (1, 3, 40, 60)
    assert np.abs(read(task, prepared.batches, None)["image"][0].astype(int) - image).max() <= 1
    wild = read(task, [np.full((1, 3, 2, 2), 1.7, np.float32)], None)["image"][0]
    assert wild.max() == 255


# -- configurations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("text_detection", "text_recognition", "textline_orientation", "doc_text_orientation"),
        *("image_unwarping", "image_classification", "layout_detection", "face_detection"),
    ],
)
def test_every_task_of_the_native_pipelines_is_there(name: str) -> None:
    assert tasks.find(name) is not None


@pytest.mark.parametrize("name", ["base", "nothing", "os.path", ""])
def test_there_is_no_task_of_another_name(name: str) -> None:
    assert tasks.find(name) is None


def test_opencv_and_the_table_agree_on_every_pixel() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, 2)
    planes = transforms.Normalize(mean=[0.5] * 3, std=[0.5] * 3)(image)
    by_hand = (image.astype(np.float32) * np.float32(1 / 255 / 0.5) + np.float32(-1)).transpose(2, 0, 1)
    assert np.array_equal(planes, by_hand)
    assert cv2.__version__
