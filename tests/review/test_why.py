"""`hpi-review why`: every part of a plan, by names as people use them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import run as call
from typing import Any

import pytest

REVIEW = Path(__file__).parents[2] / "examples/review"
HPI_REVIEW = Path(sys.executable).with_name("hpi-review")


def _why(question: str, *more: str) -> tuple[int, str]:
    command: list[str | Path] = [HPI_REVIEW, "why", "plan-2.json", question, *more]
    done = call(command, cwd=REVIEW, capture_output=True, text=True, check=False, encoding="utf-8")
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("TextDetection", "PaddleX's ranking for x86-64 CPUs (its table of Paddle 3.1.1): openvino, onnxruntime"),
        ("TextDetection", "openvino is the first of them that can be had"),
        ("TextDetection", "not onnxruntime: another is ranked higher for this model"),
        ("DocOrientationClassify", "why: pipeline-2.yaml:22 says so"),
        ("DocPreprocessor.DocOrientationClassify", "loses: onnxruntime at pipeline-2.yaml:15:16"),
        (
            "TextLineOrientation",
            "high-performance inference is off here (pipeline-2.yaml:41), and the model is there as onnx",
        ),
        ("TextLineOrientation", "not paddle: the model is not there in a format that it loads: there is onnx"),
        ("TextDetection.cpu_num_threads", "the least of 8, PaddleX's default, and the target's 2 cores"),
        ("TextDetection.precision", "why: the default of OpenVINO"),
        ("TextDetection.size_step", "the default for TextDetection in the pipeline OCR"),
        ("target.cores", "target.cores = 2"),
        ("target.backends.openvino", "a decision read this fact of it"),
        ("graph.stages.read", "this stage runs SubModules.TextRecognition"),
        ("graph.stages.order", "this stage is the operation sort_boxes"),
        ("use_doc_preprocessor", "wins: true at pipeline-2.yaml:4:23"),
        ("DocPreprocessor.use_doc_unwarping", "wins: false at pipeline-2.yaml:12:24"),
        ("batch_size", "batch_size = 1\n  why: the default for the pipeline OCR"),
        ("rules", "derived by the pass `freeze`"),
    ],
)
def test_every_part_of_a_plan_has_a_reason_in_words(question: str, said: str) -> None:
    code, told = _why(question)
    assert code == 0, told
    assert said in told


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("TextDetektion", "did you mean `TextDetection`?"),
        ("target.backend", "did you mean `target.backends`?"),
        ("graph.stagees", "did you mean `graph.stages`?"),
        ("DocUnwarping", "of what is gone, `--before OLD` knows"),
    ],
)
def test_what_there_is_not_gets_a_suggestion(question: str, message: str) -> None:
    code, told = _why(question)
    assert code == 2
    assert message in told


def test_a_short_name_of_several_modules_asks_which(folder: Path, run: Any, plan: Any) -> None:
    document = json.loads((folder / plan("plan.json")).read_text())
    for other in ("Seal", "Table"):
        address = f"SubPipelines.{other}.SubModules.SealDetection"
        document["modules"][address] = document["modules"]["SubModules.TextDetection"]
    document["modules"]["SubPipelines.Seal.SubModules.TextDetection"] = document["modules"]["SubModules.TextDetection"]
    (folder / "plan.json").write_text(json.dumps(document))
    done = run("hpi-review", "why", "plan.json", "SealDetection")
    assert done.returncode == 2
    assert "`SealDetection` may be `Seal.SealDetection` and `Table.SealDetection`; name one of them" in done.stderr
    # That of the top needs no more than its name.
    assert run("hpi-review", "why", "plan.json", "TextDetection").stdout.startswith("SubModules.TextDetection.")
    assert run("hpi-review", "why", "plan.json", "Seal.TextDetection").returncode == 0
    assert run("hpi-review", "why", "plan.json", "SubModules.TextDetection.thresh").returncode == 0


def test_what_is_gone_was_there_until_a_line_took_it_away(folder: Path, run: Any, plan: Any) -> None:
    plan("old.json")
    text = (folder / "pipeline.yaml").read_text()
    (folder / "pipeline.yaml").write_text(
        text.replace("text_type: general\n", "text_type: general\nuse_textline_orientation: false\n")
    )
    done = run("hpi-review", "why", plan("new.json"), "TextLineOrientation", "--before", "old.json")
    assert done.returncode == 0, done.stderr
    assert "it was there until old.json, on openvino; new.json has it no longer" in done.stdout
    assert "wins: false at pipeline.yaml:3:27" in done.stdout


def test_a_line_of_the_target_can_be_blamed(folder: Path, run: Any, plan: Any) -> None:
    lines = (folder / plan("plan.json")).read_text().splitlines()
    number = next(index for index, line in enumerate(lines, 1) if '"cores"' in line)
    assert run("hpi-review", "blame", f"plan.json:{number}").stdout.startswith("target.cores = 4")
