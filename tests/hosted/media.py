"""Models of videos, of points in space, and of what words describe, with inputs for them."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hosted.zoo import MEAN, STD, write

_ACTIONS = ["run", "jump", "eat", "read", "sing"]
_CAMERAS = [f"CAM_{side}" for side in ("FRONT_LEFT", "FRONT", "FRONT_RIGHT", "BACK_RIGHT", "BACK", "BACK_LEFT")]
_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "dog", "cat", "a", "person"]
# Of the last layer of an action detector: five anchors of four sides, a confidence, and twenty-four actions.
_ANCHORS, _KINDS = 5, 24


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def video_classifier(folder: Path) -> None:
    """An action by the mean colour of the frames."""
    before: list[Any] = [
        {"ReadVideo": {"num_seg": 8, "seg_len": 1, "sample_type": "uniform"}},
        {"Scale": {"short_size": 256}},
        {"CenterCrop": {"target_size": 224}},
        {"Image2Array": {"data_format": "tchw"}},
        {"NormalizeVideo": {"mean": MEAN, "std": STD}},
        {"KeepKeys": {"keep_keys": ["video"]}},
    ]
    write(
        folder,
        "float[N,8,3,224,224] x",
        "float[N,5] scores",
        "m = ReduceMean <axes=[1,3,4], keepdims=0> (x)\n y = MatMul (m, w)\n scores = Softmax (y)",
        {"w": _random(3, 5)},
        {
            "PreProcess": {"transform_ops": before},
            "PostProcess": {"Topk": {"topk": 3, "label_list": [*_ACTIONS]}},
        },
    )


def action_detector(folder: Path) -> None:
    """Boxes on a grid of seven, for each anchor by the mean colour of its cell."""
    depth = _ANCHORS * (5 + _KINDS)
    bias = np.zeros(depth, np.float32)
    # Few are confident.
    bias[4 :: 5 + _KINDS] = np.linspace(-3, -1, _ANCHORS)
    before: list[Any] = [
        {"ReadVideo": {"num_seg": 8}},
        {"ResizeVideo": {"target_size": 224}},
        {"Image2Array": {"data_format": "tchw"}},
        {"NormalizeVideo": {"scale": 255.0}},
    ]
    after = [{"DetVideoPostProcess": {"nms_thresh": 0.5, "score_thresh": 0.1}}]
    write(
        folder,
        "float[N,3,8,224,224] x",
        f"float[N,{depth},7,7] y",
        "m = ReduceMean <axes=[2], keepdims=0> (x)\n a = AveragePool <kernel_shape=[32,32], strides=[32,32]> (m)\n"
        " y = Conv (a, w, b)",
        {"w": _random(depth, 3, 1, 1) * np.float32(0.3), "b": bias},
        {
            "PreProcess": {"transform_ops": before},
            "PostProcess": {"transform_ops": after},
            "label_list": [f"action {number}" for number in range(_KINDS)],
        },
    )


def seen_from_above(folder: Path) -> None:
    """Two objects that move a little with the cameras' pictures and the points."""
    before: list[Any] = [
        {"LoadPointsFromFile": {"load_dim": 5, "use_dim": [0, 1, 2, 3, 4]}},
        {
            "LoadPointsFromMultiSweeps": {
                "sweeps_num": 1,
                "load_dim": 5,
                "use_dim": [0, 1, 2, 3, 4],
                "pad_empty_sweeps": True,
                "remove_close": True,
                "test_mode": True,
            }
        },
        {"LoadMultiViewImageFromFiles": {"to_float32": True}},
        {"ResizeImage": {"img_scale": [[80, 44]], "keep_ratio": True}},
        {"NormalizeImage": {"mean": [1.0, 2.0, 3.0], "std": [57.0, 57.0, 57.0], "to_rgb": False}},
        {"PadImage": {"size_divisor": 32}},
        {"SampleFilterByKey": {"keys": ["points", "img"]}},
    ]
    body = """
        a = ReduceMean <axes=[0,1,2,3], keepdims=0> (img)
        b = ReduceMean <axes=[0,1], keepdims=0> (points)
        c = ReduceMean <axes=[0,1,2], keepdims=0> (img_metas)
        sum = Sum (a, b, c)
        z = Mul (sum, little)
        boxes = Add (all_boxes, z)
        labels = Identity (all_labels)
        scores = Add (all_scores, z)
    """
    write(
        folder,
        "float[V,3,H,W] img, float[V,4,4] img_metas, float[P,Q] points",
        "float[2,9] boxes, int64[2] labels, float[2] scores",
        body,
        {
            "little": np.float32(1e-4),
            "all_boxes": _random(2, 9),
            "all_labels": np.array([1, 3]),
            "all_scores": np.array([0.8, 0.6], np.float32),
        },
        {"PreProcess": {"transform_ops": before}},
    )


