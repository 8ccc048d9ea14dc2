"""A model that never ends: a loop of ONNX whose condition stays true."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.classifying import MODEL, PIPELINE, run


def lay_out(folder: Path) -> None:
    """Make a model, its pipeline and a plan in a folder."""
    import onnx
    from onnx import TensorProto, helper

    shutil.copytree(MODEL, folder / "model", ignore=shutil.ignore_patterns(".cache"))
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Sin", ["state"], ["next"]),
        ],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("state", 1, None)],
        [value("go_on", TensorProto.BOOL, []), value("next", 1, None)],
    )
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Loop", ["most", "true", "mean"], ["last"], body=body),
        helper.make_node("Concat", ["last", "last"], ["twice"], axis=1),
        helper.make_node("Slice", ["twice", "zero", "four", "one"], ["y"]),
    ]
    constants = [
        helper.make_tensor("most", TensorProto.INT64, [], [1 << 60]),
        helper.make_tensor("true", TensorProto.BOOL, [], [True]),
        *(helper.make_tensor(name, TensorProto.INT64, [1], [number]) for name, number in
          (("zero", 0), ("four", 4), ("one", 1))),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "endless", [value("x", 1, ["N", 3, 320, 320])], [value("y", 1, ["N", 4])], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "model/inference.onnx")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    chosen = "{auto_config: false, backend: onnxruntime}"
    done = run(folder, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--hpi_config", chosen, "--output", "plan.json")
    assert done.returncode == 0, done.stderr
