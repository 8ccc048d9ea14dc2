"""Trains the page classifier of the example: by how many quarter turns is a page turned?

A small network scores how upright a picture looks; asked about all four turns of a page, the best score
tells. Trained on rendered pages, some ten minutes on two cores. What it writes is committed in
page_orientation/, so nobody needs to run this; it is here so that everybody can.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from PIL import Image, ImageDraw
from typeset import LATIN, font, words

HERE = Path(__file__).parent
SIZE = 320
CONFIG = {
    "Global": {"model_name": "page_orientation"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"size": [SIZE, SIZE], "interpolation": "AREA"}},
            {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.25] * 3, "scale": "1./255.", "order": ""}},
            {"ToCHWImage": None},
        ]
    },
    # The label is by how many degrees the page is turned clockwise, as PaddleX names them.
    "PostProcess": {"Topk": {"topk": 1, "label_list": ["0", "90", "180", "270"]}},
}
Array = np.ndarray[Any, Any]


def page(rng: random.Random) -> Array:
    """Return a random upright page, photographed: RGB of varying proportions, up to 1,100 pixels a side."""
    width, height = rng.randint(400, 1100), rng.randint(400, 1100)
    paper = rng.randint(200, 255)
    image = Image.new("RGB", (width, height), (paper, paper - rng.randint(0, 12), paper - rng.randint(0, 25)))
    pen = ImageDraw.Draw(image)
    top, left = rng.randint(5, height // 5), rng.randint(5, width // 5)
    base, ink, spacing = rng.randint(18, 40), rng.randint(0, 90), rng.uniform(1.1, 2.0)
    style = rng.random()
    while top < height - base:
        text, name = words(rng)
        face = font(name, base if rng.random() < 0.8 else int(base * rng.uniform(0.8, 1.8)))
        colour = (ink, ink, ink + rng.randint(0, 40))
        if style < 0.3 and rng.random() < 0.3:
            pen.text((width / 2, top), text, fill=colour, font=face, anchor="ma")
        else:
            x = left if rng.random() < 0.85 else rng.randint(left, max(left + 1, width - 100))
            pen.text((x, top), text, fill=colour, font=face)
        if style < 0.5 and rng.random() < 0.5:
            price = font(rng.choice(LATIN), base)
            pen.text((width - left, top), f"{rng.uniform(0.5, 300):.2f}", fill=colour, font=price, anchor="ra")
        top += int(face.size * spacing * rng.uniform(0.95, 1.1)) + (base * 2 if rng.random() < 0.12 else 0)
    return np.asarray(image)


def table(height: int, width: int, rng: random.Random) -> Array:
    """Return a background: a plain colour, or one with a grain."""
    colour = np.array([rng.randint(20, 200) for _ in range(3)], np.float32)
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(0, rng.uniform(0, 500), (height, width))
    along, across = rng.uniform(1, 60), rng.uniform(1, 6)
    grain = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), sigmaX=along, sigmaY=across)
    if rng.random() < 0.5:
        grain = cv2.resize(np.ascontiguousarray(grain.T), (width, height))
    return np.asarray(np.clip(colour + np.asarray(grain)[..., None], 0, 255))


def photographed(image: Array, rng: random.Random) -> Array:
    """Return a page on a table: in perspective, unevenly lit, blurred and noisy."""
    height, width = image.shape[:2]
    margin = rng.uniform(0.0, 0.2)

    def corner(x: float, y: float) -> list[float]:
        dx, dy = (rng.uniform(0.4, 1) * margin for _ in range(2))
        return [width * (x + (dx if x == 0 else -dx)), height * (y + (dy if y == 0 else -dy))]

    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    target = np.array([corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    mask = np.asarray(cv2.warpPerspective(np.ones((height, width), np.float32), matrix, (width, height)))[..., None]
    seen = np.asarray(cv2.warpPerspective(image.astype(np.float32), matrix, (width, height)))
    seen = seen * mask + table(height, width, rng) * (1 - mask)
    light = np.linspace(rng.uniform(0.6, 1.0), rng.uniform(0.7, 1.1), width, dtype=np.float32)
    seen = seen * light[None, :, None]
    if rng.random() < 0.5:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.3, 1.2)))
    noise = np.random.default_rng(rng.randrange(1 << 30)).normal(0, rng.uniform(0, 9), seen.shape)
    return np.clip(seen + noise, 0, 255).astype(np.uint8)


def samples(count: int, seed: int) -> Array:
    """Return pictures of upright pages, n × 3 × SIZE × SIZE, float32, normalised."""
    rng = random.Random(seed)
    pictures = np.empty((count, 3, SIZE, SIZE), np.float32)
    for picture in pictures:
        small = cv2.resize(photographed(page(rng), rng), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        picture[...] = (small.transpose(2, 0, 1) / 255.0 - 0.5) / 0.25
    return pictures


def network(paddle: Any) -> Any:
    """Return four strided convolutions and a pooled classifier: 49,000 weights."""
    layers: list[Any] = []
    for before, after, size, stride in ((3, 16, 6, 4), (16, 32, 3, 2), (32, 48, 3, 2), (48, 64, 3, 2)):
        convolution = paddle.nn.Conv2D(before, after, size, stride=stride, padding=1, bias_attr=False)
        layers += [convolution, paddle.nn.BatchNorm2D(after), paddle.nn.ReLU()]
    return paddle.nn.Sequential(*layers, paddle.nn.AdaptiveAvgPool2D(1), paddle.nn.Flatten(), paddle.nn.Linear(64, 1))


def scores(paddle: Any, net: Any, pictures: Any) -> Any:
    """Return n × 4 scores: how upright each picture looks after 0 to 3 quarter turns counter-clockwise."""
    turns = [pictures, *(paddle.rot90(pictures, quarters, [2, 3]) for quarters in (1, 2, 3))]
    return net(paddle.concat(turns)).reshape([4, -1]).transpose([1, 0])


def train(pages: int, epochs: int) -> Any:
    """Train and return the network."""
    import paddle

    paddle.seed(0)
    started = time.perf_counter()
    pictures, held_out = samples(pages, seed=1), samples(max(60, pages // 10), seed=2)
    sys.stderr.write(f"rendered {len(pictures)} pages in {time.perf_counter() - started:.0f} s\n")
    net = network(paddle)
    batch = 12
    rate = paddle.optimizer.lr.OneCycleLR(6e-3, epochs * (len(pictures) // batch))
    optimizer = paddle.optimizer.AdamW(rate, parameters=net.parameters(), weight_decay=0.01)
    order = np.random.default_rng(0)
    for epoch in range(epochs):
        net.train()
        for group in np.array_split(order.permutation(len(pictures)), len(pictures) // batch):
            # Upright already: no turn is right. Any other turn of a page is the same question.
            found = scores(paddle, net, paddle.to_tensor(pictures[group]))
            loss = paddle.nn.functional.cross_entropy(found, paddle.zeros([len(group)], "int64"))
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
            rate.step()
        net.eval()
        with paddle.no_grad():
            parts = np.array_split(held_out, 10)
            answers = [scores(paddle, net, paddle.to_tensor(part)).argmax(1).numpy() for part in parts]
        right = float(np.mean(np.concatenate(answers) == 0))
        sys.stderr.write(f"epoch {epoch + 1}: held-out accuracy {right:.4f}, {time.perf_counter() - started:.0f} s\n")
    return net


def export(net: Any, folder: Path) -> None:
    """Write the network as PaddleX does, converted to ONNX; probabilities come out."""
    import paddle

    class Classifier(paddle.nn.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Any) -> Any:
            return paddle.nn.functional.softmax(scores(paddle, self.net, x))

    model = Classifier()
    model.eval()
    shape = paddle.static.InputSpec([None, 3, SIZE, SIZE], "float32", name="x")
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        prefix = f"{scratch}/inference"
        paddle.jit.save(paddle.jit.to_static(model, input_spec=[shape]), prefix)
        command = [sys.executable, "-m", "hpi_runtime.prepare.to_onnx", str(folder / "inference.onnx"), '{"opset": 14}']
        subprocess.run([*command, f"{prefix}.json", f"{prefix}.pdiparams"], check=True)
    (folder / "inference.yml").write_text(yaml.safe_dump(CONFIG, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--output", type=Path, default=HERE / "page_orientation")
    arguments = parser.parse_args()
    export(train(arguments.pages, arguments.epochs), arguments.output)
