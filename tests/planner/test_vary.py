"""What one request asks for, a plan gives as if it had been made so; what it has no model for is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hpi_planner import request, vary
from hpi_planner.compile import compile
from hpi_planner.syntax import overrides as layers
from hpi_schemas.plan.model import Plan

ROOT = Path(__file__).parents[2]
EXAMPLES = ("ocr", "table", "page", "goods")
TABLE, PAGE_TABLE = "SubPipelines.GeneralOCR.SubModules", "SubPipelines.TableRecognition"


def planned(example: str, *overrides: str) -> Plan:
    if example == "goods":
        overrides = ("index=null", *overrides)
    path = ROOT / "examples" / example / "pipeline.yaml"
    if not (path.parent / "models").is_dir():
        pytest.skip("the example's models are not there; `make test` makes them")
    ir = compile(request.make(str(path), layers.collect({"device": "cpu"}, overrides)))
    assert ir.plan is not None, ir.diagnostics
    return ir.plan


@pytest.mark.parametrize("example", EXAMPLES)
def test_without_changes_a_plan_stays_what_it_is(example: str) -> None:
    plan = planned(example)
    found = vary.vary(plan, {})
    assert found.graph == plan.graph
    assert found.settings == {address: record.settings for address, record in plan.modules.items()}


@pytest.mark.parametrize(
    ("example", "changes"),
    [
        ("ocr", {"SubModules.TextDetection.thresh": 0.6, "SubModules.TextDetection.limit_side_len": 960}),
        ("ocr", {"SubModules.TextRecognition.score_thresh": 0.9}),
        ("ocr", {"SubModules.TextRecognition.return_word_box": True}),
        ("ocr", {"use_textline_orientation": False}),
        ("ocr", {"use_doc_preprocessor": False}),
        ("ocr", {"SubPipelines.DocPreprocessor.use_doc_orientation_classify": False}),
        ("ocr", {"use_textline_orientation": False, "use_doc_preprocessor": False}),
        ("table", {"use_layout_detection": False}),
        ("table", {f"{TABLE}.TextDetection.box_thresh": 0.7}),
        ("page", {"use_table_recognition": False}),
        ("page", {"use_region_detection": False}),
        ("page", {"format_block_content": True, "markdown_ignore_labels": ["header"]}),
        ("page", {f"{PAGE_TABLE}.use_e2e_wireless_table_rec_model": False}),
        ("page", {"SubModules.LayoutDetection.layout_nms": True}),
        ("goods", {"rec_threshold": 0.9, "rec_topk": 2}),
        ("goods", {"det_threshold": 0.9}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else value,
)
def test_a_plan_with_changes_is_the_plan_that_would_be_made_with_them(example: str, changes: Mapping[str, Any]) -> None:
    expected = planned(example, *(f"{key}={json.dumps(value)}" for key, value in changes.items()))
    found = vary.vary(planned(example), changes)
    assert found.graph == expected.graph
    for address, record in expected.modules.items():
        assert found.settings[address] == record.settings


@pytest.mark.parametrize(
    ("example", "changes", "said"),
    [
        ("ocr", {"SubPipelines.DocPreprocessor.use_doc_unwarping": True}, "needs a model that the plan does not have"),
        ("ocr", {"use_textline_orientation": "yes"}, "must be"),
        ("ocr", {"SubModules.Nothing.thresh": 1}, "the plan has no `SubModules.Nothing`"),
        ("ocr", {"no_such_key": 1}, "has no such key"),
        ("ocr", {"text_type": "round"}, "must be"),
        ("page", {"use_seal_recognition": True}, "needs a model that the plan does not have"),
        ("page", {"use_formula_recognition": True}, "needs a model that the plan does not have"),
        ("table", {"use_ocr_model": False}, "no stage graph"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_what_a_plan_cannot_be_is_refused_in_words(example: str, changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(vary.VaryError, match=said):
        vary.vary(planned(example), changes)


def test_a_graph_that_somebody_has_changed_is_not_made_anew() -> None:
    from dataclasses import replace

    plan = planned("ocr")
    assert plan.graph is not None
    changed = replace(plan, graph=replace(plan.graph, drawing="mine"))
    with pytest.raises(vary.VaryError, match="by another hpi-plan, or by hand"):
        vary.vary(changed, {"use_textline_orientation": False})
