"""Mistakes that people make: each is told with what, where and the mend, in a few lines and without a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hpi_schemas.packages import install
from support.classifying import PIPELINE, run

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1000\n"
PLAN = "hpi-plan pipeline.yaml"
RUN = "hpi-run plan.json --input pictures"


@pytest.fixture
def folder(classifying: Path) -> Path:
    return classifying


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def rename(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


def yaml(old: str, new: str) -> Callable[[Path], object]:
    return write("pipeline.yaml", PIPELINE.replace(old, new))


def nothing(folder: Path) -> None:
    """Leave everything as it is."""


MISTAKES = {
    "a model that is a pointer": (write("model/inference.onnx", POINTER), PLAN, 2, ["Git LFS", "git lfs pull"]),
    "an inference.yml that is a pointer": (write("model/inference.yml", POINTER), PLAN, 2, ["Git LFS", "git lfs pull"]),
    "a YAML that is a pointer": (
        write("pipeline.yaml", POINTER),
        PLAN,
        2,
        ["pipeline.yaml", "Git LFS", "git lfs pull"],
    ),
    "a plan that is a pointer": (write("plan.json", POINTER), RUN, 2, ["plan.json", "Git LFS", "git lfs pull"]),
    "a model that became a pointer": (
        write("model/inference.onnx", POINTER),
        RUN,
        3,
        ["inference.onnx", "git lfs pull"],
    ),
    "a picture that is a pointer": (write("pictures/a.png", POINTER), RUN, 1, ["a.png", "git lfs pull"]),
    "a path of Windows": (
        yaml("model_dir: model", "model_dir: models\\PP"),
        PLAN,
        2,
        ["pipeline.yaml:4:", "`models/PP`"],
    ),
    "a path of Windows in quotes": (
        *(yaml("model_dir: model", 'model_dir: "models\\PP"'), PLAN, 2, ["pipeline.yaml:4:", "escape", "with `/`"]),
    ),
    "a file for a folder": (
        yaml("model_dir: model", "model_dir: model/inference.onnx"),
        PLAN,
        2,
        ["it is a file", "`model`"],
    ),
    "another name of the model": (
        *(rename("model/inference.onnx", "model/model.onnx"), PLAN, 2, ["`model.onnx`", "must be called `inference`"]),
    ),
    "another name of inference.yml": (
        *(rename("model/inference.yml", "model/inference.yaml"), PLAN, 2, ["`inference.yaml`", "rename it"]),
    ),
    "a YAML for a plan": (nothing, "hpi-run pipeline.yaml --input pictures", 2, ["hpi-plan pipeline.yaml --output"]),
    "a YAML to check": (nothing, "hpi-plan --check pipeline.yaml", 2, ["hpi-plan pipeline.yaml --output plan.json"]),
    "a YAML to review": (nothing, "hpi-review show pipeline.yaml", 2, ["hpi-plan pipeline.yaml --output"]),
    "a key too high": (
        *(nothing, f"{PLAN} -o SubModules.ImageClassification.backend=onnxruntime", 2),
        ["<command line>:1:", "did you mean `SubModules.ImageClassification.hpi_config.backend`?"],
    ),
    "an option too high": (
        *(nothing, f"{PLAN} -o SubModules.ImageClassification.num_streams=2", 2),
        ["did you mean `SubModules.ImageClassification.hpi_config.backend_config.num_streams`?"],
    ),
    "a key too high without a value": (
        *(nothing, f"{PLAN} -o SubModules.ImageClassification.backend=", 2),
        ["did you mean `SubModules.ImageClassification.hpi_config.backend`?"],
    ),
    "cuda": (nothing, f"{PLAN} --device cuda", 2, ["did you mean `gpu`?"]),
    "cuda:1": (nothing, f"{PLAN} --device cuda:1", 2, ["did you mean `gpu:1`?"]),
    "a bracket that is open": (
        write("pipeline.yaml", "pipeline_name: OCR\nSubModules: {a: [1\n"),
        PLAN,
        2,
        ["pipeline.yaml:2:"],
    ),
    "a document that ends too early": (write("pipeline.yaml", '{pipeline_name: "OCR'), PLAN, 2, ["pipeline.yaml:1:"]),
    "a tab": (
        write("pipeline.yaml", "pipeline_name: OCR\nSubModules:\n\tA: 1\n"),
        PLAN,
        2,
        ["pipeline.yaml:3:1", "use spaces"],
    ),
    "a dictionary of the training": (
        *(write("model/inference.yml", "Global: {model_name: page_orientation, character_dict_path: d}"), PLAN, 2),
        ["inference.yml has no usable PreProcess"],
    ),
    "no pictures": (
        lambda folder: (folder / "empty").mkdir(),
        "hpi-run plan.json --input empty",
        2,
        ["no pictures or PDFs"],
    ),
    "a score of fifty": (
        *(yaml("topk: 2", "topk: 0"), PLAN, 2, ["pipeline.yaml:4:", "`topk` must be at least 1, not `0`"]),
    ),
}


@pytest.mark.fault("mistakes that people make")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_its_mend(folder: Path, mistake: str) -> None:
    make, line, code, words = MISTAKES[mistake]
    make(folder)
    done = run(folder, *line.split())
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert len(done.stderr.splitlines()) < 25


def test_a_record_tells_what_ran_even_when_the_models_have_vanished_since(folder: Path) -> None:
    """The digests are those that were checked before anything was loaded."""
    import json
    import subprocess

    from support.classifying import ADDRESS, BIN

    command = [str(BIN / "hpi-run"), "plan.json", *["--input", "pictures"] * 200, "--record", "run.json"]
    job = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout is not None
    job.stdout.readline()
    (folder / "model/inference.onnx").unlink()
    job.communicate(timeout=60)
    planned = json.loads((folder / "plan.json").read_text())["modules"][ADDRESS]["model"]["files"]
    ran = json.loads((folder / "run.json").read_text())["modules"][ADDRESS]["files"]
    assert ran == {"inference.onnx": planned["inference.onnx"]}


@pytest.mark.parametrize("extra", ["cpu", "gpu", "tensorrt", "npu", "paddle", "convert", "bench", "int8", "fonts"])
def test_help_names_packages_that_pip_knows(extra: str) -> None:
    command = install(extra)
    assert command.startswith("pip install ")
    assert "hpi-plan" not in command
    assert len(command.split()) > 2


@pytest.mark.parametrize("command", ["hpi-run", "hpi-bench"])
def test_a_pattern_that_the_shell_has_expanded_is_told_apart_from_a_wrong_option(folder: Path, command: str) -> None:
    done = run(folder, command, "plan.json", "--input", "pictures/a.png", "pictures/b.png")
    assert done.returncode == 2
    assert "write --input before each, or a pattern in quotes" in done.stderr
    done = run(folder, command, "plan.json", "--input", "pictures/a.png", "--strcit", "x")
    assert done.returncode == 2
    assert "unrecognized arguments: --strcit" in done.stderr
    assert "before each" not in done.stderr
