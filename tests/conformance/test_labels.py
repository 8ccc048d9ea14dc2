"""Multi-label classification, and what things are like, against PaddleX on the same folders and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from hpi_runtime import create_model, create_pipeline
from support import toy_detectors, toy_labels, trained

LABELS = "PP-HGNetV2-B6_ML"
PERSON, LIKE = "PP-YOLOE-L_human", "PP-LCNet_x1_0_pedestrian_attribute"
VEHICLE, BUILT = "PP-YOLOE-L_vehicle", "PP-LCNet_x1_0_vehicle_attribute"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Colours, noise, a photograph, and what is hardly a picture."""
    folder = tmp_path_factory.mktemp("pictures")
    plain = {f"plain{number}": np.full((40, 60, 3), colour, np.uint8) for number, colour in enumerate(colours())}
    images = {**plain, "noise": trained.noise(70, 90), "person": trained.portrait(), "dot": trained.noise(1, 1)}
    for name, image in images.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    cv2.imwrite(str(folder / "grey.png"), cv2.cvtColor(images["noise"], cv2.COLOR_BGR2GRAY))
    return sorted(str(path) for path in folder.iterdir())


def colours() -> list[tuple[int, int, int]]:
    return [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (9, 90, 200)]


def pipeline(folder: Path, name: str, members: dict[str, dict[str, Any]], is_ours: bool, backend: str = "") -> Path:
    """Write a pipeline as one of the two programs takes it."""
    listed = {
        key: {**member, "model_dir": member["model_name"] if is_ours else str(folder / member["model_name"])}
        for key, member in members.items()
    }
    hpi = {"use_hpip": True, "hpi_config": {"backend": backend, "auto_config": False}} if is_ours else {}
    path = folder / f"{'ours' if is_ours else 'theirs'}{backend}.yaml"
    path.write_text(yaml.safe_dump({"pipeline_name": name, **hpi, "SubModules": listed}, sort_keys=False))
    return path


@pytest.mark.parametrize("threshold", [None, 0.2, 0.9])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_all_labels_of_pictures_are_paddlexs(
    paddlex: Predict,  # noqa: F811
    pictures: list[str],
    tmp_path: Path,
    threshold: float | None,
    backend: str,
) -> None:
    toy_labels.lay_out(tmp_path / LABELS, LABELS)
    # PaddleX gives each picture of a batch the threshold of a class; one number is the same for all.
    member: dict[str, Any] = {"module_name": "image_multilabel_classification", "model_name": LABELS, "batch_size": 4}
    member |= {} if threshold is None else {"threshold": threshold}
    members, name = {"ImageMultiLabelClassification": member}, "image_multilabel_classification"
    theirs = pipeline(tmp_path, name, members, is_ours=False)
    (answers,) = paddlex([{"pipeline": str(theirs), "pictures": pictures}])
    assert isinstance(answers, list), answers
    with create_pipeline(pipeline(tmp_path, name, members, True, backend), device="cpu") as own:
        found = list(own.predict(pictures))
    for one, other in zip(found, answers, strict=True):
        assert (one["class_ids"], one["label_names"]) == (other["class_ids"], other["label_names"])
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-4)
    assert sum(len(one["class_ids"]) for one in found) > 10


