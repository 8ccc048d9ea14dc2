"""No input gives a traceback: whatever the YAML or the overrides say, the compiler answers with diagnostics."""

from __future__ import annotations

from typing import Any

import yaml
from hpi_planner.compile import compile
from hpi_planner.diagnostics import render
from hpi_planner.diagnostics.model import has_errors
from hpi_planner.syntax import overrides
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pipelines import CPU, GPU, ocr, request

WORDS = st.sampled_from(
    [
        *(
            "pipeline_name",
            "OCR",
            "doc_preprocessor",
            "text_type",
            "general",
            "SubModules",
            "SubPipelines",
            "model_name",
        ),
        *("TextDetection", "TextRecognition", "DocPreprocessor", "use_hpip", "hpi_config", "backend", "backend_config"),
        *("auto_config", "on_failure", "device_type", "Global", "Predict", "model", "PP-OCRv5_mobile_det", "openvino"),
        *(
            "use_doc_preprocessor",
            "use_textline_orientation",
            "batch_size",
            "precision",
            "run_mode",
            "${a.b}",
            "'1'",
            "x",
        ),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 100) | st.floats() | st.text(max_size=6) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | SCALARS, inner, max_size=5),
    max_leaves=25,
)


def check(text: str, *sets: str, flags: dict[str, Any] | None = None) -> None:
    for target in (CPU, GPU):
        ir = compile(request(text, overrides.collect(flags or {}, sets), target))
        assert (ir.plan is None) == has_errors(ir.diagnostics)
        assert bool(render.render(ir.diagnostics, ir.texts)) == bool(ir.diagnostics)


@given(st.dictionaries(WORDS | SCALARS, VALUES, max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_document_is_answered(document: dict[Any, Any]) -> None:
    check(yaml.safe_dump(document, allow_unicode=True))


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_is_answered(text: str) -> None:
    check(text.encode("utf-8", "replace").decode())


@given(
    ocr(),
    st.sampled_from(["hpi_config", "SubModules.TextDetection", "SubPipelines.DocPreprocessor", "text_type"]),
    VALUES,
)
@settings(max_examples=100, deadline=None)
def test_any_value_in_a_place_that_matters_is_answered(pipeline: dict[str, Any], place: str, value: Any) -> None:
    node: Any = pipeline
    *above, last = place.split(".")
    for key in above:
        node = node[key]
    node[last] = value
    check(yaml.safe_dump(pipeline))


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_override_is_answered(layer: str, config: str, device: str) -> None:
    text = "pipeline_name: OCR\ntext_type: general\n"
    check(text, layer, flags={"hpi_config": config, "device": device})
