"""CUDA and TensorRT on an NVIDIA machine, in one go: the contract of the engines, the OCR example, and speed.

``python benchmarks/gpu/run.py --output figures.json``; needs the example's models (``make demo`` lays them out).
What is not installed is left out. ``--device cpu`` goes the same way without a GPU, to try the script itself.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hpi_runtime import engines
from hpi_runtime.engines.base import Engine
from hpi_runtime.engines.native import cuda
from hpi_runtime.errors import RunnerError
from hpi_runtime.prepare.steps import Job, build_engine, to_fp16
from hpi_schemas import probe
from hpi_schemas.device import parse

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "examples/ocr/models"
EXAMPLE = ROOT / "examples/ocr"
# Model → least, best and greatest input, and the one that is timed.
SHAPES: Mapping[str, list[list[int]]] = {
    "PP-OCRv6_small_det": [[1, 3, 32, 32], [1, 3, 736, 1280], [1, 3, 1536, 1536]],
    "PP-OCRv6_small_rec": [[1, 3, 48, 32], [6, 3, 48, 320], [8, 3, 48, 3200]],
}
_ORIENTATION = "SubPipelines.DocPreprocessor.SubModules.DocOrientationClassify"
MODULES: Mapping[str, list[list[int]]] = {
    "SubModules.TextDetection": SHAPES["PP-OCRv6_small_det"],
    "SubModules.TextRecognition": SHAPES["PP-OCRv6_small_rec"],
    "SubModules.TextLineOrientation": [[1, 3, 48, 192], [6, 3, 48, 192], [8, 3, 48, 192]],
    "SubPipelines.DocPreprocessor.SubModules.DocOrientationClassify": [
        [1, 3, 64, 64],
        [1, 3, 224, 224],
        [1, 3, 640, 640],
    ],
}
CPU = {"cpu_num_threads": min(8, probe.usable_cores())}
ONNXRUNTIME = {**CPU, "graph_optimization": "all", "precision": "fp32", "provider_options": {}}
ON_GPU = {
    "arena_extend_strategy": "kSameAsRequested",
    "execution_provider": "cuda",
    "gpu_mem_limit_mib": 0,
    "use_tf32": False,
}
OPENVINO = {**CPU, "device_name": "CPU", "num_streams": 1, "precision": "fp32"}
TENSORRT = {"builder_optimization_level": 3, "use_dynamic_shapes": True, "use_tf32": False, "workspace_mib": 2048}
ROUNDS = 30


def main() -> int:
    """Run everything and write one JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="gpu:0", choices=("gpu:0", "cpu"))
    parser.add_argument("--output", type=Path, default=Path("gpu.json"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--skip-contract", action="store_true")
    options = parser.parse_args()
    if options.device != "cpu" and not cuda.device_count():
        sys.stderr.write("there is no NVIDIA GPU here: the driver shows none\n")
        return 3
    found = {
        "contract": {} if options.skip_contract else contract(options.device),
        "example": {name: example(name, options.device) for name in backends(options.device)},
        "machine": machine(),
        "speed": {name: speed(name, options.device, options.rounds) for name in SHAPES},
    }
    options.output.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(json.dumps(found["speed"], indent=2))
    return 0


def backends(device: str) -> list[str]:
    """Return the backends to run the example on."""
    if device == "cpu":
        return ["onnxruntime", "openvino"]
    return ["onnxruntime", *(["tensorrt"] if installed("tensorrt") else [])]


def installed(name: str) -> bool:
    """Tell whether a backend's package is there."""
    kind = engines.find(name)
    return kind is not None and probe.installed(kind.distributions) is not None


def machine() -> dict[str, Any]:
    """Return what ran: the hardware, and the versions."""
    names = {name: kind.distributions for name in engines.names() if (kind := engines.find(name)) is not None}
    return probe.this_machine(names, {}).to_json()


def contract(device: str) -> dict[str, Any]:
    """Run the contract suite and return how many tests passed, failed and were skipped."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/runtime/test_engines.py"]
    chosen = ["-k", "on-gpu"] if device != "cpu" else ["-k", "onnxruntime or openvino"]
    done = subprocess.run([*command, *chosen], cwd=ROOT, capture_output=True, text=True, check=False)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout)}
    return {**counts, "tail": [] if done.returncode == 0 else done.stdout.splitlines()[-30:]}


def example(backend: str, device: str) -> dict[str, Any]:
    """Run the OCR example on a backend, and compare it with regular inference on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        plan, reference = Path(folder) / "plan.json", Path(folder) / "ref.json"
        shapes = [
            f"{address}.hpi_config.backend_config={json.dumps({'dynamic_shapes': {'x': item}})}"
            for address, item in (MODULES.items() if backend == "tensorrt" else ())
        ]
        config = ["--use_hpip", "--hpi_config", f"{{auto_config: false, backend: {backend}}}"]
        sets = [
            part
            for text in ("SubModules.TextRecognition.hpi_config.backend=" + backend, *shapes)
            for part in ("-o", text)
        ]
        plans = (
            ["--device", device, *config, *sets, "--output", str(plan)],
            ["--device", "cpu", "--regular", "--output", str(reference)],
        )
        for arguments in plans:
            made = _run("hpi_planner", str(EXAMPLE / "pipeline.yaml"), *arguments)
            if made.returncode != 0:
                return {"error": made.stderr[-2000:]}
        picture = str(EXAMPLE / "receipt.jpg")
        roots = ("--root", str(EXAMPLE))
        done = _run("hpi_runtime", str(plan), *roots, "--compare", str(reference), "--input", picture)
        if done.returncode not in (0, 1):
            return {"error": done.stderr[-2000:]}
        record = Path(folder) / "run.json"
        _run("hpi_runtime", str(plan), *roots, "--input", picture, "--record", str(record))
        ran = json.loads(record.read_text())["modules"] if record.is_file() else {}
        return {"actual": {name: item["actual"] for name, item in ran.items()}, "compared": json.loads(done.stdout)}


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def speed(model: str, device: str, rounds: int) -> dict[str, Any]:
    """Return the median milliseconds of a model's best shape on every engine, measured in turns."""
    shape = SHAPES[model][1]
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        loaded: dict[str, Engine] = {}
        failed: dict[str, str] = {}
        first: dict[str, float] = {}
        for name, load in _engines(model, device, Path(folder)).items():
            try:
                began = time.perf_counter()
                loaded[name] = load()
                loaded[name].run({"x": x})
                first[name] = time.perf_counter() - began
            except (RunnerError, RuntimeError) as fault:
                failed[name] = str(fault)[:500]
        times: dict[str, list[float]] = {name: [] for name in loaded}
        for _ in range(rounds):
            for name, engine in loaded.items():
                began = time.perf_counter()
                engine.run({"x": x})
                times[name].append((time.perf_counter() - began) * 1000)
        for engine in loaded.values():
            engine.close()
    return {
        "failed": failed,
        "first_s": {name: round(value, 3) for name, value in first.items()},
        "median_ms": {name: round(statistics.median(values), 3) for name, values in times.items()},
        "shape": shape,
    }


def _engines(model: str, device: str, folder: Path) -> dict[str, Any]:
    """Return how each engine is loaded, by a name for people."""
    place = MODELS / model

    def load(
        backend: str, config: dict[str, Any], where: str, source: Path = place, file: str = "inference.onnx"
    ) -> Any:
        kind = engines.find(backend)
        assert kind is not None
        return lambda: kind(source, (file,), config, parse(where))

    found = {"onnxruntime cpu": load("onnxruntime", ONNXRUNTIME, "cpu")}
    if installed("openvino"):
        found["openvino cpu"] = load("openvino", OPENVINO, "cpu")
    if device == "cpu":
        return found
    for search in ("HEURISTIC", "EXHAUSTIVE", "DEFAULT"):
        config = {**ONNXRUNTIME, **ON_GPU, "cudnn_conv_algo_search": search}
        found[f"onnxruntime cuda {search}"] = load("onnxruntime", config, device)
    if installed("tensorrt"):
        for precision in ("fp32", "fp16"):
            found[f"tensorrt {precision}"] = _tensorrt(model, device, folder / precision, precision)
    return found


def _tensorrt(model: str, device: str, folder: Path, precision: str) -> Any:
    def load() -> Engine:
        import tensorrt

        folder.mkdir()
        source = MODELS / model / "inference.onnx"
        if precision == "fp16" and not hasattr(tensorrt.BuilderFlag, "FP16"):
            to_fp16.run(Job("to_fp16", {}, parse(device), (source,), folder, folder / "inference.onnx"))
            source = folder / "inference.onnx"
        options = {**TENSORRT, "precision": precision, "dynamic_shapes": {"x": SHAPES[model]}}
        build_engine.run(Job("build_engine", options, parse(device), (source,), folder, folder / "inference.engine"))
        kind = engines.find("tensorrt")
        assert kind is not None
        return kind(folder, ("inference.engine",), options, parse(device))

    return load


if __name__ == "__main__":
    sys.exit(main())
