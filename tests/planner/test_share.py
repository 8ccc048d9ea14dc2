"""Modules with the same model and engine share a session, and the plan says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hpi_planner.compile import compile
from hpi_planner.ir import ModelFacts
from hpi_planner.models import RecordedReader
from hpi_schemas.plan.read import PlanReadError, read
from hpi_schemas.plan.write import write
from support.pipelines import CPU, GPU, EveryModel, request

FIRST = "SubPipelines.DocPreprocessor.SubModules.DocOrientationClassify"
SECOND = "SubModules.TextLineOrientation"


def pipeline(more: str = "", line: str = "", target: Any = CPU, reader: Any = None) -> Any:
    text = f"""
pipeline_name: OCR
text_type: general
use_hpip: true
{more}
SubPipelines:
  DocPreprocessor:
    pipeline_name: doc_preprocessor
    use_doc_unwarping: false
    SubModules:
      DocOrientationClassify: {{model_name: mine, model_dir: mine}}
SubModules:
  TextDetection: {{model_name: PP-OCRv5_mobile_det}}
  TextLineOrientation: {{model_name: mine, model_dir: mine, batch_size: 6{line}}}
  TextRecognition: {{model_name: PP-OCRv5_mobile_rec}}
"""
    return request(text, target=target, reader=reader)


def session(asked: Any) -> str | None:
    ir = compile(asked)
    assert ir.plan is not None, ir.diagnostics
    assert ir.plan.modules[FIRST].session is None
    return ir.plan.modules[SECOND].session


def test_the_second_module_uses_the_session_of_the_first() -> None:
    assert session(pipeline()) == FIRST
    assert session(pipeline("share_sessions: true")) == FIRST
    # How many pictures a batch has, and what is made of the answers, is each module's own.
    assert session(pipeline(line=", score_thresh: 0.9")) == FIRST


@pytest.mark.parametrize(
    ("more", "line", "target"),
    [
        ("share_sessions: false", "", CPU),
        ("", ", hpi_config: {backend: openvino, backend_config: {cpu_num_threads: 1}}", CPU),
        ("", ", use_hpip: false", CPU),
        ("device: gpu:0", "", GPU),
    ],
)
def test_sessions_are_not_shared_where_engines_differ_or_nobody_wants_it(more: str, line: str, target: Any) -> None:
    assert session(pipeline(more, line, target)) is None


def test_another_file_is_another_model() -> None:
    class Exported(EveryModel):
        """Has another export of the model for the second module."""

        def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
            found = super().read(address, model_name, model_dir)
            other = {form: dict.fromkeys(files, "sha256:" + "1" * 64) for form, files in found.files.items()}
            return replace(found, files=other) if address == SECOND else found

    assert session(pipeline(reader=Exported())) is None


def test_what_is_no_truth_value_is_an_error_with_its_place() -> None:
    ir = compile(pipeline("share_sessions: 'no'"))
    (found,) = [item for item in ir.diagnostics if "share_sessions" in item.message]
    assert "must be true or false, not `no`" in found.message
    assert found.labels[0].span.line == 5


def test_a_plan_with_a_session_is_the_same_from_its_own_record() -> None:
    asked = pipeline()
    first = compile(asked)
    assert first.plan is not None
    again = compile(replace(asked, reader=RecordedReader(first.plan.modules)))
    assert again.text == first.text


@pytest.mark.fault("plans whose parts do not fit together")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"session": "nobody"}, "which has none of its own"),
        ({"session": SECOND}, "which has none of its own"),
        ({"session": "SubModules.TextDetection"}, "which has another engine|which has another model"),
    ],
)
def test_a_session_of_a_module_that_is_not_its_like_is_refused(change: dict[str, Any], reason: str) -> None:
    plan = compile(pipeline()).plan
    assert plan is not None
    broken = replace(plan, modules={**plan.modules, SECOND: replace(plan.modules[SECOND], **change)})
    with pytest.raises(PlanReadError, match=reason):
        read(write(broken).encode(), "plan.json")
