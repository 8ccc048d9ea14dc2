"""Classes of pixels, anomalies, outlines and joints against PaddleX, live, on the same folders and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from conformance.test_labels import pipeline
from hpi_runtime import create_pipeline
from support import toy_detectors, toy_pixels, trained

SEGMENTER, SCORER, JOINTS, OUTLINER, PERSON = (
    *("PP-LiteSeg-T", "STFPM", "PP-TinyPose_128x96", "Mask-RT-DETR-S", "PP-YOLOE-S_human"),
)
POSE = "PP-TinyPose_256x192"
BACKENDS = ["onnxruntime", pytest.param("openvino", marks=pytest.mark.full)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A person, noise, grey, one pixel, and what has transparent parts."""
    folder = tmp_path_factory.mktemp("pictures")
    smooth = cv2.GaussianBlur(trained.noise(90, 130), (0, 0), 6)
    images = {"person": trained.portrait(), "smooth": cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)}
    images |= {"dot": trained.noise(1, 1), "thin": trained.noise(2, 200), "empty": np.zeros((50, 40, 3), np.uint8)}
    for name, image in images.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    cv2.imwrite(str(folder / "grey.png"), cv2.cvtColor(images["person"], cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(folder / "clear.png"), cv2.cvtColor(images["smooth"], cv2.COLOR_BGR2BGRA))
    return sorted(str(path) for path in folder.iterdir())


def answered(
    paddlex: Predict,  # noqa: F811
    folder: Path,
    name: str,
    members: dict[str, dict[str, Any]],
    pictures: list[str],
    backend: str,
    batch_size: int = 1,
    **arguments: Any,
) -> list[tuple[Any, Any]]:
    """Return for each picture what we and PaddleX say, where PaddleX takes them one by one."""
    theirs = pipeline(folder, name, members, is_ours=False)
    (answers,) = paddlex([{"pipeline": str(theirs), "pictures": pictures, "arguments": arguments}])
    assert isinstance(answers, list), answers
    ours = {key: {**member, "batch_size": batch_size} for key, member in members.items()}
    with create_pipeline(pipeline(folder, name, ours, True, backend), device="cpu") as own:
        found = list(own.predict(pictures))
    assert not [result["error"] for result in found if result.is_failed]
    return list(zip(found, answers, strict=True))


@pytest.mark.parametrize(
    "resize",
    [
        pytest.param(None, id="as large as they are"),
        pytest.param(
            {"target_size": [64, 48], "keep_ratio": False, "size_divisor": None}, id="stretched", marks=pytest.mark.full
        ),
        pytest.param({"target_size": 100, "interp": "AREA"}, id="in proportion", marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_classes_of_pixels_are_paddlexs(
    paddlex: Predict,  # noqa: F811
    pictures: list[str],
    tmp_path: Path,
    resize: dict[str, Any] | None,
    backend: str,
) -> None:
    toy_pixels.segmenter(tmp_path / SEGMENTER, resize)
    members = {
        "SemanticSegmentation": {
            "module_name": "semantic_segmentation",
            "model_name": SEGMENTER,
            "target_size": None,
        }
    }
    classes = set()
    # PaddleX fails at a side that would have no pixel left.
    seen = [path for path in pictures if resize is None or Path(path).stem != "thin"]
    for own, other in answered(paddlex, tmp_path, "semantic_segmentation", members, seen, backend, 3):
        one, two = np.array(own["pred"]), np.array(other["pred"])
        assert one.shape == two.shape
        # A pixel at the edge of two steps may round either way.
        assert (one != two).mean() <= 1e-3, own["input_path"]
        classes |= set(one.ravel().tolist())
    assert len(classes) >= 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_trained_weights_find_the_person_whom_paddlex_finds(
    paddlex: Predict,  # noqa: F811
    trained_models: Path,
    pictures: list[str],
    tmp_path: Path,
    backend: str,
) -> None:
    (tmp_path / SEGMENTER).symlink_to(trained_models / SEGMENTER)
    member = {"module_name": "semantic_segmentation", "model_name": SEGMENTER, "target_size": None}
    members = {"SemanticSegmentation": member}
    shares = {}
    for own, other in answered(paddlex, tmp_path, "semantic_segmentation", members, pictures, backend):
        one, two = np.array(own["pred"]), np.array(other["pred"])
        assert one.shape == two.shape
        # A pixel at the outline may round either way.
        assert (one != two).mean() <= 1e-3, own["input_path"]
        shares[Path(own["input_path"]).stem] = one.mean()
    assert 0.4 < shares["person"] < 0.8
    assert shares["empty"] < 0.1


@pytest.mark.parametrize("backend", BACKENDS)
def test_anomalies_are_paddlexs(paddlex: Predict, pictures: list[str], tmp_path: Path, backend: str) -> None:  # noqa: F811
    toy_pixels.anomalies(tmp_path / SCORER)
    members = {"AnomalyDetection": {"module_name": "anomaly_detection", "model_name": SCORER}}
    kinds = set()
    # PaddleX looks at the first picture of a batch alone.
    for own, other in answered(paddlex, tmp_path, "anomaly_detection", members, pictures, backend, 4):
        assert own["pred"] == other["pred"], own["input_path"]
        kinds |= {number for row in own["pred"][0] for number in row}
    assert kinds == {0, 255}


@pytest.mark.parametrize("threshold", [0.5, 0.1])
@pytest.mark.parametrize("backend", BACKENDS)
def test_outlines_are_paddlexs(
    paddlex: Predict,  # noqa: F811
    tmp_path: Path,
    threshold: float,
    backend: str,
) -> None:
    boxes = [
        [0, 0.9, 10.4, 20.6, 90.2, 80.0],
        [1, 0.6, -5, -5, 40, 200],
        [1, 0.3, 100, 50, 159.7, 119.6],
        [-1, 0.9, 0, 0, 20, 20],
    ]
    toy_pixels.outliner(tmp_path / OUTLINER, boxes, ["one", "two"])
    paths = []
    for number in range(2):
        paths.append(str(tmp_path / f"{number}.png"))
        cv2.imwrite(paths[-1], cv2.resize(trained.noise(12 + number, 16), (160, 120)))
    member = {"module_name": "instance_segmentation", "model_name": OUTLINER, "threshold": threshold}
    count = 0
    members, name = {"InstanceSegmentation": member}, "instance_segmentation"
    # PaddleX reads the threshold of the YAML, and takes it as an argument alone.
    for own, other in answered(paddlex, tmp_path, name, members, paths, backend, threshold=threshold):
        assert [box["label"] for box in own["boxes"]] == [box["label"] for box in other["boxes"]]
        assert own["masks"] == other["masks"]
        for box, expected in zip(own["boxes"], other["boxes"], strict=True):
            assert box["coordinate"] == pytest.approx(expected["coordinate"], abs=1e-3)
            assert box["score"] == pytest.approx(expected["score"], abs=1e-4)
        count += len(own["boxes"])
    assert count == (4 if threshold == 0.5 else 6)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"flip": True}, id="mirrored"),
        pytest.param({"use_udp": True}, id="unbiased"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_joints_of_people_are_paddlexs(
    paddlex: Predict,  # noqa: F811
    pictures: list[str],
    tmp_path: Path,
    options: dict[str, bool],
    backend: str,
) -> None:
    toy_pixels.joints(tmp_path / JOINTS)
    boxes = np.array([[0, 0.9, 60.5, 40, 300, 500], [0, 0.8, 10, 300, 400.5, 420], [0, 0.1, 0, 0, 50, 50]])
    toy_detectors.lay_out(tmp_path / PERSON, toy_detectors.saying(boxes), PERSON)
    members: dict[str, dict[str, Any]] = {
        "ObjectDetection": {"module_name": "object_detection", "model_name": PERSON},
        "KeypointDetection": {"module_name": "keypoint_detection", "model_name": JOINTS, **options},
    }
    seen = [path for path in pictures if Path(path).stem in ("person", "grey", "smooth")]
    count = 0
    for own, other in answered(paddlex, tmp_path, "human_keypoint_detection", members, seen, backend, 2):
        assert len(own["boxes"]) == len(other["boxes"])
        for person, expected in zip(own["boxes"], other["boxes"], strict=True):
            assert person["coordinate"] == pytest.approx(expected["coordinate"], abs=1)
            apart = np.abs(np.array(person["keypoints"]) - expected["keypoints"]).max(axis=1)
            # Of two places that are alike to the last digits, engines find either.
            assert (apart <= 1).mean() >= (1 if backend == "onnxruntime" else 0.9), own["input_path"]
            assert person["kpt_score"] == pytest.approx(expected["kpt_score"], abs=1e-4)
            count += 1
    assert count >= 4


def test_joints_of_whole_pictures_are_paddlexs(paddlex: Predict, pictures: list[str], tmp_path: Path) -> None:  # noqa: F811
    from hpi_runtime import create_model

    toy_pixels.joints(tmp_path / JOINTS, is_unbiased=True)
    asked = {"model_name": JOINTS, "model_dir": str(tmp_path / JOINTS), "pictures": pictures}
    (answers,) = paddlex([asked])
    assert isinstance(answers, list), answers
    with create_model(JOINTS, tmp_path / JOINTS, device="cpu", batch_size=3) as model:
        found = list(model.predict(pictures))
    for own, other in zip(found, answers, strict=True):
        assert not own.is_failed, own
        assert np.allclose(own["kpts"][0]["keypoints"], other["kpts"][0]["keypoints"], atol=1), own["input_path"]


@pytest.mark.parametrize("options", [{}, {"flip": True}, {"use_udp": True}], ids=["plain", "mirrored", "unbiased"])
def test_trained_weights_find_the_joints_that_paddlex_finds(
    paddlex: Predict,  # noqa: F811
    trained_models: Path,
    tmp_path: Path,
    options: dict[str, bool],
) -> None:
    portrait = trained.portrait()
    # As much room as the rest of her would take.
    picture, (down, across) = np.zeros((1800, 1800, 3), np.uint8), (300, 644)
    picture[down : down + portrait.shape[0], across : across + portrait.shape[1]] = portrait
    cv2.imwrite(str(tmp_path / "person.png"), picture)
    (tmp_path / POSE).symlink_to(trained_models / POSE)
    # PaddleX, and so we, look at a quarter more than the box.
    boxes = np.array([[0, 0.9, 180, 180, 1620, 1620]])
    toy_detectors.lay_out(tmp_path / PERSON, toy_detectors.saying(boxes), PERSON)
    members: dict[str, dict[str, Any]] = {
        "ObjectDetection": {"module_name": "object_detection", "model_name": PERSON},
        "KeypointDetection": {"module_name": "keypoint_detection", "model_name": POSE, **options},
    }
    seen = [str(tmp_path / "person.png")]
    ((own, other),) = answered(paddlex, tmp_path, "human_keypoint_detection", members, seen, "onnxruntime")
    (person,), (expected,) = own["boxes"], other["boxes"]
    assert np.allclose(person["keypoints"], expected["keypoints"], atol=1)
    nose, left, right = (np.array(joint[:2]) - (across, down) for joint in person["keypoints"][:3])
    for joint, there in ((nose, (262, 228)), (left, (307, 195)), (right, (222, 200))):
        assert np.abs(joint - there).max() < 25, person["keypoints"]
