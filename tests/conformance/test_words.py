"""Words of lines and where they are, against PaddleX, live."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conformance.test_detection import Predict, paddlex  # noqa: F401 (a fixture)
from conformance.test_ruled_tables import OCR, READERS, located
from hpi_runtime import create_pipeline
from support import printed_pages, table_pictures

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("batch_size", [pytest.param(1, marks=pytest.mark.full), 6])
def test_words_and_their_boxes_are_paddlexs(
    paddlex: Predict,  # noqa: F811
    models: Path,
    tmp_path: Path,
    batch_size: int,
) -> None:
    data: dict[str, Any] = copy.deepcopy(OCR)
    data["SubModules"]["TextRecognition"] |= {"return_word_box": True, "batch_size": batch_size}
    pictures = {"page": printed_pages.page(2)[:900], "table": table_pictures.several()[5].image}
    pictures["upright"] = cv2.rotate(pictures["table"], cv2.ROTATE_90_CLOCKWISE)
    for name, image in pictures.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    seen = [str(ROOT / "examples/ocr/receipt.jpg"), *(str(tmp_path / f"{name}.png") for name in pictures)]
    path = tmp_path / "words.yaml"
    for name in READERS:
        shutil.copytree(models / name, tmp_path / name, ignore=shutil.ignore_patterns(".cache"))
    path.write_text(yaml.safe_dump(located(data, tmp_path), sort_keys=False))
    (answers,) = paddlex([{"pipeline": str(path), "pictures": seen}])
    assert isinstance(answers, list), answers
    with create_pipeline(path, device="cpu") as loaded:
        found = list(loaded.predict(seen))
    words = same = 0
    for own, other in zip(found, answers, strict=True):
        assert not own.is_failed, own
        assert own["return_word_box"] is other["return_word_box"] is True
        assert own["rec_texts"] == other["rec_texts"]
        assert own["text_word"] == other["text_word"]
        for line, expected in zip(own["text_word_boxes"], other["text_word_boxes"], strict=True):
            # A crop may be one pixel narrower with another version of OpenCV.
            assert np.allclose(line, expected, atol=3), own["input_path"]
            same += line == expected
        words += sum(map(len, own["text_word"]))
    assert words > 100
    assert same >= 0.95 * sum(len(own["text_word_boxes"]) for own in found)
