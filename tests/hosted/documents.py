"""Models of pages: reading lines with trained weights, and tiny ones for layout, tables, cells and formulas."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml

from hosted.zoo import MEAN, STD, classifier, detector, unwarping, write

# What stands where on the page of the tests, 480 × 480.
LABELS = ["text", "table", "formula", "seal", "doc_title", *(f"other {number}" for number in range(20))]
_PLACES = {
    "text": (20, 20, 300, 90),
    "table": (20, 110, 380, 260),
    "formula": (310, 20, 460, 80),
    "seal": (20, 280, 200, 420),
    "doc_title": (200, 280, 460, 330),
}
_LAYOUT = [[LABELS.index(label), 0.9 - 0.01 * place, *box] for place, (label, box) in enumerate(_PLACES.items())]
# Those of the models with a reading order, which is the last column.
_READ = ["text", "table", "doc_title", *(f"other {number}" for number in range(22))]
_ORDER = [[0, 0.93, 20, 20, 300, 90, 1], [1, 0.9, 20, 110, 380, 260, 2], [2, 0.88, 200, 280, 460, 330, 0]]
_CELLS = [[0, 0.9, 5, 5, 150, 60], [0, 0.9, 160, 5, 340, 60], [0, 0.9, 5, 70, 150, 140], [0, 0.9, 160, 70, 340, 140]]
_TAGS = ["<thead>", "</thead>", "<tbody>", "</tbody>", "<tr>", "</tr>", "<td>", "<td", ">", "</td>"]
_SPANS = [' colspan="2"', ' rowspan="2"']
_ROW = ["<tr>", "<td></td>", "<td></td>", "</tr>"]


def trained(folder: Path, source: Path, **after: Any) -> None:
    """One of the example's models under a name that PaddleX knows."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".cache"))
    path = folder / "inference.yml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["Global"]["model_name"] = folder.name
    config["PostProcess"].update(after)
    if "character_dict" in config["PostProcess"]:
        _read_ascii(folder / "inference.onnx", config["PostProcess"])
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _read_ascii(path: Path, after: dict[str, Any]) -> None:
    """Let a model read ASCII alone: PaddleX takes a second to read a dictionary of 18,000 characters, each time."""
    characters = after["character_dict"]
    kept = [place for place, character in enumerate(characters) if character.isascii()]
    # Before them comes the blank, behind them the space.
    columns = np.array([0, *(place + 1 for place in kept), len(characters) + 1])
    after["character_dict"] = [characters[place] for place in kept]
    model = onnx.load(str(path))
    (output,) = model.graph.output
    told = onnx.helper.make_tensor_value_info("ascii", onnx.TensorProto.FLOAT, ["N", "T", len(columns)])
    model.graph.initializer.append(onnx.numpy_helper.from_array(columns, "columns"))
    model.graph.node.append(onnx.helper.make_node("Gather", [output.name, "columns"], ["ascii"], axis=2))
    model.graph.output[0].CopyFrom(told)
    onnx.save(model, str(path))


def table_structure(folder: Path, size: int = 488) -> None:
    """A table of two rows and two columns, whose corners move a little with the picture."""
    known = ["sos", *(tag for tag in [*_TAGS, *_SPANS] if tag != "<td>"), "<td></td>", "eos"]
    tokens = ["<tbody>", *_ROW, *_ROW, "</tbody>", "eos", "eos"]
    chances = np.full((1, len(tokens), len(known)), 0.01, np.float32)
    corners = np.zeros((1, len(tokens), 8), np.float32)
    cell = 0
    for place, token in enumerate(tokens):
        chances[0, place, known.index(token)] = 0.95
        if token == "<td></td>":
            top, left = (0.02 + 0.5 * number for number in divmod(cell, 2))
            right, bottom = left + 0.46, top + 0.46
            corners[0, place] = [left, top, right, top, right, bottom, left, bottom]
            cell += 1
    before = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"TableLabelEncode": {"merge_no_span_structure": True}},
        {"TableBoxEncode": None},
        {"ResizeTableImage": {"max_len": size}},
        {"NormalizeImage": {"mean": MEAN, "std": STD}},
        {"PaddingTableImage": {"size": [size, size]}},
        {"ToCHWImage": None},
        {"KeepKeys": None},
    ]
    write(
        folder,
        f"float[N,3,{size},{size}] x",
        f"float[N,{len(tokens)},8] places, float[N,{len(tokens)},{len(known)}] chances",
        "m = ReduceMean <axes=[1,2,3], keepdims=1> (x)\n row = Squeeze (m, last)\n z = Mul (row, little)\n"
        " places = Add (corners, z)\n chances = Add (all, z)",
        {"last": np.array([3]), "little": np.float32(1e-4), "corners": corners, "all": chances},
        {
            "PreProcess": {"transform_ops": before},
            "PostProcess": {"name": "TableLabelDecode", "character_dict": [*_TAGS, *_SPANS]},
        },
    )


