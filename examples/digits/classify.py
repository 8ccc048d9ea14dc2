"""Classifies held-out digits through three plans, one for each backend, and compares the answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
from train import digits

HERE = Path(__file__).parent
BACKENDS = ("paddle", "onnxruntime", "openvino")
ENLARGED = 8


def write_digits(folder: Path) -> dict[str, int]:
    """Write held-out digits as PNGs and return the true digit by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    truth: dict[str, int] = {}
    for index, (picture, label) in enumerate(zip(*digits(held_out=True), strict=True)):
        big = cv2.resize(picture, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_NEAREST)
        name = f"{index:03}.png"
        cv2.imwrite(str(folder / name), big)
        truth[name] = int(label)
    return truth


def answers(backend: str, pictures: Path) -> dict[str, int]:
    """Compile a plan for a backend, run it, and return the answer by file name."""
    plan = HERE / "output" / f"{backend}.json"
    # Manual: this model is in no ranking, and paddle is to run without oneDNN's help being ranked.
    config = f"{{auto_config: false, backend: {backend}}}"
    compile_it = [sys.executable, "-m", "hpi_planner", str(HERE / "pipeline.yaml"), "--output", str(plan)]
    subprocess.run([*compile_it, "--hpi_config", config], check=True)
    run_it = [sys.executable, "-m", "hpi_runtime", str(plan), "--input", str(pictures)]
    lines = subprocess.run(run_it, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    return {Path(record["input_path"]).name: record["class_ids"][0] for record in records}


def main() -> int:
    """Print the accuracy of each backend; 0 if all three agree on every digit."""
    pictures = HERE / "output" / "pictures"
    truth = write_digits(pictures)
    found = {backend: answers(backend, pictures) for backend in BACKENDS}
    for backend, given in found.items():
        right = sum(given[name] == digit for name, digit in truth.items())
        print(f"{backend:12} {right} of {len(truth)} right")
    agree = len({tuple(sorted(given.items())) for given in found.values()}) == 1
    print("the three backends agree on every digit" if agree else "the backends DISAGREE")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
