"""Answers of PaddleX 3.7.2 and 3.0.0 that were recorded beside this repository, where they are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.conformance import (
    DIFFERENT,
    ON_PURPOSE,
    ROWS,
    Choice,
    Models,
    Verdict,
    module_verdict,
    pipeline_verdict,
    selection_verdict,
)

# Every recorded case whose answer is neither PaddleX's nor a refusal, with the reason.
ON_PURPOSE_CASES: dict[str, str] = json.loads(
    Path(__file__).with_name("recorded_on_purpose.json").read_text(encoding="utf-8")
)
RECORDS = Path(__file__).parents[3] / "shared/oracle"
# Where 3.0.0 gives a text another meaning than 3.7.2, 3.7.2's holds.
OLDER_MEANING = {
    "edge-structure-doc_preprocessor-false-only-3.0.0": "3.7.2 also creates DocPreprocessor for two other flags",
    "mp-0083": "3.0.0 knows no engine_config",
    "mp-0097": "3.0.0 knows no engine_config",
    "rp-0034": "3.7.2 knows iluvatar_gpu",
    "rp-0116": "3.7.2 knows iluvatar_gpu",
    "rp-0194": "3.7.2 also creates DocPreprocessor for two other flags",
}

pytestmark = pytest.mark.skipif(not RECORDS.is_dir(), reason="the recorded answers are not beside this repository")


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDS / name).read_text(encoding="utf-8").splitlines()]


def _older(row: dict[str, Any], verdict: Verdict) -> Verdict:
    if verdict.kind == DIFFERENT and row["paddlex_version"] == "3.0.0" and row["id"] in OLDER_MEANING:
        return Verdict("another meaning in 3.0.0", OLDER_MEANING[row["id"]])
    return verdict


def _pipeline(row: dict[str, Any]) -> Verdict:
    refused = row.get("would_raise")
    error = row.get("expected_error") or row.get("expected_lazy_error")
    theirs = Models(row.get("expected") or [], error, str(refused) if refused else None)
    return _older(row, pipeline_verdict(row["pipeline_yaml"], row["overrides"], theirs))


def _judge_all(judge: Any, title: str, name: str, found: list[tuple[str, Verdict]]) -> None:
    judge(title, found)
    ids = {row["id"] for row in _rows(name)}
    listed = {case: why for case, why in ON_PURPOSE_CASES.items() if case in ids}
    assert {case: ROWS[verdict.why] for case, verdict in found if verdict.kind == ON_PURPOSE} == listed


def test_recorded_pipelines(judge: Any) -> None:
    name = "public.jsonl"
    _judge_all(judge, "recorded pipelines", name, [(row["id"], _pipeline(row)) for row in _rows(name)])


def test_recorded_module_files(judge: Any) -> None:
    found = []
    for row in _rows("public_module.jsonl"):
        theirs = (row.get("expected") or {}).get("create_predictor")
        if theirs is not None:
            option = (theirs.get("pp_option") or {}).get("PaddlePredictorOption", {})
            theirs = {**theirs, "run_mode": option.get("run_mode")}
        found.append((row["id"], _older(row, module_verdict(row["module_yaml"], row["options"], theirs))))
    _judge_all(judge, "recorded module files", "public_module.jsonl", found)


def test_recorded_selections(judge: Any) -> None:
    found = []
    for row in _rows("public_select.jsonl"):
        env, answer = row["env"], row.get("runner", {})
        choice = Choice(
            hpi_config=row["hpi_config"],
            formats=row["formats"],
            built=env["ultra_infer"],
            paddle2onnx=env["paddle2onnx"],
            mkldnn=env["mkldnn"],
            tensorrt=env["trt_python"] and env["nvinfer"] and env["use_pir_trt"],
            paddle=env["paddle_version"],
            cuda=env["cuda_version"],
            machine=env["machine"],
        )
        found.append((row["id"], selection_verdict(choice, answer if "backend" in answer else None)))
    _judge_all(judge, "recorded selections", "public_select.jsonl", found)
