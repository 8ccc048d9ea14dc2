"""hpi-run as people use it, with right input and wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_schemas.canonical import digest_file
from hpi_schemas.validate import faults
from PIL import Image
from support.terminal import on_terminal

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent.parent
MODEL = ROOT / "examples/ocr/page_orientation"
PIPELINE = """pipeline_name: image_classification
use_hpip: true
SubModules:
  ImageClassification: {model_name: page_orientation, model_dir: model, topk: 2}
"""


def run(folder: Path, *arguments: str, command: str = "hpi-run", stdin: str | None = None) -> Any:
    return subprocess.run(
        [BIN / command, *arguments], cwd=folder, capture_output=True, text=True, check=False, input=stdin,
        encoding="utf-8",
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a pipeline, its model, a plan for this machine, and two pictures."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    shutil.copytree(MODEL, tmp_path / "model")
    done = run(tmp_path, "pipeline.yaml", "--output", "plan.json", command="hpi-plan")
    assert done.returncode == 0, done.stderr
    (tmp_path / "pictures").mkdir()
    for name in ("a", "b"):
        picture = np.random.default_rng(ord(name)).integers(0, 256, (90, 120, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"pictures/{name}.png"), picture)
    return tmp_path


def records(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_folder_gives_a_line_per_picture(folder: Path) -> None:
    done = run(folder, "plan.json", "--input", "pictures", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    found = records(done)
    assert [Path(record["input_path"]).name for record in found] == ["a.png", "b.png"]
    for record in found:
        assert faults("results", record) == []
        assert len(record["class_ids"]) == len(record["scores"]) == len(record["label_names"]) == 2


def test_python_dash_m_is_the_command(folder: Path) -> None:
    command = [sys.executable, "-m", "hpi_runtime", "plan.json", "--input", "pictures/a.png"]
    assert len(records(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True))) == 1


def test_a_list_may_come_on_stdin(folder: Path) -> None:
    done = run(folder, "plan.json", "--input", "-", stdin="pictures/b.png\nnowhere.png\npictures/a.png\n")
    assert done.returncode == 1
    assert ["error" in record for record in records(done)] == [False, True, False]


def test_a_list_may_have_the_line_ends_of_windows(folder: Path) -> None:
    done = run(folder, "plan.json", "--input", "-", stdin="pictures/b.png\r\npictures/a.png\r\n")
    assert (done.returncode, len(records(done))) == (0, 2)


def test_a_file_name_that_is_not_utf8_is_read_like_any_other(folder: Path) -> None:
    shutil.copy(os.fsencode(folder / "pictures/a.png"), os.fsencode(folder / "pictures") + b"/\xff.png")
    done = run(folder, "plan.json", "--input", "pictures")
    assert (done.returncode, len(records(done))) == (0, 3), done.stderr
    assert run(folder, "plan.json", "--input", "pictures", "--output", "out").returncode == 0


def test_prepare_only_stops_even_with_an_input(folder: Path) -> None:
    done = run(folder, "plan.json", "--input", "pictures", "--prepare-only")
    assert (done.returncode, done.stdout) == (0, "")


def test_bad_inputs_among_good_ones_give_error_records_and_exit_code_1(folder: Path) -> None:
    pictures = folder / "pictures"
    whole = (pictures / "a.png").read_bytes()
    (pictures / "aa_cut.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "ab_text.jpg").write_text("I am no picture")
    (pictures / "ac_empty.png").touch()
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 1
    found = records(done)
    assert all(faults("results", record) == [] for record in found)
    assert [record.get("error", {}).get("code") for record in found] == [
        *(None, "IMAGE_TRUNCATED", "IMAGE_UNREADABLE", "IMAGE_UNREADABLE", None)
    ]
    assert "5 inputs, 3 failed in " in done.stderr
    assert "Traceback" not in done.stderr


def test_results_may_go_into_files_and_pictures_beside_them(folder: Path) -> None:
    (folder / "more").mkdir()
    shutil.copy(folder / "pictures/a.png", folder / "more/a.png")
    done = run(folder, "plan.json", "--input", "pictures", "--input", "more", "--output", "out", "--save-images")
    assert (done.returncode, done.stdout) == (0, "")
    names = sorted(path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*.*"))
    assert names == [f"{name}_res{end}" for name in ("more/a.png", "pictures/a.png", "pictures/b.png")
                     for end in (".json", ".png")]  # fmt: skip
    record = json.loads((folder / "out/more/a.png_res.json").read_text())
    assert record["input_path"] == "more/a.png"
    assert Image.open(folder / "out/more/a.png_res.png").size[0] >= 120


def test_no_result_overwrites_another_however_inputs_are_named(folder: Path) -> None:
    for name in ("same/a/x.png", "same/b/x.png", "same/x-2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "pictures/a.png", folder / name)
    assert run(folder, "plan.json", "--input", "same", "--output", "out").returncode == 0
    written = {json.loads(path.read_text())["input_path"] for path in (folder / "out").rglob("*.json")}
    assert written == {"same/a/x.png", "same/b/x.png", "same/x-2.png"}


def test_one_module_alone(folder: Path) -> None:
    done = run(folder, "plan.json", "--module", "SubModules.ImageClassification", "--input", "pictures/a.png")
    (alone,) = records(done)
    (whole,) = records(run(folder, "plan.json", "--input", "pictures/a.png"))
    assert alone == whole


def test_a_plan_is_found_its_models_from_anywhere(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    away = tmp_path_factory.mktemp("away")
    shutil.copy(folder / "plan.json", away)
    picture = str(folder / "pictures/a.png")
    lost = run(away, "plan.json", "--input", picture)
    assert lost.returncode == 3
    assert "say where with --root or --models" in lost.stderr
    assert run(away, "plan.json", "--root", str(folder), "--input", picture).returncode == 0
    assert run(away, str(folder / "plan.json"), "--input", picture).returncode == 0


def change(folder: Path, **values: Any) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    for path, value in values.items():
        place, keys = plan, path.split("__")
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
    (folder / "plan.json").write_text(json.dumps(plan))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.json", "--input", "pictures"], 2, "nowhere.json cannot be read"),
        (["pipeline.yaml", "--input", "pictures"], 2, "pipeline.yaml is not a plan"),
        (["plan.json"], 2, "name something to read with --input"),
        (["plan.json", "--input", "nowhere.png"], 2, "there is no such file"),
        (["plan.json", "--input", "empty"], 2, "the folder holds no pictures"),
        (["plan.json", "--input", "pictures", "--module", "SubModules.Nope"], 2, "SubModules.ImageClassification"),
        (["plan.json", "--input", "pictures", "--save-images"], 2, "needs a folder"),
        (["plan.json", "--input", "pictures", "--output", "plan.json"], 2, "plan.json is a file, and not a folder"),
    ],
)
def test_a_mistake_on_the_command_line_is_said_before_anything_runs(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    (folder / "empty").mkdir()
    done = run(folder, *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a plan: line 1"),
        ("[]", "it has no `format`"),
        ('{"format": "3.1"}', "has the format 3.1; this version reads 2.x: a newer hpi-plan has written it"),
        ('{"format": "1.0", "source": {"file": "../p.yaml"}}', "`hpi-plan ../p.yaml --output plan.json` makes it anew"),
        ('{"format": "1.0", "source": {"file": "a;rm b"}}', "`hpi-plan 'a;rm b' --output plan.json` makes it anew"),
        ('{"format": "1.0", "source": 3}', "`hpi-plan PIPELINE.yaml --output plan.json` makes it anew"),
        ('{"format": "2.0", "format": "2.0"}', "given twice"),
        ('{"format": "2.9", "must_understand": ["magic"]}', "features that this hpi-run does not know: 'magic'"),
        ('{"format": "2.0"}', "is not a valid plan"),
        ('{"format": "2.0", "must_understand": 3}', "must_understand: 3 is not a list"),
    ],
)
def test_what_is_no_plan_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "plan.json").write_text(text)
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"graph__order": []}, "does not name every stage once"),
        ({"graph__stages__classify__module": "SubModules.Nope"}, "runs the module `SubModules.Nope`"),
        ({"graph__stages__classify__inputs": {}}, "nothing flows into `image` of the stage `classify`"),
        ({"graph__stages__classify__inputs": {"image": "later.image"}}, "which no stage before it gives"),
        ({"graph__outputs": {"image": "input.image"}}, "`graph.outputs.result` refers to no stage"),
    ],
)
def test_a_graph_that_does_not_fit_together_is_refused(folder: Path, values: dict[str, Any], message: str) -> None:
    change(folder, **values)
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("engine__config", {}, "the plan's engine.config lacks"),
    ],
)
def test_a_plan_with_unusable_values_is_exit_code_4_and_no_traceback(
    folder: Path, path: str, value: Any, message: str
) -> None:
    change(folder, **{f"modules__SubModules.ImageClassification__{path}": value})
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 4
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("cpu_num_threads", "two", "`cpu_num_threads` must be of type integer, not `two`"),
        ("cpu_num_threads", 100_000, "`cpu_num_threads` must be at most 1024, not 100000"),
        ("num_streams", 0, "`num_streams` must be at least 1, not 0"),
        ("precision", "fp99", "`precision` must be one of fp32"),
        ("plugin", "/tmp/evil.so", "has no option `plugin`"),
    ],
)
def test_an_option_that_the_backend_does_not_have_is_refused_before_anything_is_loaded(
    folder: Path, option: str, value: Any, message: str
) -> None:
    change(folder, **{f"modules__SubModules.ImageClassification__engine__config__{option}": value})
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_target_without_backends_is_still_a_plan(folder: Path) -> None:
    target = json.loads((folder / "plan.json").read_text())["target"]
    change(folder, target={key: value for key, value in target.items() if key != "backends"})
    assert run(folder, "plan.json", "--input", "pictures").returncode == 0


def test_an_operation_or_output_that_nobody_knows_is_no_traceback(folder: Path) -> None:
    change(folder, graph__outputs={"image": "input.image", "result": "classify.nothing"})
    done = run(folder, "plan.json", "--input", "pictures")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    change(folder, graph__stages={"classify": {"inputs": {"image": "input.image"}, "op": "abacus", "params": {}}})
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 2
    assert "does not know the operation abacus" in done.stderr


def test_a_later_minor_format_with_unknown_keys_still_runs(folder: Path) -> None:
    change(folder, format="2.7", something_new={"a": 1})
    assert run(folder, "plan.json", "--input", "pictures").returncode == 0


def test_a_changed_model_file_is_refused_before_any_library_parses_it(folder: Path) -> None:
    data = (folder / "model/inference.onnx").read_bytes()
    (folder / "model/inference.onnx").write_bytes(data[: len(data) // 2])
    (folder / "model/inference.yml").unlink()
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 3
    assert "inference.onnx is not the file that was planned" in done.stderr
    assert "inference.yml cannot be read" in done.stderr
    assert done.stdout == ""


def test_half_a_model_cannot_be_planned(folder: Path) -> None:
    data = (folder / "model/inference.onnx").read_bytes()
    (folder / "model/inference.onnx").write_bytes(data[: len(data) // 2])
    done = run(folder, "pipeline.yaml", command="hpi-plan")
    assert done.returncode == 2
    assert "error[model-file-invalid]" in done.stderr


def test_a_plan_for_another_machine_lists_all_that_differs(folder: Path) -> None:
    change(
        folder,
        target__arch="riscv64",
        target__os="plan9",
        modules={
            **json.loads((folder / "plan.json").read_text())["modules"],
        },
    )
    plan = json.loads((folder / "plan.json").read_text())
    plan["modules"]["SubModules.ImageClassification"]["device"] = "gpu:7"
    plan["modules"]["SubModules.ImageClassification"]["engine"] = {
        "backend": "onnxruntime",
        "config": {},
        "fallback": [],
        "prepare": [],
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 3
    for words in ("architecture riscv64", "operating system plan9", "the plan runs on gpu:7"):
        assert words in done.stderr


def test_a_plan_for_a_gpu_is_refused_on_a_machine_without(folder: Path) -> None:
    (folder / "gpu.json").write_text(
        json.dumps(
            {
                "os": "linux", "arch": "x86_64", "cores": 4, "cuda": "12.6",
                "gpus": [{"name": "A10", "compute_capability": "8.6", "memory_mib": 24000}],
                "backends": {"onnxruntime": "1.26.0"},
            }
        )
    )  # fmt: skip
    made = run(folder, "pipeline.yaml", "--target", "gpu.json", "--output", "plan.json", command="hpi-plan")
    assert made.returncode == 0, made.stderr
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 3
    assert "the plan runs on gpu:0; this machine has no gpus" in done.stderr


def test_another_version_of_a_backend_is_a_warning_and_an_error_with_strict(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    backend = plan["modules"]["SubModules.ImageClassification"]["engine"]["backend"]
    plan["target"]["backends"][backend] = "0.1"
    (folder / "plan.json").write_text(json.dumps(plan))
    loose = run(folder, "plan.json", "--input", "pictures")
    assert loose.returncode == 0
    assert f"warning: the plan was made for {backend} 0.1" in loose.stderr
    assert run(folder, "plan.json", "--input", "pictures", "--strict").returncode == 3


def test_a_backend_that_nobody_knows_is_refused(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    plan["modules"]["SubModules.ImageClassification"]["engine"]["backend"] = "abacus"
    (folder / "plan.json").write_text(json.dumps(plan))
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 3
    assert "the backend abacus is not known" in done.stderr


def test_an_unusable_inference_yml_is_found_when_planning_and_again_when_loading(folder: Path) -> None:
    (folder / "model/inference.yml").write_text("Global: {model_name: page_orientation}\n")
    done = run(folder, "pipeline.yaml", "--output", "plan.json", command="hpi-plan")
    assert done.returncode == 2
    assert "inference.yml has no usable PreProcess.transform_ops" in done.stderr
    # A plan that somebody wrote by hand.
    digest = digest_file(folder / "model/inference.yml")
    plan = json.loads((folder / "plan.json").read_text())
    plan["modules"]["SubModules.ImageClassification"]["model"]["files"]["inference.yml"] = digest
    (folder / "plan.json").write_text(json.dumps(plan))
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 4
    assert "SubModules.ImageClassification: model/inference.yml: inference.yml has no usable PreProcess" in done.stderr


def test_a_plan_without_a_graph_lists_what_can_run(folder: Path) -> None:
    change(folder, graph=None)
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 2
    assert "cannot be run as a whole; `hpi-run --module` runs SubModules.ImageClassification alone" in done.stderr
    alone = run(folder, "plan.json", "--module", "SubModules.ImageClassification", "--input", "pictures")
    assert alone.returncode == 0


def test_interrupted_after_some_results_those_are_written(folder: Path) -> None:
    many = folder / "many"
    many.mkdir()
    for number in range(3000):
        (many / f"{number:05}.png").hardlink_to(folder / "pictures/a.png")
    # A shell that starts the tests in the background has them ignore interrupts, and what they start.
    heeding = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command: list[str | Path] = [sys.executable, "-c", heeding, BIN / "hpi-run", "plan.json", "--input", "many"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as job:
        assert job.stdout is not None
        first = job.stdout.readline()
        job.send_signal(signal.SIGINT)
        rest, errors = job.communicate(timeout=60)
    assert job.returncode == 130
    assert b"Traceback" not in errors
    lines = (first + rest).splitlines()
    assert 0 < len(lines) < 3000
    assert all(json.loads(line)["class_ids"] for line in lines)


def test_a_reader_that_closes_the_pipe_ends_the_run_quietly(folder: Path) -> None:
    command = f"{BIN / 'hpi-run'} plan.json --input pictures --input pictures | head -n 1"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_only_the_backend_of_the_plan_is_loaded(folder: Path) -> None:
    run(folder, "pipeline.yaml", "--hpi_config", "{backend: onnxruntime}", "--output", "plan.json", command="hpi-plan")
    code = (
        "import sys; from hpi_runtime.cli.run import main; code = main(['plan.json', '--input', 'pictures']); "
        "print(sorted({'onnxruntime', 'openvino', 'paddle', 'hpi_planner'} & set(sys.modules)), code, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "['onnxruntime'] 0"


def test_a_fallback_of_the_plan_is_used_loudly_and_refused_with_strict(folder: Path) -> None:
    config = "{backend: openvino, on_failure: [onnxruntime]}"
    run(folder, "pipeline.yaml", "--hpi_config", config, "--output", "plan.json", command="hpi-plan")
    plan = json.loads((folder / "plan.json").read_text())
    # An engine that cannot be loaded as the plan says.
    plan["modules"]["SubModules.ImageClassification"]["engine"]["config"]["device_name"] = "NPU"
    (folder / "plan.json").write_text(json.dumps(plan))
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 0
    assert (
        "SubModules.ImageClassification runs on its fallback onnxruntime, because openvino: the plan says"
        in done.stderr
    )
    for record in records(done):
        assert record["fallback"] == {"SubModules.ImageClassification": "onnxruntime"}
        assert faults("results", record) == []
    assert run(folder, "plan.json", "--input", "pictures", "--strict").returncode == 4


@pytest.mark.convert
def test_prepare_only_converts_and_stops(folder: Path) -> None:
    shutil.copytree(ROOT / "examples/digits", folder / "digits", ignore=shutil.ignore_patterns(".cache", "output"))
    made = run(
        folder / "digits",
        "pipeline.yaml",
        "--hpi_config",
        "{backend: openvino}",
        "--output",
        "p.json",
        command="hpi-plan",
    )
    assert made.returncode == 0, made.stderr
    done = run(folder / "digits", "p.json", "--prepare-only")
    assert (done.returncode, done.stdout) == (0, "")
    assert list((folder / "digits/digits_cnn/.cache").glob("*/inference.onnx"))
    started = time.perf_counter()
    run(folder / "digits", "p.json", "--prepare-only")
    assert time.perf_counter() - started < 60


@pytest.mark.convert
def test_a_conversion_that_fails_names_the_line_of_the_yaml_that_settles_it(folder: Path) -> None:
    shutil.copytree(ROOT / "examples/digits", folder / "digits", ignore=shutil.ignore_patterns(".cache", "output"))
    config = "{backend: openvino}"
    run(folder / "digits", "pipeline.yaml", "--hpi_config", config, "--output", "p.json", command="hpi-plan")
    plan = json.loads((folder / "digits/p.json").read_text())
    plan["modules"]["SubModules.ImageClassification"]["engine"]["prepare"][0]["options"]["opset"] = 1000
    (folder / "digits/p.json").write_text(json.dumps(plan))
    done = run(folder / "digits", "p.json", "--prepare-only")
    assert done.returncode == 4
    assert "SubModules.ImageClassification: to_onnx of " in done.stderr
    assert "in pipeline.yaml, `SubModules.ImageClassification.hpi_config.backend: paddle` needs no" in done.stderr


@pytest.mark.paddle
def test_a_fallback_may_start_from_another_format_of_the_model(folder: Path, engine_models: Path) -> None:
    name = "ch_ppocr_mobile_v2.0_cls"
    shutil.copytree(engine_models / "models" / name, folder / "both")
    shutil.copytree(engine_models / "pir" / name, folder / "both", dirs_exist_ok=True)
    shutil.copy(engine_models / "models" / name / "inference.yml", folder / "both")
    model = f"{{model_name: {name}, model_dir: both}}"
    (folder / "both.yaml").write_text(
        "pipeline_name: image_classification\nuse_hpip: true\n"
        "hpi_config: {auto_config: false, backend: openvino, on_failure: [paddle]}\n"
        f"SubModules: {{ImageClassification: {model}}}\n"
    )
    done = run(folder, "both.yaml", "--device", "cpu", "--output", "plan.json", command="hpi-plan")
    assert done.returncode == 0, done.stderr
    plan = json.loads((folder / "plan.json").read_text())
    module = plan["modules"]["SubModules.ImageClassification"]
    assert (module["model"]["format"], module["engine"]["fallback"][0]["format"]) == ("onnx", "paddle")
    assert {"inference.onnx", "inference.json", "inference.pdiparams"} < set(module["model"]["files"])
    assert run(folder, "--check", "plan.json", command="hpi-plan").returncode == 0
    assert run(folder, "--check", "plan.json", "--trust-models", command="hpi-plan").returncode == 0
    module["engine"]["config"]["device_name"] = "NPU"
    (folder / "plan.json").write_text(json.dumps(plan))
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 0, done.stderr
    assert all(record["fallback"] == {"SubModules.ImageClassification": "paddle"} for record in records(done))


def test_a_model_that_reads_a_file_beyond_the_plan_is_refused_before_any_engine_sees_it(folder: Path) -> None:
    import onnx

    path = folder / "model/inference.onnx"
    model = onnx.load(str(path))
    # Weights in a file of their own, as those of more than 2 GB are.
    onnx.save(model, str(path), save_as_external_data=True, location="weights.bin", convert_attribute=True)
    assert run(folder, "pipeline.yaml", "--output", "plan.json", command="hpi-plan").returncode == 0
    plan = json.loads((folder / "plan.json").read_text())
    files = plan["modules"]["SubModules.ImageClassification"]["model"]["files"]
    assert "weights.bin" in files
    assert run(folder, "plan.json", "--input", "pictures").returncode == 0
    del files["weights.bin"]
    (folder / "plan.json").write_text(json.dumps(plan))
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 3
    assert "reads weights.bin, whose digest the plan does not have" in done.stderr


def test_a_plan_for_more_cores_runs_with_a_warning_and_not_with_strict(folder: Path) -> None:
    run(folder, "pipeline.yaml", "--hpi_config", "{backend: openvino}", "--output", "plan.json", command="hpi-plan")
    plan = json.loads((folder / "plan.json").read_text())
    plan["modules"]["SubModules.ImageClassification"]["engine"]["config"]["cpu_num_threads"] = 1000
    (folder / "plan.json").write_text(json.dumps(plan))
    done = run(folder, "plan.json", "--input", "pictures")
    assert done.returncode == 0
    assert "warning: SubModules.ImageClassification: openvino: the plan says cpu_num_threads 1000" in done.stderr
    assert run(folder, "plan.json", "--input", "pictures", "--strict").returncode == 4


def test_the_closing_line_says_what_a_run_came_to_and_where_the_time_went(folder: Path) -> None:
    done = run(folder, "plan.json", "--input", "pictures")
    (line,) = done.stderr.splitlines()
    form = r"hpi-run: 2 inputs in \d+\.\d s, \d+\.\d\d /s; of the work: (\w[\w ]* \d+%(, )?){2,3}"
    assert re.fullmatch(form, line), line
    assert "ImageClassification" in line


def test_on_a_terminal_a_run_shows_how_far_it_is(folder: Path) -> None:
    command = f"{BIN / 'hpi-run'} plan.json {' '.join(['--input pictures'] * 20)} > out.jsonl"
    shown = on_terminal(["sh", "-c", command], folder)
    assert re.search(r"\d+/40", shown)
    assert "40 inputs in " in shown
    assert len((folder / "out.jsonl").read_text().splitlines()) == 40
