"""Random pipelines for property tests, and a reader that has every model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import yaml
from hpi_planner import knowledge
from hpi_planner.compile import Request
from hpi_planner.ir import ModelFacts, ModelFolder
from hpi_planner.paddlex import builtin_configs, definitions
from hpi_planner.syntax.overrides import Override
from hpi_schemas import tasks
from hpi_schemas.model_inputs import Tensors
from hpi_schemas.plan.model import Source
from hpi_schemas.target import Gpu, Target
from hypothesis import strategies as st

DIGEST = "sha256:" + "0" * 64
CPU = Target(
    "linux",
    "x86_64",
    4,
    backends={"onnxruntime": "1.31.0", "openvino": "2026.4.1", "paddle": "3.2.2", "tensorrt": None, "om": None},
    tools={"paddle2onnx": "2.1.0"},
)
GPU = Target(
    "linux",
    "x86_64",
    16,
    cuda="12.6",
    gpus=(Gpu("NVIDIA A10", "8.6", 24564),) * 2,
    backends={"onnxruntime": "1.26.0", "openvino": "2026.4.1", "paddle": "3.1.1", "tensorrt": "10.9", "om": None},
    tools={"paddle2onnx": "2.1.0"},
)


class EveryModel:
    """A reader that has every model, in both formats."""

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        files = {
            "onnx": {"inference.onnx": DIGEST},
            "paddle": {"inference.json": DIGEST, "inference.pdiparams": DIGEST},
        }
        contract = tasks.find(knowledge.module_of(model_name) or "")
        taken: Tensors = {"x": ("float32", [None, 3, None, None])}
        channels = contract and next(iter(contract.inputs.values())).dims[1]
        if contract is not None and (len(contract.inputs) > 1 or channels != (3,)):
            # Whatever size: every dimension is free.
            taken = {role: (item.dtypes[0], [None] * len(item.dims)) for role, item in contract.inputs.items()}
        inputs = dict.fromkeys(files, taken)
        reference = f"store:{model_name}" if model_dir is None else model_dir
        return ModelFacts(reference, ("onnx", "paddle"), files, inputs, model_name)

    def folder(
        self, address: str, model_name: str, model_dir: str, names: Collection[str] | None = None
    ) -> ModelFolder:
        return ModelFolder(model_dir, dict.fromkeys(names or ["weights.bin"], DIGEST))


def request(text: str, overrides: tuple[Override, ...] = (), target: Target = CPU, reader: Any = None) -> Request:
    """Return a request for a YAML text."""
    return Request(Source(file="p.yaml"), "p.yaml", text.encode(), lambda: target, reader or EveryModel(), overrides)


_MODELS = {
    "DocOrientationClassify": "PP-LCNet_x1_0_doc_ori",
    "DocUnwarping": "UVDoc",
    "TextDetection": "PP-OCRv5_mobile_det",
    "TextLineOrientation": "PP-LCNet_x1_0_textline_ori",
    "TextRecognition": "PP-OCRv5_mobile_rec",
}
_CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "auto_config": st.just(True),
        "backend": st.sampled_from([None, "paddle"]),
        "auto_paddle2onnx": st.booleans(),
        "backend_config": st.sampled_from([None, {}, {"cpu_threads": 2}, {"run_mode": "paddle"}]),
    },
)
_LEVEL: dict[str, st.SearchStrategy[Any]] = {
    "use_hpip": st.booleans() | st.none(),
    "hpi_config": st.none() | _CONFIG,
}


def _node(**fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    parts = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in fixed.items()}
    return st.fixed_dictionaries(parts, optional=_LEVEL)


def _modules(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: _node(model_name=_MODELS[name]) for name in names})


def ocr() -> st.SearchStrategy[dict[str, Any]]:
    """Return OCR pipelines with use_hpip and hpi_config at random levels."""
    preprocessor = _node(
        pipeline_name="doc_preprocessor",
        use_doc_orientation_classify=st.booleans(),
        use_doc_unwarping=st.booleans(),
        SubModules=_modules("DocOrientationClassify", "DocUnwarping"),
    )
    return _node(
        pipeline_name="OCR",
        text_type="general",
        use_doc_preprocessor=st.booleans(),
        use_textline_orientation=st.booleans(),
        SubPipelines=st.fixed_dictionaries({"DocPreprocessor": preprocessor}),
        SubModules=_modules("TextDetection", "TextLineOrientation", "TextRecognition"),
    )


@st.composite
def any_pipeline(draw: st.DrawFn) -> dict[str, Any]:
    """Return one of PaddleX's pipelines with use_hpip and hpi_config sprinkled over its levels."""
    name = draw(st.sampled_from(definitions.names()))
    pipeline: dict[str, Any] = yaml.safe_load(builtin_configs.text(name))
    for node in _nodes(pipeline):
        node.update(draw(st.fixed_dictionaries({}, optional=_LEVEL)))
    return pipeline


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for section in ("SubPipelines", "SubModules"):
        for child in node.get(section, {}).values():
            yield from _nodes(child)


def naive_inheritance(pipeline: Mapping[str, Any]) -> dict[str, tuple[bool, Any]]:
    """Return (use_hpip, hpi_config) by address: the rules once more, in ten lines."""
    found: dict[str, tuple[bool, Any]] = {}

    def walk(node: Mapping[str, Any], path: str, hpip: Any, config: Any) -> None:
        hpip = node.get("use_hpip", hpip)
        own = node.get("hpi_config")
        config = own if config is None else {**config, **(own or {})}
        if "model_name" in node:
            found[path] = (bool(hpip), config)
        for section in ("SubPipelines", "SubModules"):
            for key, child in node.get(section, {}).items():
                walk(child, f"{path}.{section}.{key}".strip("."), hpip, config)

    walk(pipeline, "", False, None)
    return found


def page_classifier(backend: str) -> str:
    """Return a pipeline of the example's page classifier alone, on a backend, with its folder beside the YAML."""
    return (
        "pipeline_name: image_classification\nuse_hpip: true\n"
        f"hpi_config: {{auto_config: false, backend: {backend}}}\n"
        "SubModules:\n  ImageClassification: {model_name: page_orientation, model_dir: page_orientation}\n"
    )
