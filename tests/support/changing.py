"""A change to a committed plan, made the way people make it: files edited and the plan compiled again, in git."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hpi_planner.cli import plan as plan_command
from hpi_planner.compile import Request
from hpi_planner.request import make
from hpi_planner.syntax.overrides import collect
from hpi_schemas import target as targets
from hpi_schemas.canonical import dumps

from support import model_configs, profiles, tiny_onnx

CASES = Path(__file__).parents[1] / "review/ten_questions"
OCR = Path(__file__).parents[2] / "examples/ocr"
GPU = {"compute_capability": "8.6", "memory_mib": 24564, "name": "NVIDIA A10"}
TARGETS: dict[str, dict[str, Any]] = {
    "cpu": json.loads((OCR / "target.json").read_text()),
    "gpu": {
        "arch": "x86_64", "cores": 8, "cuda": "12.6", "driver": "560.35.05", "format": "1.0", "gpus": [GPU],
        "os": "linux", "python": "3.11", "tools": {"paddle2onnx": "2.1.0"},
        "backends": {"om": None, "onnxruntime": "1.22.0", "openvino": None, "paddle": None, "tensorrt": "10.13.2"},
    },
}  # fmt: skip
TINY = """pipeline_name: OCR
text_type: general
use_hpip: true
use_doc_preprocessor: false
use_textline_orientation: false
SubModules:
  TextDetection:
    model_name: PP-OCRv5_mobile_det
    model_dir: models/det
  TextRecognition:
    model_name: PP-OCRv5_mobile_rec
    model_dir: models/rec
    batch_size: 6
"""
TINY_MODELS = {"det": "PP-OCRv5_mobile_det", "rec": "PP-OCRv5_mobile_rec", "server": "PP-OCRv5_server_det"}
# A program of Paddle's with one input, x: float32, pictures of three channels.
_TYPE = {"#": "0.t_dtensor", "D": [{"#": "0.t_f32"}, [-1, 3, -1, -1], "NCHW", [], 0]}
INPUT = {"#": "1.data", "A": [{"AT": {"#": "0.a_str", "D": "x"}, "N": "name"}], "I": [], "O": [{"%": 1, "TT": _TYPE}]}
PROGRAM = {"program": {"regions": [{"blocks": [{"ops": [INPUT]}]}]}}


@dataclass(frozen=True)
class Changed:
    """A case of ``ten_questions``, laid out: the plan at HEAD and the one in the working tree.

    Attributes:
        case: what its file says.
        folder: the repository.
        old, new: the two plans, as commands name them.
    """

    case: Mapping[str, Any]
    folder: Path
    old: str = "HEAD:plan.json"
    new: str = "plan.json"


def cases() -> list[Path]:
    """Return the files of all cases."""
    return sorted(CASES.glob("*.yaml"))


def lay_out(path: Path, folder: Path) -> Changed:
    """Make the change of a case in a new repository."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    _models(folder, case)
    (folder / ".gitignore").write_text("models*/\n")
    _git(folder, "init", "-q", "-b", "main")
    for side in ("before", "after"):
        _state(folder, case, case.get(side) or {})
        if side == "before":
            _git(folder, "add", ".")
            _git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "before")
    return Changed(case, folder)


def _models(folder: Path, case: Mapping[str, Any]) -> None:
    if case.get("base") != "tiny":
        for model in (OCR / "models").iterdir():
            if model.is_dir():
                (folder / "models" / model.name).mkdir(parents=True)
                for file in model.iterdir():
                    if file.is_file():
                        (folder / "models" / model.name / file.name).symlink_to(file)
        return
    for folder_name, model_name in TINY_MODELS.items():
        place = folder / "models" / folder_name
        place.mkdir(parents=True)
        (place / "inference.yml").write_text(model_configs.text(model_name))
        if case.get("format") == "paddle":
            (place / "inference.json").write_text(json.dumps(PROGRAM))
            (place / "inference.pdiparams").write_bytes(b"")
        else:
            (place / "inference.onnx").write_bytes(tiny_onnx.model("x float32 N 3 H W"))


def _state(folder: Path, case: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write the YAML, the target and the plan as they are before or after the change."""
    text = TINY if case.get("base") == "tiny" else (OCR / "pipeline.yaml").read_text(encoding="utf-8")
    for old, new in (*case.get("edit", ()), *state.get("edit", ())):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    for name in state.get("exported", ()):
        config = folder / "models" / name / "inference.yml"
        again = config.read_text(encoding="utf-8") + "# exported again\n"
        config.unlink()
        config.write_text(again, encoding="utf-8")
    pipeline = state.get("file", "pipeline.yaml")
    for left in folder.glob("*.yaml"):
        left.unlink()
    (folder / pipeline).write_text(text, encoding="utf-8")
    target = _merged(TARGETS[case.get("target", "cpu")], state.get("target", {}))
    (folder / "target.json").write_text(dumps(target))
    arguments = [pipeline, "--target", "target.json", "--output", "plan.json", *case.get("arguments", ())]
    arguments += state.get("arguments", ())
    with _inside(folder):
        if "profile" in state:
            (folder / "profile.json").write_text(dumps(_profile(folder, pipeline, target, state["profile"])))
            arguments += ["--profile", "profile.json"]
        (folder / "plan.json").unlink(missing_ok=True)
        assert plan_command.main([str(item) for item in arguments]) == 0


def _profile(folder: Path, pipeline: str, target: Mapping[str, Any], ratios: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile in which each backend takes a part of the time of the plan's own engine."""
    request: Request = make(pipeline, collect({}), None, [], None, folder, None)
    from dataclasses import replace

    request = replace(request, target=lambda: targets.from_json(target))

    def measure(entry: Any) -> Mapping[str, Any] | None:
        ratio = ratios.get(entry["engine"]["backend"])
        latency, throughput = ratio if isinstance(ratio, list) else (ratio, ratio)
        return None if latency is None else profiles.measured(latency, 1.0, throughput, peak_mib=100.0)

    return profiles.profile(request, measure)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = {**old, **new}
    return {
        key: _merged(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in both.items()
        if value != "gone"
    }


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
