"""ONNX's own tests of every operator, through our engines: each passes, is refused, or differs; none crashes.

What a backend cannot run it must refuse when it is loaded, or be refused by the base class. What differs is the
backend's affair (random operators, rounding, bugs of its own), and is counted.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError
from hpi_schemas.device import CPU
from support.engines import CONFIGS

PASSED, REFUSED, DIFFERENT = "passed", "refused", "different"
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5


def cases() -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield the folder, the inputs and the outputs of every case that has nothing but tensors."""
    import onnx
    from onnx.backend.test.loader import load_model_tests

    for case in load_model_tests(kind="node"):
        # A function's expansion says nothing new about an engine.
        if case.name.endswith("_expanded"):
            continue
        folder = Path(case.model_dir)
        graph = onnx.load(str(folder / "model.onnx")).graph
        if all(item.type.HasField("tensor_type") for item in (*graph.input, *graph.output)):
            yield folder, [item.name for item in graph.input], [item.name for item in graph.output]


def arrays(folder: Path, kind: str) -> list[Any]:
    import onnx

    count = len(list(folder.glob(f"{kind}_*.pb")))
    tensors = [onnx.load_tensor(str(folder / f"{kind}_{index}.pb")) for index in range(count)]
    return [onnx.numpy_helper.to_array(tensor) for tensor in tensors]


def outcome(engine: Engine, folder: Path, inputs: list[str], outputs: list[str]) -> str:
    data = folder / "test_data_set_0"
    try:
        found = engine.run(dict(zip(inputs, arrays(data, "input"), strict=False)))
    except EngineError:
        return REFUSED
    for name, wanted in zip(outputs, arrays(data, "output"), strict=True):
        got = found.get(name)
        if got is None or got.dtype != wanted.dtype or got.shape != wanted.shape:
            return DIFFERENT
        if not np.allclose(got, wanted, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True):
            return DIFFERENT
    return PASSED


@pytest.mark.skipif(importlib.util.find_spec("onnx.backend.test.data") is None, reason="onnx brings no test data")
@pytest.mark.parametrize(
    # OpenVINO compiles for a minute; a third of the cases says nearly as much.
    ("name", "every", "least"),
    [("onnxruntime", 1, 900), pytest.param("openvino", 3, 270, marks=pytest.mark.full)],
)
def test_onnxs_own_operator_tests_pass_or_are_refused(
    name: str, every: int, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = engines.find(name)
    assert kind is not None
    counts: Counter[str] = Counter()
    for folder, inputs, outputs in islice(cases(), None, None, every):
        try:
            engine = kind(folder, ("model.onnx",), {**CONFIGS[name], "cpu_num_threads": 1}, CPU)
        except EngineError:
            counts[REFUSED] += 1
            continue
        with engine:
            counts[outcome(engine, folder, inputs, outputs)] += 1
    with capsys.disabled():
        print(f"\n{name} on ONNX's operator tests: {dict(counts)}")
    assert counts[PASSED] >= least
