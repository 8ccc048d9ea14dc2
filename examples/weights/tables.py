"""Tables: PaddleX's own SLANet_plus as a package holds it, and a model that tells ruled ones from others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import onnx
from hpi_runtime import plan_model
from hpi_runtime.run import loading

_TAGS = ["<thead>", "</thead>", "<tbody>", "</tbody>", "<tr>", "</tr>", "<td>", "<td", ">", "</td>"]
_SPANS = [f' {kind}="{count}"' for kind in ("colspan", "rowspan") for count in range(2, 21)]
_NORMALIZE = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}

STRUCTURE: dict[str, Any] = {
    "Global": {"model_name": "SLANet_plus"},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"TableLabelEncode": {"merge_no_span_structure": True}},
            {"TableBoxEncode": None},
            {"ResizeTableImage": {"max_len": 488}},
            {"NormalizeImage": {**_NORMALIZE, "scale": "1./255.", "order": "hwc"}},
            {"PaddingTableImage": {"size": [488, 488]}},
            {"ToCHWImage": None},
            {"KeepKeys": None},
        ]
    },
    "PostProcess": {
        "name": "TableLabelDecode",
        "merge_no_span_structure": True,
        "character_dict": [*_TAGS, *_SPANS],
    },
}
KIND: dict[str, Any] = {
    "Global": {"model_name": "PP-LCNet_x1_0_table_cls"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"size": [224, 224]}},
            {"NormalizeImage": {**_NORMALIZE, "scale": 1 / 255, "order": "", "channel_num": 3}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"Topk": {"topk": 2, "label_list": ["wired_table", "wireless_table"]}},
}


def with_chances(source: Path) -> onnx.ModelProto:
    """Return a classifier whose scores are chances, as PaddleX's are."""
    model = onnx.load(str(source))
    (scores,) = model.graph.output
    told = onnx.helper.make_tensor_value_info("chances", onnx.TensorProto.FLOAT, ["N", 2])
    model.graph.node.append(onnx.helper.make_node("Softmax", [scores.name], ["chances"], axis=1))
    model.graph.output[0].CopyFrom(told)
    return model


def convert(folder: Path) -> None:
    """Leave the ONNX model alone in a folder of SLANet_plus: what paddle2onnx makes of it, put right."""
    plan = plan_model("SLANet_plus", folder, device="cpu", use_hpip=True)
    loading.open_engine(plan, next(iter(plan.modules))).close()
    (made,) = folder.rglob("inference.onnx")
    shutil.copyfile(made, folder / "inference.onnx")
    for form in ("pdmodel", "pdiparams"):
        (folder / f"inference.{form}").unlink()
