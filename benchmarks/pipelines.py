"""Whole pipelines beside PaddleX's own: ``.venv/bin/python benchmarks/pipelines.py``.

The same YAML, folders, engine (ONNX Runtime) and threads; each program in a process of its own, in turn. PaddleX runs
in ``.venv-hosted``, which `make test` makes. Cold is a whole process for one picture: start, imports, models, answer.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import load
import report
import yaml
from hpi_schemas import probe
from peers import Program

HERE = Path(__file__).parent
ROOT = HERE.parent
WORKER = HERE / "workers/pipeline_worker.py"
PADDLEX = ROOT / ".venv-hosted/bin/python"
ROUNDS, COLD = 8, 4
sys.path.insert(0, str(ROOT / "examples"))


def main() -> None:
    """Measure, and keep the figures."""
    options = report.arguments(__doc__, ROUNDS)
    with tempfile.TemporaryDirectory() as place, load.undisturbed():
        folder = Path(place)
        _lay_out(folder)
        runs = {name: _measured(folder, name, data, options.rounds) for name, data in _pipelines().items()}
    report.keep("pipelines", {"rounds": options.rounds, "runs": runs, "threads": probe.usable_cores()}, options.output)
    print(json.dumps(runs, indent=1))


def _lay_out(folder: Path) -> None:
    """Write the models of the examples, all as ONNX, and their pictures."""
    from weights import tables

    for name in ("table", "page"):
        shutil.copytree(
            ROOT / f"examples/{name}/models",
            folder / "models",
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(".cache", ".ready"),
        )
    tables.convert(folder / "models/SLANet_plus")
    for path in (ROOT / "examples/table/invoice.png", ROOT / "examples/page/report.png"):
        shutil.copyfile(path, folder / path.name)


def _pipelines() -> dict[str, Any]:
    """Return the YAML of each pipeline."""
    page = yaml.safe_load((ROOT / "examples/page/pipeline.yaml").read_text(encoding="utf-8"))
    table = yaml.safe_load((ROOT / "examples/table/pipeline.yaml").read_text(encoding="utf-8"))
    second = page["SubPipelines"]["TableRecognition"]
    layout = table["SubModules"]["LayoutDetection"]
    return {
        "object_detection": {"pipeline_name": "object_detection", "SubModules": {"ObjectDetection": layout}},
        "OCR": page["SubPipelines"]["GeneralOCR"],
        "table_recognition": table,
        "table_recognition_v2": {
            **second,
            "use_layout_detection": True,
            "use_ocr_model": True,
            "SubModules": {**second["SubModules"], "LayoutDetection": layout},
        },
        "PP-StructureV3": page,
    }


def _measured(folder: Path, name: str, data: Mapping[str, Any], rounds: int) -> dict[str, Any]:
    """Return seconds and memory of both programs, and the ratios, which are the medians over rounds."""
    picture = folder / ("invoice.png" if name.startswith("table") else "report.png")
    commands = {"ours": _ours(folder, name, data), "paddlex": _paddlex(folder, name, data)}
    cold = {kind: [] for kind in commands}  # type: dict[str, list[float]]
    for _ in range(COLD):
        for kind, command in commands.items():
            cold[kind].append(_seconds([*command, str(picture)]))
    programs = {kind: Program(kind, command) for kind, command in commands.items()}
    times = {kind: [] for kind in commands}  # type: dict[str, list[float]]
    for program in programs.values():
        program.start()
        program.ask([picture])
    for _ in range(rounds):
        for kind, program in programs.items():
            times[kind].append(program.ask([picture])["seconds"])
    for program in programs.values():
        program.stop()
    found: dict[str, Any] = {
        kind: {
            "cold_s": statistics.median(cold[kind]),
            "peak_mib": programs[kind].peak_mib,
            "steady_s": statistics.median(times[kind]),
        }
        for kind in commands
    }
    found["ratio"] = {
        "cold": _ratio(cold),
        "peak": programs["ours"].peak_mib / programs["paddlex"].peak_mib,
        "steady": _ratio(times),
    }
    return found


def _ratio(times: Mapping[str, Sequence[float]]) -> float:
    return statistics.median(one / other for one, other in zip(times["ours"], times["paddlex"], strict=True))


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return time.perf_counter() - started


def _ours(folder: Path, name: str, data: Mapping[str, Any]) -> list[str]:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(dict(data), sort_keys=False), encoding="utf-8")
    config = (
        f"{{backend: onnxruntime, auto_config: false, backend_config: {{cpu_num_threads: {probe.usable_cores()}}}}}"
    )
    given = ("-o", "use_hpip=true", "-o", f"hpi_config={config}", "--output", f"{name}.json")
    command = [str(Path(sys.executable).with_name("hpi-plan")), f"{name}.yaml", "--device", "cpu", *given]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    return [sys.executable, str(WORKER), "ours", str(folder / f"{name}.json")]


def _paddlex(folder: Path, name: str, data: Mapping[str, Any]) -> list[str]:
    path = folder / f"{name}-paddlex.yaml"
    path.write_text(yaml.safe_dump(_absolute(dict(data), folder), sort_keys=False), encoding="utf-8")
    return [str(PADDLEX), str(WORKER), "paddlex", str(path), str(probe.usable_cores())]


def _absolute(node: Any, folder: Path) -> Any:
    """Return a YAML for PaddleX's own engine: folders by their whole paths, nothing of ours."""
    if not isinstance(node, dict):
        return node
    found = {key: _absolute(value, folder) for key, value in node.items() if key != "use_hpip"}
    if "model_dir" in found:
        found["model_dir"] = str(folder / found["model_dir"])
    return found


if __name__ == "__main__":
    main()