def formula(folder: Path, size: int) -> None:
    """The same formula for every picture; one more token for a bright one."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "x", "=", "y", "+", "2"]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {word: number for number, word in enumerate(words)},
            "merges": [],
        },
    }
    before = [
        {"UniMERNetImgDecode": {"input_size": [size, size]}},
        {"UniMERNetTestTransform": None},
        {"LatexImageFormat": None},
        {"UniMERNetLabelEncode": {}},
        {"KeepKeys": {}},
    ]
    after = {
        "name": "UniMERNetDecode",
        "character_dict": {"fast_tokenizer_file": tokenizer, "tokenizer_config_file": {}},
    }
    write(
        folder,
        f"float[N,1,{size},{size}] x",
        "int64[N,8] tokens",
        "m = ReduceMean <axes=[2,3], keepdims=0> (x)\n z = Mul (m, zero)\n none = Cast <to=7> (z)\n"
        " tokens = Add (none, all)",
        {"zero": np.float32(0), "all": np.array([[0, 4, 5, 6, 7, 8, 2, 1]])},
        {"PreProcess": {"transform_ops": before}, "PostProcess": after},
    )


def makers(examples: Path) -> dict[str, Any]:
    """Return what makes each model; the folder holds the example's trained ones."""
    find, read = examples / "PP-OCRv6_small_det", examples / "PP-OCRv6_small_rec"
    finders = ("PP-OCRv6_medium_det", "PP-OCRv4_server_det", "PP-OCRv5_server_det")
    readers = ("PP-OCRv6_medium_rec", "PP-OCRv4_server_rec", "PP-OCRv4_server_rec_doc", "PP-OCRv5_server_rec")
    layouts = ("PP-DocLayout-L", "PP-DocLayout_plus-L", "RT-DETR-H_layout_17cls", "RT-DETR-H_layout_3cls")
    cells = ("RT-DETR-L_wired_table_cell_det", "RT-DETR-L_wireless_table_cell_det")
    return {
        **{name: lambda place: trained(place, find) for name in finders},
        **{name: lambda place: trained(place, read) for name in readers},
        "PP-OCRv4_server_seal_det": lambda place: trained(place, find, box_type="poly"),
        **{name: lambda place: detector(place, _LAYOUT, LABELS, has_size=True) for name in layouts},
        "PP-DocLayoutV2": lambda place: detector(place, _ORDER, _READ, has_size=True),
        "PP-DocLayoutV3": lambda place: detector(place, _ORDER, _READ, has_size=True, masks=480),
        "PP-DocBlockLayout": lambda place: detector(place, [[0, 0.9, 5, 5, 470, 470]], ["Region"], has_size=True),
        **{name: lambda place: detector(place, _CELLS, ["cell"], has_size=True) for name in cells},
        **dict.fromkeys(("SLANet_plus", "SLANeXt_wired", "SLANeXt_wireless"), table_structure),
        "PP-FormulaNet_plus-M": lambda place: formula(place, 384),
        "PP-FormulaNet-L": lambda place: formula(place, 768),
        "PP-FormulaNet_plus-L": lambda place: formula(place, 768),
        "PP-LCNet_x1_0_table_cls": lambda place: classifier(place, ["wired_table", "wireless_table"]),
        "UVDoc": unwarping,
    }