@pytest.mark.parametrize(
    ("name", "finder", "like"),
    [
        ("pedestrian_attribute_recognition", PERSON, LIKE),
        ("vehicle_attribute_recognition", VEHICLE, BUILT),
    ],
)
@pytest.mark.parametrize("count", [0, 5])
def test_what_things_are_like_is_paddlexs(
    paddlex: Predict,  # noqa: F811
    pictures: list[str],
    tmp_path: Path,
    name: str,
    finder: str,
    like: str,
    count: int,
) -> None:
    rng = np.random.default_rng(count)
    corners = rng.uniform(0, 20, (max(count, 1), 2))
    scores = rng.uniform(0.3, 1, (len(corners), 1)) if count else np.full((1, 1), 0.1)
    rows = np.hstack([np.zeros((len(corners), 1)), scores, corners, corners + rng.uniform(4, 19, corners.shape)])
    toy_detectors.lay_out(tmp_path / finder, toy_detectors.saying(rows), finder)
    toy_labels.lay_out(tmp_path / like, like, 0.4)
    members: dict[str, dict[str, Any]] = {
        "Detection": {"module_name": "object_detection", "model_name": finder, "batch_size": 1, "threshold": 0.5},
        "Classification": {"module_name": "multilabel_classification", "model_name": like, "threshold": 0.6},
    }
    members["Classification"]["batch_size"] = 2
    seen = [path for path in pictures if Path(path).stem != "dot"]
    theirs = pipeline(tmp_path, name, members, is_ours=False)
    (answers,) = paddlex([{"pipeline": str(theirs), "pictures": seen}])
    assert isinstance(answers, list), answers
    with create_pipeline(pipeline(tmp_path, name, members, True, "onnxruntime"), device="cpu") as own:
        found = list(own.predict(seen))
    for one, other in zip(found, answers, strict=True):
        assert [box["labels"] for box in one["boxes"]] == [box["labels"] for box in other["boxes"]]
        for box, expected in zip(one["boxes"], other["boxes"], strict=True):
            assert box["cls_scores"] == pytest.approx(expected["cls_scores"], abs=1e-4)
            assert box["det_score"] == pytest.approx(expected["det_score"], abs=1e-4)
            assert box["coordinate"] == pytest.approx(expected["coordinate"], abs=1)
    assert sum(len(one["boxes"]) for one in found) >= count


def test_each_class_has_its_own_threshold_whatever_the_place_of_its_picture(
    pictures: list[str], tmp_path: Path
) -> None:
    toy_labels.lay_out(tmp_path / LABELS, LABELS)

    def found(threshold: Any) -> list[list[int]]:
        member = {"module_name": "image_multilabel_classification", "model_name": LABELS, "batch_size": 4}
        members = {"ImageMultiLabelClassification": {**member, "threshold": threshold}}
        path = pipeline(tmp_path, "image_multilabel_classification", members, True, "onnxruntime")
        with create_pipeline(path, device="cpu") as own:
            return [sorted(result["class_ids"]) for result in own.predict(pictures)]

    strict, loose = found(0.9), found(0.2)
    mixed = found({"default": 0.9, 2: 0.2})
    for one, other, both in zip(strict, loose, mixed, strict=True):
        assert both == sorted({*one, *(number for number in other if number == 2)})
    assert mixed != strict


@pytest.mark.parametrize(
    ("name", "settings"),
    [("PP-ShiTuV2_rec", {}), ("ResNet50_face", {"flip": True}), ("MobileFaceNet", {"flip": False})],
)
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_features_of_pictures_are_paddlexs(
    paddlex: Predict,  # noqa: F811
    pictures: list[str],
    tmp_path: Path,
    name: str,
    settings: dict[str, Any],
    backend: str,
) -> None:
    toy_labels.describer(tmp_path / name, name)
    asked = {"model_name": name, "model_dir": str(tmp_path / name), "settings": settings, "pictures": pictures}
    # PaddleX gives each picture of a batch the features of all.
    (answers,) = paddlex([{**asked, "batch_size": 1}])
    assert isinstance(answers, list), answers
    hpi: Any = {"use_hpip": True, "hpi_config": {"backend": backend, "auto_config": False}}
    with create_model(name, tmp_path / name, device="cpu", batch_size=4, **hpi, **settings) as model:
        found = list(model.predict(pictures))
    for own, other in zip(found, answers, strict=True):
        assert not own.is_failed, own
        assert np.linalg.norm(own["feature"]) == pytest.approx(1, abs=1e-5)
        assert own["feature"] == pytest.approx(np.array(other["feature"]).ravel().tolist(), abs=1e-4)
