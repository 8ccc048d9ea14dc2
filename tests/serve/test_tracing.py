"""Spans of OpenTelemetry: a request and the steps for it make one trace; without its API nothing changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.classifying import ADDRESS, lay_out

TRACED = """
import base64, json, sys, threading
from concurrent.futures import ThreadPoolExecutor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
from pathlib import Path
from starlette.testclient import TestClient
import hpi_serve
data = base64.b64encode(next(Path("pictures").iterdir()).read_bytes()).decode()
with TestClient(hpi_serve.app("plan.json")) as client:
    while client.get("/ready").status_code != 200:
        pass
    def ask(number):
        given = {"traceparent": f"00-{number:032x}-{number:016x}-01"} if number else {}
        body = {"image": data, "topk": 1 + number % 2}
        return client.post("/image-classification", json=body, headers=given).status_code
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(ask, range(6)))
    codes.append(client.post("/nothing", json={}).status_code)
def told(span):
    return {"name": span.name, "trace": span.context.trace_id, "id": span.context.span_id,
            "parent": span.parent.span_id if span.parent else None, "begin": span.start_time, "end": span.end_time,
            "kind": span.kind.name, "status": span.status.status_code.name, **span.attributes}
print(json.dumps([codes, [told(span) for span in kept.get_finished_spans()]]))
"""
# As if its API were not installed.
UNTRACED = """
import sys
sys.modules["opentelemetry"] = None
from hpi_serve import tracing
assert tracing.trace is None
with tracing.Tracing().request({}) as span:
    assert span.owner is None
    span.tell("POST", "/ocr", 200, plan="plan")
tracing.Tracing().step("a", "b", 1.0, [])
from starlette.testclient import TestClient
import hpi_serve
with TestClient(hpi_serve.app("plan.json")) as client:
    while client.get("/ready").status_code != 200:
        pass
    print(client.post("/image-classification", json={"image": "bm8="}).status_code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("traced")
    lay_out(made)
    return made


def ran(folder: Path, script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def spans(folder: Path) -> tuple[list[int], list[dict[str, Any]]]:
    codes, found = json.loads(ran(folder, TRACED))
    return codes, found


def test_a_request_is_a_span_below_that_of_its_client(spans: Any) -> None:
    codes, found = spans
    assert codes == [200] * 6 + [404]
    requests = [span for span in found if span["kind"] == "SERVER"]
    assert [span["name"] for span in requests].count("POST /image-classification") == 6
    assert {span["trace"] for span in requests} >= set(range(1, 6))
    assert {span["parent"] for span in requests} >= set(range(1, 6))
    answered = [span for span in requests if span["http.response.status_code"] == 200]
    assert {span["hpi.plan"] for span in answered} == {"plan"}
    # A route that nobody has is not told: it is what a client wrote.
    (other,) = (span for span in requests if span["http.response.status_code"] == 404)
    assert (other["name"], other["http.route"], other["status"]) == ("POST", "", "UNSET")


@pytest.mark.parametrize("number", range(6))
def test_each_step_for_a_request_is_below_it(spans: Any, number: int) -> None:
    _, found = spans
    requests = [span for span in found if span["name"] == "POST /image-classification"]
    request = requests[number]
    steps = [span for span in found if span["parent"] == request["id"]]
    assert {span["trace"] for span in steps} == {request["trace"]}
    assert {span["name"] for span in steps} == {
        "input decode",
        f"{ADDRESS} preprocess",
        f"{ADDRESS} inference",
        f"{ADDRESS} postprocess",
    }
    assert len(steps) == 4
    for span in steps:
        assert request["begin"] <= span["begin"] <= span["end"] <= request["end"] + 1_000_000
        assert span["hpi.items"] == 1


def test_without_the_api_requests_are_answered_as_ever(folder: Path) -> None:
    assert ran(folder, UNTRACED).strip() == "422"