def outline(folder: Path, prompt: str) -> None:
    """A mask of what is bright, which moves a little with the prompt."""
    processor = {"type": "SAMProcessor", "size": 1024, "mean": [123.7, 116.3, 103.5], "std": [58.4, 57.1, 57.4]}
    write(
        folder,
        f"float[1,3,H,W] images, float[{prompt}] prompt",
        "float[N,1,256,256] y",
        'm = ReduceMean <axes=[1], keepdims=1> (images)\n a = Resize <mode="linear"> (m, , , size)\n'
        " p = ReduceMean <keepdims=0> (prompt)\n z = Mul (p, little)\n y = Add (a, z)",
        {"little": np.float32(1e-4), "size": np.array([1, 1, 256, 256])},
        {"Preprocess": [], "Processor": processor},
    )


def described(folder: Path) -> None:
    """Three boxes, of the first and the third word."""
    names = ("attention_mask", "input_ids", "pixel_mask", "position_ids", "text_self_attention_masks", "picture")
    steps = [f"f{place} = Cast <to=1> ({name})" for place, name in enumerate(names)]
    steps += [f"m{place} = ReduceMean <keepdims=0> (f{place})" for place in range(len(names))]
    steps.append(f"sum = Sum ({', '.join(f'm{place}' for place in range(len(names)))})")
    steps += ["z = Mul (sum, little)", "boxes = Add (all_boxes, z)", "logits = Add (all_logits, z)"]
    logits = np.full((1, 3, 256), -6, np.float32)
    logits[0, 0, 1], logits[0, 2, 3] = 2, 1
    boxes = np.array([[[0.5, 0.5, 0.4, 0.4], [0.2, 0.2, 0.1, 0.1], [0.8, 0.8, 0.1, 0.1]]], np.float32)
    # The picture comes last, as PaddleX gives arrays by the sorted names of the inputs.
    inputs = (
        "int64[N,T] attention_mask, int64[N,T] input_ids, bool[N,A,B] pixel_mask, int64[N,T] position_ids, "
        "bool[N,T,T] text_self_attention_masks, float[N,3,H,W] zpicture"
    )
    write(
        folder,
        inputs,
        "float[N,3,4] boxes, float[N,3,256] logits",
        "\n".join(steps).replace("(picture)", "(zpicture)"),
        {"little": np.float32(1e-4), "all_boxes": boxes, "all_logits": logits},
        {
            "Preprocess": [{"type": "GroundingDINOProcessor", "text_max_words": 256, "target_size": [200, 300]}],
            "box_threshold": 0.3,
            "text_threshold": 0.25,
        },
    )
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "vocab.txt").write_text("\n".join(_WORDS) + "\n")
    told = {"do_lower_case": True, "tokenizer_class": "BertTokenizer"}
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(told))


MAKERS: dict[str, Any] = {
    "PP-TSMv2-LCNetV2_8frames_uniform": video_classifier,
    "YOWO": action_detector,
    "BEVFusion": seen_from_above,
    "SAM-H_box": lambda place: outline(place, "N,4"),
    "SAM-H_point": lambda place: outline(place, "N,1,2"),
    "GroundingDINO-T": described,
}


def write_video(path: Path) -> None:
    """Write a second of blurred noise."""
    noise = np.random.default_rng(5)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (320, 240))  # type: ignore[attr-defined]
    for _ in range(12):
        video.write(cv2.GaussianBlur(noise.integers(0, 255, (240, 320, 3), np.uint8), (0, 0), 5))
    video.release()


def write_surroundings(path: Path, told: bytes | None = None) -> None:
    """Write what a car sees, as nuScenes keeps it: six pictures, points, and a pickle that says where they are."""
    noise = np.random.default_rng(6)
    files = {"points.bin": (noise.normal(size=(500, 5)) * 10).astype(np.float32).tobytes()}
    cameras = {}
    for name in _CAMERAS:
        picture = cv2.imencode(".png", noise.integers(0, 255, (90, 160, 3), np.uint8))[1]
        files[f"{name}.png"] = picture.tobytes()
        cameras[name] = {
            "data_path": f"{name}.png",
            "sensor2lidar_rotation": np.eye(3),
            "sensor2lidar_translation": np.zeros(3),
            "cam_intrinsic": np.eye(3),
        }
    seen = {"token": "t", "lidar_path": "points.bin", "sweeps": [], "timestamp": 1e6, "cams": cameras}
    files["nuscenes_infos_val.pkl"] = pickle.dumps({"infos": [seen]}) if told is None else told
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"scene/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
