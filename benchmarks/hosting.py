"""PaddleX alone beside PaddleX with a plan's engines: ``.venv/bin/python benchmarks/hosting.py``.

What runs is in ``.venv-hosted``, which `make test` makes, each contender in a process of its own, in turn: PaddleX with
its own ONNX Runtime engine; with the plan's ONNX Runtime in as many threads; with OpenVINO; and as a profile of 60
seconds says, made here on the same picture. The pipelines have trained models alone: OCR and tables. Of PP-StructureV3,
whose other models are tiny ones, loading and memory are told with shared sessions and without.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import report
from peers import Program

HERE = Path(__file__).parent
ROOT = HERE.parent
BIN = ROOT / ".venv-hosted/bin"
ROUNDS = 12
BUDGET = 60
ALONE, OURS = "PaddleX alone, ONNX Runtime", "with the plan's"
sys.path.insert(0, str(ROOT / "tests"))


def main() -> None:
    """Measure, and keep the figures."""
    options = report.arguments(__doc__, ROUNDS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _lay_out(folder)
        runs = {name: _measured(folder, name, picture, given, options.rounds) for name, picture, given in _PIPELINES}
        found = {"base": ALONE, "rounds": options.rounds, "runs": runs, "shared": _shared(folder)}
    report.keep("hosting", found, options.output)
    print(json.dumps(found, indent=1))


_OCR = ("use_doc_preprocessor=false", "use_textline_orientation=false")
_TABLES = ("use_doc_preprocessor=false", "SubModules.LayoutDetection.model_name=PicoDet_layout_1x")
_PIPELINES = (("OCR", "receipt.jpg", _OCR), ("table_recognition", "invoice.png", _TABLES))


def _lay_out(folder: Path) -> None:
    """Write the models and pictures."""
    from hosted import documents, zoo
    from hosted.conftest import page
    from hosted.test_hosted import invoice
    from weights.models import make
    from weights.tables import convert

    zoo.lay_out(folder / "zoo", documents.makers(ROOT / "examples/ocr/models"))
    for name in ("PP-OCRv6_medium_rec", "PP-OCRv4_server_rec"):
        # All of its characters: the tests cut it.
        shutil.rmtree(folder / "zoo" / name)
        shutil.copytree(ROOT / "examples/ocr/models/PP-OCRv6_small_rec", folder / "zoo" / name)
        path = folder / "zoo" / name / "inference.yml"
        path.write_text(path.read_text(encoding="utf-8").replace("PP-OCRv6_small_rec", name), encoding="utf-8")
    make(ROOT / ".weights", folder / "trained")
    convert(folder / "trained/SLANet_plus")
    shutil.copyfile(ROOT / "examples/ocr/receipt.jpg", folder / "receipt.jpg")
    cv2.imwrite(str(folder / "invoice.png"), invoice())
    cv2.imwrite(str(folder / "page.png"), page())


def _hpi(folder: Path, command: str, *arguments: str) -> None:
    done = subprocess.run([BIN / command, *arguments], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")


def _plan(folder: Path, name: str, file: str, *arguments: str) -> None:
    models = ("--models", "trained", "--models", "zoo")
    _hpi(folder, "hpi-plan", name, "--host", "paddlex", "--device", "cpu", *models, *arguments, "--output", file)


def _measured(folder: Path, name: str, picture: str, given: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return the figures of each contender."""
    overrides = [part for item in given for part in ("-o", item)]
    chosen = {engine: f"hpi_config={{backend: {engine}, auto_config: false}}" for engine in ("onnxruntime", "openvino")}
    for engine, config in chosen.items():
        only = ("-o", "SubModules.TableStructureRecognition.hpi_config={backend: onnxruntime, auto_config: false}")
        more = only if name == "table_recognition" and engine == "openvino" else ()
        _plan(folder, name, f"{name}-{engine}.json", *overrides, "-o", "use_hpip=true", "-o", config, *more)
    candidates, profile = f"{name}-candidates.json", f"{name}-profile.json"
    both = (*overrides, "-o", "use_hpip=true")
    models = ("--models", "trained", "--models", "zoo")
    asked = ("--host", "paddlex", "--device", "cpu", *models, *both)
    _hpi(folder, "hpi-plan", name, *asked, "--candidates", candidates)
    measure = ("--candidates", candidates, "--profile", profile, "--budget", str(BUDGET))
    _hpi(folder, "hpi-bench", *measure, *models, "--input", picture)
    _plan(folder, name, f"{name}-profile-plan.json", *both, "--profile", profile)
    contenders = {
        ALONE: ("alone", f"{name}-onnxruntime.json"),
        f"{OURS} ONNX Runtime": ("ours", f"{name}-onnxruntime.json"),
        f"{OURS} OpenVINO": ("ours", f"{name}-openvino.json"),
        f"as a profile of {BUDGET} s says": ("ours", f"{name}-profile-plan.json"),
    }
    return _in_turn(folder, contenders, folder / picture, rounds)


def _in_turn(folder: Path, contenders: dict[str, tuple[str, str]], picture: Path, rounds: int) -> dict[str, Any]:
    """Return the medians over rounds in which all ran in turn, and of the times ÷ PaddleX alone."""
    with ExitStack() as stack:
        programs = {
            name: stack.enter_context(_running(folder, name, kind, plan)) for name, (kind, plan) in contenders.items()
        }
        times: dict[str, list[float]] = {name: [] for name in programs}
        texts = {name: program.ask([picture])["pictures"] for name, program in programs.items()}
        for _ in range(rounds):
            for name, program in programs.items():
                times[name].append(program.ask([picture])["seconds"])
        return {
            name: {
                "is_same": texts[name] == texts[ALONE],
                "loaded_s": program.ready,
                "peak_mib": program.peak_mib,
                "ratio": statistics.median(one / other for one, other in zip(times[name], times[ALONE], strict=True)),
                "seconds": statistics.median(times[name]),
            }
            for name, program in programs.items()
        }


@contextmanager
def _running(folder: Path, name: str, kind: str, plan: str) -> Iterator[Program]:
    models = f"{folder / 'trained'}:{folder / 'zoo'}"
    command = [str(BIN / "python"), str(HERE / "workers/hosted_worker.py"), kind, str(folder / plan), models]
    program = Program(name, command)
    program.start()
    try:
        yield program
    finally:
        program.stop()


def _shared(folder: Path) -> dict[str, Any]:
    """Return loading and memory of PP-StructureV3 with shared sessions and without, the medians of three processes."""
    found: dict[str, Any] = {}
    for name, value in (("shared", "true"), ("one each", "false")):
        file = f"structure-{value}.json"
        config = "hpi_config={backend: onnxruntime, auto_config: false}"
        given = (f"share_sessions={value}", "use_hpip=true", config, "use_chart_recognition=false")
        _plan(folder, "PP-StructureV3", file, *(part for item in given for part in ("-o", item)))
        runs = []
        for _ in range(3):
            with _running(folder, name, "ours", file) as program:
                program.ask([folder / "page.png"])
                seconds = statistics.median(program.ask([folder / "page.png"])["seconds"] for _ in range(5))
                runs.append({"loaded_s": program.ready, "peak_mib": program.peak_mib, "seconds": seconds})
        found[name] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return found


if __name__ == "__main__":
    main()
