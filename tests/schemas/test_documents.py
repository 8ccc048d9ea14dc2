"""Candidates, profiles and records of runs: what is read is what was written, and older ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hpi_planner.compile import compile
from hpi_planner.select import candidates as planned
from hpi_schemas import candidates, profile, run_record
from hpi_schemas.canonical import dumps
from hpi_schemas.documents import DocumentError
from support.pipelines import request
from support.profiles import measured
from support.profiles import profile as made_up

PIPELINE = """
pipeline_name: image_classification
use_hpip: true
SubModules: {ImageClassification: {model_name: PP-LCNet_x1_0}}
"""
RECORD: dict[str, Any] = {
    "ended": "2026-11-25T10:00:02Z",
    "format": "2.0",
    "inputs": [
        {"digest": "sha256:" + "2" * 64, "name": "a.png"},
        {"digest": None, "name": "https://example.com/b.png"},
    ],
    "machine": {"arch": "x86_64", "cores": 4, "name": "ocr-7", "os": "linux", "python": "3.11"},
    "module": None,
    "modules": {
        "M": {
            "actual": {"device": "cpu"},
            "backend": "openvino",
            "files": {"inference.onnx": "sha256:" + "0" * 64},
            "replicas": {"1": {"device": "gpu:1"}},
            "version": None,
        }
    },
    "plan": "sha256:" + "1" * 64,
    "results": {"failed": 1, "finished": 3},
    "seconds": {"load": 0.5, "run": 1.25},
    "started": "2026-11-25T10:00:00Z",
}


def _candidates() -> str:
    return candidates.write(planned.collect(compile(request(PIPELINE))))


def _profile() -> str:
    def measure(entry: Any) -> Any:
        if entry["engine"]["backend"] == "paddle":
            return {"fault": "it crashed"}
        return measured(0.5, accuracy={"label_share": 0.9}, loaded_ms=3.0, peak_mib=9.5)

    return dumps(made_up(request(PIPELINE), measure, {"label_share": 1.0}))


def _record() -> str:
    return dumps(RECORD)


# What makes one, what writes and reads it, the command that makes it anew.
DOCUMENTS: dict[str, tuple[Callable[[], str], Any, str]] = {
    "candidates": (_candidates, candidates, "hpi-plan PIPELINE.yaml --candidates FILE"),
    "profile": (_profile, profile, "hpi-bench --candidates FILE --profile FILE"),
    "run": (_record, run_record, "hpi-run plan.json --record FILE"),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_what_is_read_is_written_as_it_was(kind: str) -> None:
    make, module, _ = DOCUMENTS[kind]
    text = make()
    assert module.write(module.read(text.encode(), "x.json")) == text


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize(("version", "mend"), [("1.0", "makes it anew"), ("3.1", "a newer hpi-plan has written it")])
def test_another_format_is_refused_with_what_to_do(kind: str, version: str, mend: str) -> None:
    make, module, command = DOCUMENTS[kind]
    data = {**json.loads(make()), "format": version}
    with pytest.raises(DocumentError) as told:
        module.read(dumps(data).encode(), "x.json")
    assert f"x.json has the format {version}; this version reads 2.x" in str(told.value)
    assert mend in str(told.value)
    assert (command in str(told.value)) == (version == "1.0")


NO_DOCUMENTS = ["", "[]", "{}", '{"format": "2.0"}', '{"format": 2}', '{"format": "2.0", "modules": 3}']


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("text", NO_DOCUMENTS)
def test_what_is_no_such_document_is_refused_with_what_writes_one(kind: str, text: str) -> None:
    _, module, command = DOCUMENTS[kind]
    with pytest.raises(DocumentError, match=r"x\.json is not ") as told:
        module.read(text.encode(), "x.json")
    assert command in str(told.value)
