"""Programs that ask PaddleX or PaddleOCR for high-performance inference run on our engines, without ultra-infer."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hosted.conftest import BIN, PAGE, PHOTO, REACHED, offline, run

DETECTOR = "PicoDet-S"
PADDLEX = """
import json, sys
import hpi_paddlex
hpi_paddlex.install()
from paddlex import create_pipeline
config = {"pipeline_name": "object_detection", "SubModules": {"ObjectDetection": {
    "module_name": "object_detection", "model_name": "PicoDet-S", "model_dir": sys.argv[1], "batch_size": 1}}}
pipeline = create_pipeline(config=config, device="cpu", **json.loads(sys.argv[3]))
for result in pipeline.predict(sys.argv[2]):
    print(json.dumps(result.json["res"]))
"""
PADDLEOCR = """
import json, os, sys
import hpi_paddlex
hpi_paddlex.install()
from paddleocr import PaddleOCR
names = {"det": "PP-OCRv5_server_det", "rec": "PP-OCRv5_server_rec"}
parts = {"text_detection": names["det"], "text_recognition": names["rec"]}
given = {f"{part}_model_name": name for part, name in parts.items()}
given |= {f"{part}_model_dir": f"zoo/{name}" for part, name in parts.items()}
off = ("use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation")
ocr = PaddleOCR(**given, **dict.fromkeys(off, False), device="cpu", enable_hpi=True)
print(json.dumps([result["rec_texts"] for result in ocr.predict(sys.argv[1])]))
if "HPI_PLAN" not in os.environ:
    json.dump(hpi_paddlex.plan(ocr), open("chosen.json", "w"))
    try:
        hpi_paddlex.plan(object())
    except TypeError as fault:
        print(fault, file=sys.stderr)
"""


def python(folder: Path, code: str, *arguments: str, plan: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**offline(), **({} if plan is None else {"HPI_PLAN": plan})}
    done = subprocess.run(
        [BIN / "python", "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert REACHED not in done.stderr, done.stderr
    return done


def detect(here: Path, plan: str | None = None, model: str = f"zoo/{DETECTOR}", **options: Any) -> tuple[Any, str]:
    done = python(here, PADDLEX, model, PHOTO, json.dumps(options), plan=plan)
    return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr


def test_use_hpip_gives_the_answers_of_the_engine_and_says_which_it_is(here: Path) -> None:
    chosen = {"backend": "onnxruntime", "auto_config": False}
    ours, told = detect(here, use_hpip=True, hpi_config=chosen)
    theirs, _ = detect(here, engine="onnxruntime")
    assert ours == theirs
    assert ours["boxes"]
    assert f"{DETECTOR} runs on onnxruntime (file:Predict.hpi_config.backend)" in told
    automatic, told = detect(here, use_hpip=True)
    assert [box["label"] for box in automatic["boxes"]] == [box["label"] for box in ours["boxes"]]
    assert f"{DETECTOR} runs on openvino (rule:" in told
    # PaddleX speaks as it does without us.
    assert "Creating model" in told


def test_a_plan_decides_by_name_and_digests(here: Path) -> None:
    options = ("--device", "cpu", "--host", "paddlex", "--models", "zoo", "--output", "detector.json")
    assert run(here, "hpi-plan", "object_detection", *options).returncode == 0
    found, told = detect(here, plan="detector.json", use_hpip=True)
    assert found["boxes"]
    assert f"{DETECTOR} runs on onnxruntime" in told
    copy = here / "copy" / DETECTOR
    copy.mkdir(parents=True)
    for path in (here / "zoo" / DETECTOR).iterdir():
        (copy / path.name).write_bytes(path.read_bytes() + b"\n")
    found, told = detect(here, plan="detector.json", model=str(copy), use_hpip=True)
    assert found is None
    assert "inference.onnx" in told
    assert ", not sha256:" in told


def test_a_wrong_choice_of_a_backend_is_said_as_hpi_plan_says_it(here: Path) -> None:
    found, told = detect(here, use_hpip=True, hpi_config={"backend": "tensorrt", "auto_config": False})
    assert found is None
    assert "PlanError" in told
    assert "`-o Predict.hpi_config.backend=null` chooses automatically" in told


@pytest.mark.full
def test_paddleocr_reads_a_page_and_so_does_its_command(here: Path) -> None:
    done = python(here, PADDLEOCR, PAGE)
    assert done.returncode == 0, done.stderr[-2000:]
    (texts,) = json.loads(done.stdout.splitlines()[-1])
    assert texts[0] == "Some text here"
    assert "or one of PaddleOCR's pipelines, and no object" in done.stderr
    # What was chosen is a plan, which decides from now on, and which hpi-run executes.
    again = python(here, PADDLEOCR, PAGE, plan="chosen.json")
    assert again.returncode == 0, again.stderr[-2000:]
    assert json.loads(again.stdout.splitlines()[-1]) == [texts]
    executed = run(here, "hpi-run", "chosen.json", "--input", PAGE)
    assert json.loads(executed.stdout)["rec_texts"] == texts
    assert run(here, "hpi-review", "show", "chosen.json").returncode == 0
    options = [
        *("--text_detection_model_name", "PP-OCRv5_server_det"),
        *("--text_detection_model_dir", "zoo/PP-OCRv5_server_det"),
        *("--text_recognition_model_name", "PP-OCRv5_server_rec"),
        *("--text_recognition_model_dir", "zoo/PP-OCRv5_server_rec"),
    ]
    for name in ("use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation"):
        options += [f"--{name}", "False"]
    command: list[str | Path] = [
        BIN / "python",
        "-m",
        "hpi_paddlex",
        "paddleocr",
        "ocr",
        "-i",
        PAGE,
        "--enable_hpi",
        "True",
    ]
    done = subprocess.run(
        [*command, "--device", "cpu", "--save_path", "read", *options],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        env=offline(),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert REACHED not in done.stderr
    assert json.loads((here / "read/page_res.json").read_text())["rec_texts"] == texts
    assert done.stderr.count("runs on openvino") == 2


@pytest.mark.parametrize("arguments", [[], ["paddl"]])
def test_the_command_names_what_it_can_start(here: Path, arguments: list[str]) -> None:
    command: list[str | Path] = [BIN / "python", "-m", "hpi_paddlex", *arguments]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 2
    assert "name paddlex or paddleocr first" in done.stderr
