"""Trains a small network on scikit-learn's handwritten digits and exports it as PaddleX does.

Takes seconds on a CPU. What it writes is committed in digits_cnn/: the static model in Paddle's .json
format and its inference.yml.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import yaml

HERE = Path(__file__).parent
# The digits have 8 × 8 pixels; they are stored enlarged, so that people can see them.
SIZE = 8
EPOCHS, BATCH = 12, 64
CONFIG = {
    "Global": {"model_name": "digits_cnn"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"size": [SIZE, SIZE], "interpolation": "AREA"}},
            {"NormalizeImage": {"mean": [0.3] * 3, "std": [0.4] * 3, "scale": 1 / 255, "order": ""}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"Topk": {"topk": 1, "label_list": [str(digit) for digit in range(10)]}},
}
Array = np.ndarray[Any, Any]


def digits(held_out: bool) -> tuple[Array, Array]:
    """Return pictures (n × 8 × 8, uint8, white on black) and labels; every fifth digit is held out."""
    from sklearn.datasets import load_digits

    data = load_digits()
    chosen = (np.arange(len(data.target)) % 5 == 0) == held_out
    return np.rint(data.images[chosen] * (255 / 16)).astype(np.uint8), data.target[chosen]


def network(paddle: Any) -> Any:
    """Return two convolutions and a classifier; it gives probabilities."""
    nn = paddle.nn
    layers = [nn.Conv2D(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2D(16, 32, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 10))


def train() -> Any:
    """Train and return the network."""
    import paddle

    paddle.seed(0)
    pictures, labels = digits(held_out=False)
    planes = np.repeat((pictures[:, None].astype(np.float32) / 255 - 0.3) / 0.4, 3, axis=1)
    net = network(paddle)
    optimizer = paddle.optimizer.Adam(2e-3, parameters=net.parameters())
    order = np.random.default_rng(0)
    for _ in range(EPOCHS):
        for group in np.array_split(order.permutation(len(planes)), len(planes) // BATCH):
            guess = net(paddle.to_tensor(planes[group]))
            paddle.nn.functional.cross_entropy(guess, paddle.to_tensor(labels[group])).backward()
            optimizer.step()
            optimizer.clear_grad()
    return net


def export(net: Any, folder: Path) -> None:
    """Write inference.json, inference.pdiparams and inference.yml."""
    import paddle

    model = paddle.nn.Sequential(net, paddle.nn.Softmax())
    model.eval()
    shape = paddle.static.InputSpec([None, 3, SIZE, SIZE], "float32", name="x")
    folder.mkdir(parents=True, exist_ok=True)
    paddle.jit.save(paddle.jit.to_static(model, input_spec=[shape]), str(folder / "inference"))
    (folder / "inference.yml").write_text(yaml.safe_dump(CONFIG, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE / "digits_cnn")
    export(train(), parser.parse_args().output)
