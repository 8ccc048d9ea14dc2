"""Lays out the example's models as PaddleX does: a folder each, with inference.onnx and inference.yml.

The weights come from the wheel of `rapidocr` on PyPI, which carries PP-OCRv6 small and a text-line
classifier in ONNX; the page classifier is the one that train_orientation.py trained.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent

DETECTOR = {
    "Global": {"model_name": "PP-OCRv6_small_det"},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"DetResizeForTest": {"limit_side_len": 736, "limit_type": "min"}},
            {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": "1./255.", "order": "hwc"}},
            {"ToCHWImage": None},
            {"KeepKeys": {"keep_keys": ["image", "shape"]}},
        ]
    },
    "PostProcess": {
        "name": "DBPostProcess",
        "thresh": 0.3,
        "box_thresh": 0.5,
        "max_candidates": 1000,
        "unclip_ratio": 1.6,
        "use_dilation": True,
    },
}
RECOGNISER = {
    "Global": {"model_name": "PP-OCRv6_small_rec"},
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"RecResizeImg": {"image_shape": [3, 48, 320]}},
        ]
    },
    "PostProcess": {"name": "CTCLabelDecode"},
}
LINE_CLASSIFIER = {
    "Global": {"model_name": "ch_ppocr_mobile_v2.0_cls"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"size": [192, 48]}},
            {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": 0.00392156862745098, "order": ""}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"Topk": {"topk": 1, "label_list": ["0_degree", "180_degree"]}},
}
# Target folder → file in the wheel, configuration.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "PP-OCRv6_small_det": ("PP-OCRv6_det_small.onnx", DETECTOR),
    "PP-OCRv6_small_rec": ("PP-OCRv6_rec_small.onnx", RECOGNISER),
    "ch_ppocr_mobile_v2.0_cls": ("ch_ppocr_mobile_v2.0_cls_mobile.onnx", LINE_CLASSIFIER),
}


def wheel_models() -> Path:
    """Return the folder with the weights in the installed rapidocr package (which is not imported)."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the weights come with the package rapidocr: pip install 'rapidocr>=3.10,<4'")
    return Path(spec.submodule_search_locations[0]) / "models"


def dictionary(model: Path) -> list[str]:
    """Return the characters that a recogniser knows; rapidocr keeps them in the ONNX metadata."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return str(session.get_modelmeta().custom_metadata_map["character"]).split("\n")


def prepare(folder: Path) -> None:
    """Lay out every model below ``folder``."""
    for name, (file, config) in MODELS.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wheel_models() / file, target / "inference.onnx")
        if config is RECOGNISER:
            post = {**config["PostProcess"], "character_dict": dictionary(target / "inference.onnx")}
            config = {**config, "PostProcess": post}
        text = yaml.dump(config, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
        (target / "inference.yml").write_text(text, encoding="utf-8")
    shutil.copytree(HERE / "page_orientation", folder / "page_orientation", dirs_exist_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE / "models", help="default: models/ beside this script")
    prepare(parser.parse_args().output)
