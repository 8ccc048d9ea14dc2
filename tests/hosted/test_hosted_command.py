"""hpi-run with plans that PaddleX hosts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import pytest
from hpi_schemas import probe
from hpi_schemas.backends import load_all

from hosted.conftest import PAGE, PHOTO, run


@pytest.fixture(scope="session")
def plans(here: Path) -> Path:
    """A folder with plans of a table pipeline, a series and a detector."""
    for name in ("table_recognition", "ts_forecast", "object_detection"):
        options = ("--device", "cpu", "--host", "paddlex", "--models", "zoo", "--output", f"{name}.json")
        done = run(here, "hpi-plan", name, *options)
        assert done.returncode == 0, done.stderr
    return here


def test_a_record_a_line_says_of_which_input_and_plan_it_is(plans: Path) -> None:
    done = run(plans, "hpi-run", "ts_forecast.json", "--models", "zoo", "--input", "past.csv")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["input_path"] == "past.csv"
    assert record["plan"].startswith("sha256:")
    assert len(record["forecast"]) == 24
    assert "Creating model" not in done.stderr


def test_output_has_all_that_paddlex_writes_below_the_inputs_own_folder(plans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (plans / "deep").mkdir(exist_ok=True)
    (plans / "deep" / PAGE).write_bytes((plans / PAGE).read_bytes())
    command = ["table_recognition.json", "--models", "zoo", "--input", PAGE, "--input", f"deep/{PAGE}"]
    done = run(plans, "hpi-run", *command, "--output", str(out))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    names = {"page_table_1.html", "page_table_1.xlsx", "page_ocr_res_img.png", "page_res.json"}
    for folder, path in ((out / PAGE, PAGE), (out / "deep" / PAGE, f"deep/{PAGE}")):
        assert names <= {item.name for item in folder.iterdir()}
        assert json.loads((folder / "page_res.json").read_text())["input_path"] == path
    # Once more: its own results are replaced, and nothing else is.
    assert run(plans, "hpi-run", *command, "--output", str(out)).returncode == 0


def test_a_foreign_file_where_results_go_is_kept_and_nothing_is_written_beside_it(plans: Path, tmp_path: Path) -> None:
    foreign = tmp_path / PHOTO / "photo_res.png"
    foreign.parent.mkdir()
    foreign.write_text("mine")
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO, "--output", str(tmp_path)]
    for _ in range(2):
        done = run(plans, "hpi-run", *command)
        assert done.returncode == 1
        assert "holds no result of this input" in done.stderr
        assert foreign.read_text() == "mine"
        assert [item.name for item in foreign.parent.iterdir()] == ["photo_res.png"]
    assert run(plans, "hpi-run", *command, "--overwrite").returncode == 0
    assert foreign.read_bytes() != b"mine"


def test_inputs_of_one_stem_have_results_of_their_own(plans: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(plans / "photo.jpg"), cv2.imread(str(plans / PHOTO)))
    inputs = ["--input", PHOTO, "--input", "photo.jpg"]
    done = run(plans, "hpi-run", "object_detection.json", "--models", "zoo", *inputs, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for name in (PHOTO, "photo.jpg"):
        assert json.loads((tmp_path / name / "photo_res.json").read_text())["input_path"] == name


def test_an_input_of_which_paddlex_says_nothing_is_an_error(plans: Path) -> None:
    (plans / "notes.txt").write_text("no picture")
    command = ["table_recognition.json", "--models", "zoo", "--input", "notes.txt", "--input", PAGE]
    done = run(plans, "hpi-run", *command)
    assert done.returncode == 1
    bad, good = map(json.loads, done.stdout.splitlines())
    assert bad["error"]["code"] == "PROCESSING_FAILED"
    assert good["table_res_list"]


def test_a_fallback_of_an_engine_that_is_created_late_is_told_too(plans: Path) -> None:
    late = "SubModules.TableOrientationClassify"
    config = "{backend: openvino, auto_config: false, on_failure: [onnxruntime]}"
    options = [*("--device", "cpu", "--host", "paddlex", "--models", "zoo"), "-o", f"{late}.use_hpip=true"]
    options += ["-o", f"{late}.hpi_config={config}", "--output", "late.json"]
    done = run(plans, "hpi-plan", "table_recognition_v2", *options)
    assert done.returncode == 0, done.stderr
    plan = json.loads((plans / "late.json").read_text())
    # An engine that cannot be loaded as the plan says.
    plan["modules"][late]["engine"]["config"]["device_name"] = "NPU"
    (plans / "late.json").write_text(json.dumps(plan))
    done = run(plans, "hpi-run", "late.json", "--models", "zoo", "--input", PAGE)
    assert done.returncode == 0, done.stderr
    assert f"warning: {late} runs on its fallback onnxruntime, because openvino" in done.stderr
    assert json.loads(done.stdout)["fallback"] == {late: "onnxruntime"}


@pytest.mark.full
def test_a_page_and_its_translation_lie_in_one_folder(here: Path, server: str, tmp_path: Path) -> None:
    options = ("--device", "cpu", "--models", "zoo", "-o", f"SubModules.LLM_Chat.base_url={server}")
    off = [f"SubPipelines.LayoutParser.use_{name}_recognition=false" for name in ("table", "formula")]
    without = [part for override in off for part in ("-o", override)]
    done = run(here, "hpi-plan", "PP-DocTranslation", *options, *without, "--output", "translating.json")
    assert done.returncode == 0, done.stderr
    command = ["translating.json", "--models", "zoo", "--input", PAGE, "--output", str(tmp_path)]
    command += ["--predict", '{"target_language": "de"}']
    done = run(here, "hpi-run", *command)
    assert done.returncode == 2
    assert "target_language asks SubModules.LLM_Chat, whose key comes with --secret" in done.stderr
    assert not any(tmp_path.iterdir())
    (here / "word").write_text("sesame")
    for _ in range(2):
        # Once more, its own results are replaced.
        done = run(here, "hpi-run", *command, "--secret", "SubModules.LLM_Chat.api_key=file:word")
        assert done.returncode == 0, done.stderr
        files = {path.relative_to(tmp_path / PAGE).as_posix() for path in (tmp_path / PAGE).rglob("*")}
        assert {"page.md", "page_res.json", "page_de.md", "page_de.docx", "page_de_res.json"} < files
        assert any(name.startswith("imgs/") for name in files)
    assert "a text for Bearer sesame" in (tmp_path / PAGE / "page_de.md").read_text()
    with zipfile.ZipFile(tmp_path / PAGE / "page_de.docx") as document:
        assert any(name.startswith("word/media/") for name in document.namelist())
        assert b"image not exist" not in document.read("word/document.xml")


def test_limits_hold_where_paddlex_reads(plans: Path) -> None:
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO, "--max-pixels", "10"]
    done = run(plans, "hpi-run", *command)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "INPUT_TOO_LARGE"


def test_what_paddlex_cannot_read_costs_that_input_alone(plans: Path) -> None:
    (plans / "broken.png").write_bytes(b"\x89PNG nothing")
    inputs = [part for name in ("broken.png", PHOTO) for part in ("--input", name)]
    done = run(plans, "hpi-run", "object_detection.json", "--models", "zoo", *inputs)
    assert done.returncode == 1
    bad, good = map(json.loads, done.stdout.splitlines())
    assert bad["error"]["code"] == "IMAGE_UNREADABLE"
    assert bad["input_path"] == "broken.png"
    assert good["boxes"]
    assert "Traceback" not in done.stderr


def test_arguments_of_paddlexs_predict_are_given_as_json(plans: Path) -> None:
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO]
    high = run(plans, "hpi-run", *command, "--predict", '{"threshold": 0.85}')
    assert [len(json.loads(done.stdout)["boxes"]) for done in (run(plans, "hpi-run", *command), high)] == [2, 1]
    for wrong, told in (("[1]", "takes a JSON object"), ("{", "line 1"), ('{"input": 1}', "`input` is hpi-run's own")):
        done = run(plans, "hpi-run", *command, "--predict", wrong)
        assert done.returncode == 2
        assert told in done.stderr
    done = run(plans, "hpi-run", *command, "--predict", '{"nothing": 1}')
    assert done.returncode == 1
    assert "nothing" in json.loads(done.stdout)["error"]["message"]


def test_one_module_of_a_hosted_plan_runs_alone(plans: Path) -> None:
    command = ["table_recognition.json", "--models", "zoo", "--input", PAGE, "--module"]
    done = run(plans, "hpi-run", *command, "SubModules.TableStructureRecognition")
    assert done.returncode == 0, done.stderr
    assert "<tbody>" in "".join(json.loads(done.stdout)["structure"])
    # A task that hpi-run knows, it does itself.
    done = run(plans, "hpi-run", *command, "SubModules.LayoutDetection")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["boxes"]
    done = run(plans, "hpi-run", *command, "SubModules.Nothing")
    assert done.returncode == 2
    assert "the plan has no module SubModules.Nothing" in done.stderr


def test_a_record_of_what_ran_equals_the_plan(plans: Path) -> None:
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO, "--record", "run.json"]
    assert run(plans, "hpi-run", *command).returncode == 0
    done = run(plans, "hpi-review", "verify", "object_detection.json", "run.json")
    assert (done.returncode, done.stdout) == (0, "1 engine ran as object_detection.json says\n"), done.stdout


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"version": "3.4.3"}, 3, "never tested with"),
        ({"pipeline": {"pipeline_name": "no_such"}}, 2, "PaddleX cannot create it"),
        ({"pipeline": {"pipeline_name": "object_detection"}}, 2, "PaddleX cannot create it"),
        ({"name": "other"}, 2, "knows no host `other`"),
        ({"pipeline": {"pipeline_name": "object_detection", "SubModules": [1]}}, 2, "PaddleX cannot create it"),
    ],
)
def test_a_host_that_cannot_be_is_said_before_anything_runs(
    plans: Path, change: dict[str, Any], code: int, told: str
) -> None:
    plan = json.loads((plans / "object_detection.json").read_text())
    plan["host"].update(change)
    (plans / "changed.json").write_text(json.dumps(plan))
    done = run(plans, "hpi-run", "changed.json", "--models", "zoo", "--input", PHOTO)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


# -- secrets -------------------------------------------------------------------------------------

KEY = "SubModules.VLRecognition.genai_config.client_kwargs.api_key"


@pytest.fixture(scope="session")
def speaking(here: Path, server: str) -> Path:
    """A plan whose language model is asked with a key, which the plan does not have."""
    given = f"{{backend: vllm-server, server_url: {server}}}"
    options = ("-o", f"SubModules.VLRecognition.genai_config={given}", "--device", "cpu", "--models", "zoo")
    done = run(here, "hpi-plan", "PaddleOCR-VL", *options, "--output", "speaking.json")
    assert done.returncode == 0, done.stderr
    return here


def test_a_key_comes_when_the_plan_runs_and_stands_nowhere_else(speaking: Path) -> None:
    (speaking / "key").write_text("sesame\n")
    command = ["speaking.json", "--models", "zoo", "--input", PAGE, "--record", "spoken.json"]
    done = run(speaking, "hpi-run", *command, "--secret", f"{KEY}=file:key")
    assert done.returncode == 0, done.stderr
    assert "a text for Bearer sesame" in done.stdout
    for text in (done.stderr, (speaking / "spoken.json").read_text(), (speaking / "speaking.json").read_text()):
        assert "sesame" not in text


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (f"{KEY}=env:NO_SUCH_VARIABLE", "the variable NO_SUCH_VARIABLE is not set"),
        (f"{KEY}=file:nowhere", "nowhere cannot be read"),
        (f"{KEY}=sesame", "env:NAME or file:PATH"),
        ("SubModules.Other.api_key=env:HOME", "it must begin with a module that runs elsewhere"),
        ("SubModules.LayoutDetection.model_dir=env:HOME", "it must begin with a module that runs elsewhere"),
        ("SubModules.VLRecognition.model_name=env:HOME", "is no name of a credential"),
        ("SubModules.VLRecognition.genai_confg.api_key=env:HOME", "there is no SubModules.VLRecognition.genai_confg"),
        ("api_key", "PATH=env:NAME or PATH=file:PATH"),
    ],
)
def test_a_secret_that_is_not_there_is_said_before_anything_loads(speaking: Path, secret: str, told: str) -> None:
    done = run(speaking, "hpi-run", "speaking.json", "--models", "zoo", "--input", PAGE, "--secret", secret)
    assert done.returncode == 2
    assert told in done.stderr
    assert "sesame" not in done.stderr


# -- comparing and measuring ---------------------------------------------------------------------

OPENVINO = ("-o", "use_hpip=true", "-o", "hpi_config={backend: openvino, auto_config: false}")


@pytest.fixture(scope="session")
def on_openvino(plans: Path) -> Path:
    """A second plan of the detector, for another engine."""
    options = ("--device", "cpu", "--host", "paddlex", "--models", "zoo", "--output", "openvino.json")
    done = run(plans, "hpi-plan", "object_detection", *OPENVINO, *options)
    assert done.returncode == 0, done.stderr
    return plans


def test_two_hosted_plans_are_compared_number_by_number_and_record_by_record(on_openvino: Path) -> None:
    inputs = ["--input", PHOTO, "--input", "notes.md", "--input", PAGE]
    (on_openvino / "notes.md").write_text("no picture")
    command = ["openvino.json", "--models", "zoo", "--compare", "object_detection.json"]
    done = run(on_openvino, "hpi-run", *command, *inputs)
    found = json.loads(done.stdout)
    assert found["modules"]["SubModules.ObjectDetection"]["backend"] == "openvino"
    assert found["modules"]["SubModules.ObjectDetection"]["outputs"]["boxes"]["within"]
    assert found["agreement"]["numbers"] == found["agreement"]["texts"] == 1
    assert (found["compared"], found["inputs"]) == (2, 3)
    assert done.returncode == 1 and "notes.md: neither has a result" in found["faults"][0]
    assert run(on_openvino, "hpi-run", *command, "--input", PHOTO).returncode == 0


def test_a_hosted_plan_is_not_compared_with_a_native_one(on_openvino: Path) -> None:
    options = ("--device", "cpu", "--models", "zoo", "--output", "native.json")
    assert run(on_openvino, "hpi-plan", "object_detection", *options).returncode == 0
    command = ["openvino.json", "--models", "zoo", "--compare", "native.json", "--input", PHOTO]
    done = run(on_openvino, "hpi-run", *command)
    assert done.returncode == 2
    assert "plan both with `--host paddlex`" in done.stderr


def test_hosted_plans_are_measured_side_by_side(on_openvino: Path) -> None:
    command = ["object_detection.json", "openvino.json", "--models", "zoo", "--input", PHOTO]
    done = run(on_openvino, "hpi-bench", *command, "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    address = "SubModules.ObjectDetection"
    first, second = json.loads(done.stdout)["plans"]
    assert [plan["backends"][address] for plan in (first, second)] == ["onnxruntime", "openvino"]
    assert all(plan["first_run_ms"][address] > 0 and plan["pictures"] == 1 for plan in (first, second))


# A process of PaddleX's takes seconds to start, and more where others work beside it.
@pytest.mark.full
def test_a_profile_of_a_hosted_plan_decides_as_that_of_any_other(plans: Path) -> None:
    options = ("--device", "cpu", "--host", "paddlex", "--models", "zoo", "-o", "use_hpip=true")
    assert run(plans, "hpi-plan", "object_detection", *options, "--candidates", "candidates.json").returncode == 0
    command = ["--candidates", "candidates.json", "--profile", "profile.json", "--models", "zoo", "--input", PHOTO]
    done = run(plans, "hpi-bench", *command, "--budget", "60")
    assert done.returncode == 0, done.stderr
    profile = json.loads((plans / "profile.json").read_text())
    entries = profile["modules"]["SubModules.ObjectDetection"]["entries"]
    assert {entry["engine"]["backend"] for entry in entries} == {"onnxruntime", "openvino"}
    # What the host gives is one batch after the other; nobody collects samples for int8.
    assert len({entry["batch_size"] for entry in entries}) == 1
    precision = load_all()["openvino"].options["precision"]
    features = probe.cpu_features()
    natively = {name for name in ("bf16", "fp16") if precision.is_native(name, features)}
    assert {entry["engine"]["config"]["precision"] for entry in entries} == {"fp32", *natively}
    usual = [entry for entry in entries if entry["engine"]["config"]["precision"] == "fp32"]
    assert all(entry["agreement"] == {"outputs": 1} for entry in usual if entry.get("agreement"))
    done = run(
        plans, "hpi-plan", "object_detection", *options, "--profile", "profile.json", "--output", "measured.json"
    )
    assert done.returncode == 0, done.stderr
    plan = json.loads((plans / "measured.json").read_text())
    assert plan["modules"]["SubModules.ObjectDetection"]["profile"]
    assert run(plans, "hpi-run", "measured.json", "--models", "zoo", "--input", PHOTO).returncode == 0
