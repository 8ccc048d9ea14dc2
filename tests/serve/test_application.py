"""The service as an ASGI application, in the process of whoever embeds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import hpi_serve
import numpy as np
import pytest
from hpi_serve.options import LIMITS, Options
from starlette.testclient import TestClient

from serve.asking import encoded

ROOT = Path(__file__).parents[2]
OCR = ROOT / "examples/ocr"


@contextmanager
def ready(*plans: Path, **options: Any) -> Iterator[TestClient]:
    with TestClient(hpi_serve.app(*plans, options=Options(**options))) as client:
        while not client.get("/ready").json()["ready"]:
            time.sleep(0.02)
        yield client


@pytest.fixture(scope="module")
def client(models: Path) -> Iterator[TestClient]:
    with ready(OCR / "plan.json") as found:
        yield found


def results(client: TestClient, **settings: Any) -> Any:
    body = {"file": encoded(OCR / "receipt.jpg"), "fileType": 1, "visualize": False, **settings}
    reply = client.post("/ocr", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]["ocrResults"][0]["prunedResult"]


def test_it_loads_when_it_starts_and_frees_when_it_ends(client: TestClient) -> None:
    assert client.get("/ready").json()["plans"].keys() == {"plan"}


def test_what_is_off_for_one_request_is_left_out_of_it_alone(client: TestClient) -> None:
    whole = results(client)
    part = results(client, useTextlineOrientation=False)
    assert set(whole["textline_orientation_angles"]) != set(part["textline_orientation_angles"])
    assert part["model_settings"]["use_textline_orientation"] is False
    assert results(client) == whole
    plain = results(client, useDocOrientationClassify=False, useDocUnwarping=False)
    assert "doc_preprocessor_res" in whole
    assert "doc_preprocessor_res" not in plain


def test_what_takes_a_model_that_the_plan_does_not_have_is_refused_in_words(client: TestClient) -> None:
    body = {"file": encoded(OCR / "receipt.jpg"), "fileType": 1, "useDocUnwarping": True}
    reply = client.post("/ocr", json=body)
    assert reply.status_code == 422
    assert "needs a model that the plan does not have" in reply.json()["errorMsg"]


def test_a_plan_that_cannot_be_loaded_is_told_and_health_stays(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    with TestClient(hpi_serve.app(plan)) as client:
        while "fault" not in (told := client.get("/ready").json()):
            time.sleep(0.02)
        assert "plan.json" in told["fault"]
        assert client.get("/health").status_code == 200
        assert client.post("/ocr", json={}).status_code == 503


def test_every_page_of_a_document_is_answered_and_more_than_may_be_are_refused(
    client: TestClient, tmp_path: Path
) -> None:
    pages = [np.full((64, 48 + 16 * number, 3), 255, np.uint8) for number in range(12)]
    done, data = cv2.imencodemulti(".tif", pages)
    assert done
    (tmp_path / "pages.tif").write_bytes(data.tobytes())
    body = {"file": encoded(tmp_path / "pages.tif"), "fileType": 1, "visualize": False}
    result = client.post("/ocr", json=body).json()["result"]
    assert len(result["ocrResults"]) == 12
    sizes = [{"width": 48 + 16 * number, "height": 64} for number in range(12)]
    assert result["dataInfo"] == {"numPages": 12, "pages": sizes, "type": "tiff"}
    with ready(OCR / "plan.json", limits=replace(LIMITS, pages=10)) as other:
        reply = other.post("/ocr", json=body)
        assert reply.status_code == 422
        assert "more than the 10 pages allowed" in reply.json()["errorMsg"]
