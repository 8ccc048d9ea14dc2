"""What paddle2onnx writes and runtimes refuse is put right, and computes the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hpi_runtime import PlanError, plan_model
from hpi_runtime.prepare import onnx_repairs
from hpi_runtime.run import loading
from onnx import parser

CHOICE = "a choice between truth values is logic"
CONDITION = "a loop's condition is a scalar"


def model(body: str, inputs: str, outputs: str) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 8, opset_import: ["" : 14]> g ({inputs}) => ({outputs}) {{ {body} }}')


def run(found: onnx.ModelProto, *arrays: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(found.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]
    return list(session.run(None, dict(zip(names, arrays, strict=True))))


def test_a_choice_between_truth_values_becomes_logic() -> None:
    found = model("y = Where (c, a, b)\n z = Not (y)", "bool[8] c, bool[8] a, bool[8] b", "bool[8] z")
    with pytest.raises(Exception, match="Where"):
        run(found, *np.zeros((3, 8), bool))
    assert onnx_repairs.repair(found) == [CHOICE]
    onnx.checker.check_model(found, full_check=True)
    c, a, b = ((np.arange(8) >> place) % 2 == 0 for place in range(3))
    assert np.array_equal(run(found, c, a, b)[0], ~np.where(c, a, b))


def test_truth_values_are_known_inside_branches_too() -> None:
    branches = """
        if_true = Greater (x, half)
        some = ReduceMax <keepdims=0> (x)
        is_any = Greater (some, half)
        y = If (is_any) <
            then_branch = t () => (bool[4] p) { p = Where (if_true, if_true, if_true) },
            else_branch = e () => (bool[4] q) { q = Not (if_true) }
        >
    """
    found = model(branches, "float[4] x", "bool[4] y")
    found.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0.5), "half"))
    assert onnx_repairs.repair(found) == [CHOICE]
    x = np.array([0, 1, 0, 1], np.float32)
    assert np.array_equal(run(found, x)[0], x > 0.5)


def test_what_is_right_stays_as_it_is() -> None:
    found = model("c = Greater (x, y)\n z = Where (c, x, y)", "float[4] x, float[4] y", "float[4] z")
    before = found.SerializeToString(deterministic=True)
    assert onnx_repairs.repair(found) == []
    assert found.SerializeToString(deterministic=True) == before


@pytest.mark.convert
@pytest.mark.paddle
@pytest.mark.slow
def test_slanet_plus_runs_on_onnx_runtime_as_on_paddle_and_openvino_is_refused(trained_models: Path) -> None:
    folder = trained_models / "SLANet_plus"
    plan = plan_model("SLANet_plus", folder, device="cpu", use_hpip=True)
    (record,) = plan.modules.values()
    assert (record.engine.backend, [step.step for step in record.engine.prepare]) == ("onnxruntime", ["to_onnx"])
    with loading.open_engine(plan, next(iter(plan.modules))) as engine:
        picture = np.random.default_rng(0).standard_normal((1, 3, 488, 488)).astype(np.float32)
        corners, tokens = engine.run({engine.inputs[0].name: picture}).values()
    assert corners.shape[1] == tokens.shape[1] > 1
    # What was put right, and how far the answers are from Paddle's own.
    (told,) = (json.loads(path.read_text())["found"] for path in folder.rglob("artefact.json"))
    assert told["repairs"] == [CHOICE, CONDITION]
    assert told["difference"] < 1e-4
    with pytest.raises(PlanError, match="values of its loop change their rank"):
        plan_model(
            "SLANet_plus", folder, device="cpu", use_hpip=True, hpi_config={"backend": "openvino", "auto_config": False}
        )
