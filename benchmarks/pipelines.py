"""Whole pipelines beside PaddleX's own: ``.venv/bin/python benchmarks/pipelines.py``.

The same YAML, folders, engine (ONNX Runtime) and threads, in one row our own choice of engines; each program in a
process of its own, in turn. PaddleX runs in ``.venv-hosted``, which `make test` makes. Cold is a whole process for one
input: start, imports, models, answer.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import beside
import cv2
import load
import report
import yaml
from hpi_schemas import probe

HERE = Path(__file__).parent
ROOT = HERE.parent
WORKER = HERE / "workers/pipeline_worker.py"
PADDLEX = ROOT / ".venv-hosted/bin/python"
ROUNDS = 8
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]


def main() -> None:
    """Measure, and keep the figures."""
    options = report.arguments(__doc__, ROUNDS)
    with tempfile.TemporaryDirectory() as place, load.undisturbed():
        folder = Path(place)
        _lay_out(folder)
        runs = {name: _measured(folder, row, options.rounds) for name, row in _rows().items()}
    report.keep("pipelines", {"rounds": options.rounds, "runs": runs, "threads": probe.usable_cores()}, options.output)
    print(json.dumps(runs, indent=1))


def _lay_out(folder: Path) -> None:
    """Write the models of the examples, all as ONNX, and their pictures."""
    from support import printed_pages
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
    pages = [printed_pages.page(columns) for columns in (1, 2, 3, 1, 2, 3)]
    cv2.imwritemulti(str(folder / "document.tiff"), pages)


class _Row(NamedTuple):
    """What is measured.

    Attributes:
        data: the YAML.
        fed: the input.
        is_same_engine: PaddleX's; otherwise the engines that hpi-plan chooses without a profile.
    """

    data: dict[str, Any]
    fed: str
    is_same_engine: bool = True


def _rows() -> dict[str, _Row]:
    """Return each row of the table by its name."""
    page = yaml.safe_load((ROOT / "examples/page/pipeline.yaml").read_text(encoding="utf-8"))
    table = yaml.safe_load((ROOT / "examples/table/pipeline.yaml").read_text(encoding="utf-8"))
    second = page["SubPipelines"]["TableRecognition"]
    layout = table["SubModules"]["LayoutDetection"]
    whole = {
        **second,
        "use_layout_detection": True,
        "use_ocr_model": True,
        "SubModules": {**second["SubModules"], "LayoutDetection": layout},
    }
    return {
        "`object_detection`": _Row(
            {"pipeline_name": "object_detection", "SubModules": {"ObjectDetection": layout}}, "report.png"
        ),
        "`OCR`": _Row(page["SubPipelines"]["GeneralOCR"], "report.png"),
        "`table_recognition`": _Row(table, "invoice.png"),
        "`table_recognition_v2`": _Row(whole, "invoice.png"),
        "`PP-StructureV3`": _Row(page, "report.png"),
        "`PP-StructureV3`, a document of six pages": _Row(page, "document.tiff"),
        "`PP-StructureV3`, those, by the engines that hpi-plan chooses": _Row(page, "document.tiff", False),
    }


def _measured(folder: Path, row: _Row, rounds: int) -> dict[str, Any]:
    commands = {beside.OURS: _ours(folder, row), beside.PADDLEX: _paddlex(folder, row)}
    return beside.measured(commands, folder / row.fed, rounds)


def _ours(folder: Path, row: _Row) -> list[str]:
    (folder / "ours.yaml").write_text(yaml.safe_dump(dict(row.data), sort_keys=False), encoding="utf-8")
    file = folder / f"{row.data['pipeline_name']}-{row.is_same_engine}.json"
    config = (
        f"{{backend: onnxruntime, auto_config: false, backend_config: {{cpu_num_threads: {probe.usable_cores()}}}}}"
    )
    engine = ("-o", f"hpi_config={config}") if row.is_same_engine else ()
    given = ("-o", "use_hpip=true", *engine, "--output", file.name)
    command = [str(Path(sys.executable).with_name("hpi-plan")), "ours.yaml", "--device", "cpu", *given]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [sys.executable, str(WORKER), "ours", str(file)]


def _paddlex(folder: Path, row: _Row) -> list[str]:
    path = folder / f"{row.data['pipeline_name']}-paddlex.yaml"
    path.write_text(yaml.safe_dump(_absolute(dict(row.data), folder), sort_keys=False), encoding="utf-8")
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
