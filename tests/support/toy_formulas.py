"""Readers of formulas without weights: which tokens they give depends on how dark the picture is from left to right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from onnx import numpy_helper, parser, save

WORDS = [
    *("<s>", "<pad>", "</s>", "<unk>", "x", "=", "y", "+", "2", "\\frac", "{", "}", "Ġa", "Ġ\\text", "Ġ{", "Ġb", "Ġ}"),
    *("\\alpha", "Ġ", "^", "_", "Ġ\\mathrm", "Ġ\\,", "ä½ł", "Ġ3", "Ġ-", '"', "â", "\\", "Ġ(", ")", "Ġ\\beta"),
    "Ġ\\operatorname",
]
_OCR_WORDS = ["[PAD]", "[BOS]", "[EOS]", *WORDS[4:]]


def tokenizer(words: list[str]) -> dict[str, Any]:
    """Return a tokenizer as an ``inference.yml`` has it."""
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model: dict[str, Any] = {
        **dict.fromkeys(("dropout", "unk_token"), None),
        **dict.fromkeys(("continuing_subword_prefix", "end_of_word_suffix"), ""),
        **dict.fromkeys(("fuse_unk", "byte_fallback"), False),
        "type": "BPE",
        "vocab": {word: number for number, word in enumerate(words)},
        "merges": [],
    }
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor"), None)
    return {"version": "1.0", **empty, "added_tokens": [], "pre_tokenizer": level, "decoder": level, "model": model}


def reader(folder: Path, size: tuple[int, int] = (96, 384), name: str = "PP-FormulaNet_plus-M") -> Path:
    """Write a reader of PP-FormulaNet's or UniMERNet's kind."""
    special = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    # The others of the four that end and fill texts are known without being said.
    added = {str(number): {"content": WORDS[number], **special, "special": number < 2} for number in (0, 1, 8)}
    described = {"fast_tokenizer_file": tokenizer(WORDS), "tokenizer_config_file": {"added_tokens_decoder": added}}
    last = "UniMERNetImageFormat" if name == "UniMERNet" else "LatexImageFormat"
    before: list[Any] = [
        {"UniMERNetImgDecode": {"input_size": list(size)}},
        {"UniMERNetTestTransform": None},
        {last: None},
        {"UniMERNetLabelEncode": {}},
        {"KeepKeys": {"keep_keys": ["image"]}},
    ]
    after = {"name": "UniMERNetDecode", "character_dict": described}
    return _write(
        folder, "N", len(WORDS), (0, 2), {"PreProcess": {"transform_ops": before}, "PostProcess": after}, name
    )


def ocr_reader(folder: Path) -> Path:
    """Write a reader of LaTeX-OCR's kind, which takes pictures of any size."""
    before = [
        {"DecodeImage": {"channel_first": False, "img_mode": "RGB"}},
        {"MinMaxResize": {"min_dimensions": [32, 32], "max_dimensions": [672, 192]}},
        {"LatexTestTransform": None},
        {"NormalizeImage": {"mean": [0.7931] * 3, "std": [0.1738] * 3, "order": "hwc"}},
        {"LatexImageFormat": None},
        {"KeepKeys": {"keep_keys": ["image"]}},
    ]
    after = {"name": "LaTeXOCRDecode", "character_dict": tokenizer(_OCR_WORDS)}
    config = {"PreProcess": {"transform_ops": before}, "PostProcess": after}
    return _write(folder, "N", len(_OCR_WORDS), (1, 2), config, "LaTeX_OCR_rec")


def _write(folder: Path, batch: str, words: int, ends: tuple[int, int], config: dict[str, Any], name: str) -> Path:
    """Write a model whose tokens are the mean greys of columns, between a first and a last one."""
    body = """
        rows = ReduceMean <axes=[2], keepdims=0> (x)
        cells = AveragePool <kernel_shape=[16], strides=[16]> (rows)
        flat = Flatten (cells)
        large = Mul (flat, much)
        whole = Floor (large)
        size = Abs (whole)
        word = Mod <fmod=1> (size, count)
        words = Cast <to=7> (word)
        some = Slice (words, zero, one, one)
        none = Mul (some, nothing)
        begin = Add (none, start)
        end = Add (none, stop)
        tokens = Concat <axis=1> (begin, words, end)
    """
    numbers = {"zero": [0], "one": [1], "nothing": 0, "start": ends[0], "stop": ends[1]}
    values: dict[str, Any] = {"much": np.float32(37), "count": np.float32(words)}
    values |= {key: np.array(value, np.int64) for key, value in numbers.items()}
    folder.mkdir(parents=True)
    ports = f"(float[{batch},1,H,W] x) => (int64[{batch},L] tokens)"
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> g {ports} {{ {body} }}')
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), key) for key, value in values.items())
    save(model, str(folder / "inference.onnx"))
    told = {"Global": {"model_name": name}, **config}
    (folder / "inference.yml").write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return folder


def pictures(folder: Path) -> list[str]:
    """Write formulas, and what is hardly one; return their paths."""
    made = {name: _written(text, size) for name, text, size in _FORMULAS}
    made["inverted"] = 255 - made["short"]
    made["coloured"] = np.stack([made["long"][:, :, 0], made["long"][:, :, 0] // 2, 255 - made["long"][:, :, 0]], 2)
    made["blank"] = np.full((40, 90, 3), 255, np.uint8)
    made["dot"] = np.full((1, 1, 3), 7, np.uint8)
    made["line"] = np.zeros((3, 300, 3), np.uint8)
    made["noise"] = np.random.default_rng(4).integers(0, 256, (70, 210, 3), np.uint8)
    for name, picture in made.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    return sorted(str(folder / f"{name}.png") for name in made)


_FORMULAS = [
    ("short", "x = 2", (60, 160)),
    ("long", "a (b + c) = ab + ac - 0", (80, 900)),
    ("upright", "y", (300, 60)),
    ("fitting", "E = mc2", (96, 320)),
]


def _written(text: str, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    picture = np.full((*size, 3), 255, np.uint8)
    cv2.putText(picture, text, (10, size[0] - 20), cv2.FONT_HERSHEY_COMPLEX, 1.5, (20, 20, 20), 2, cv2.LINE_AA)
    return picture
