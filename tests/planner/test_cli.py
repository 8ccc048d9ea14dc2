"""The installed commands, as people type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hpi_schemas.validate import faults
from support import model_configs, tiny_onnx

BIN = Path(sys.executable).parent
PIPELINE = """pipeline_name: image_classification
use_hpip: true
SubModules:
  ImageClassification: {model_name: PP-LCNet_x0_5, model_dir: m}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    (tmp_path / "m").mkdir()
    (tmp_path / "m/inference.onnx").write_bytes(tiny_onnx.model("x float32 N 3 224 224"))
    (tmp_path / "m/inference.yml").write_text(model_configs.text("PP-LCNet_x0_5"))
    return tmp_path


def run(folder: Path, *arguments: str, command: str = "hpi-plan") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command, *arguments], cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8"
    )


def test_a_pipeline_becomes_a_plan_on_stdout(folder: Path) -> None:
    done = run(folder, "pipeline.yaml", "--target", "linux-x64-cpu")
    assert (done.returncode, done.stderr) == (0, "")
    plan = json.loads(done.stdout)
    assert faults("plan", plan) == []
    assert plan["modules"]["SubModules.ImageClassification"]["engine"]["backend"] == "openvino"


def test_python_dash_m_is_the_command(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hpi_planner", "pipeline.yaml", "--target", "linux-x64-cpu"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == run(folder, "pipeline.yaml", "--target", "linux-x64-cpu").stdout


def test_output_is_written_whole_and_knows_the_way_to_its_yaml(folder: Path) -> None:
    (folder / "plans").mkdir()
    done = run(folder, "pipeline.yaml", "--output", "plans/plan.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((folder / "plans/plan.json").read_text())["source"]["file"] == "../pipeline.yaml"
    assert [path.name for path in (folder / "plans").iterdir()] == ["plan.json"]


def test_a_failed_compilation_leaves_the_old_plan_alone(folder: Path) -> None:
    (folder / "plan.json").write_text("old")
    done = run(folder, "pipeline.yaml", "--output", "plan.json", "--hpi_config", "{bakend: x}")
    assert done.returncode == 2
    assert (folder / "plan.json").read_text() == "old"


def test_stop_after_inherit_needs_no_models(folder: Path) -> None:
    (folder / "m/inference.onnx").unlink()
    done = run(folder, "pipeline.yaml", "--stop-after", "inherit", "--device", "gpu:0")
    assert json.loads(done.stdout)["modules"]["SubModules.ImageClassification"] == {
        "model_name": "PP-LCNet_x0_5",
        "model_dir": "m",
        "device": "gpu:0",
        "use_hpip": True,
        "hpi_config": None,
        "batch_size": 1,
    }


@pytest.mark.parametrize("name", ["OCR", "doc_preprocessor", "image_classification"])
def test_a_built_in_configuration_is_a_pipeline_to_start_from(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.yaml").write_text(run(tmp_path, "--get-config", name).stdout)
    from_file = run(tmp_path, "mine.yaml", "--stop-after", "inherit")
    assert (from_file.returncode, from_file.stderr) == (0, "")
    assert from_file.stdout == run(tmp_path, name, "--stop-after", "inherit").stdout


def test_an_official_model_is_found_in_a_models_folder(folder: Path) -> None:
    (folder / "store/PP-LCNet_x0_5").mkdir(parents=True)
    for name in ("inference.onnx", "inference.yml"):
        (folder / "store/PP-LCNet_x0_5" / name).write_bytes((folder / "m" / name).read_bytes())
    done = run(folder, "image_classification", "--models", "store")
    plan = json.loads(done.stdout)
    assert plan["source"] == {"builtin": "image_classification", "overrides": []}
    assert plan["modules"]["SubModules.ImageClassification"]["model"]["dir"] == "store:PP-LCNet_x0_5"


def test_an_absolute_folder_below_models_is_rewritten(folder: Path) -> None:
    path = str(folder / "m")
    plan = json.loads(
        run(
            folder, "pipeline.yaml", "--models", str(folder), "-o", f"SubModules.ImageClassification.model_dir={path}"
        ).stdout
    )
    assert plan["modules"]["SubModules.ImageClassification"]["model"]["dir"] == "store:m"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml cannot be read: No such file or directory"),
        (["OCRR"], "did you mean `OCR`?"),
        ([], "name a pipeline YAML"),
        (["pipeline.yaml", "--target", "mars"], "neither a .json file nor a named target"),
        (["pipeline.yaml", "--target", "pipeline.json"], "pipeline.json cannot be read"),
        (["pipeline.yaml", "--stop-after", "lunch"], "there is no pass `lunch`"),
        (["--get-config", "ocr"], "there is no pipeline `ocr`"),
        (
            ["pipeline.yaml", "--output", "nowhere/plan.json"],
            "nowhere/plan.json cannot be written: nowhere is no folder",
        ),
        (["."], "neither a .yaml file nor a built-in pipeline"),
        (["pipeline.yaml", "--root", "nowhere"], "`--root nowhere` is no folder"),
        (["pipeline.yaml", "--models", "nowhere"], "`--models nowhere` is no folder"),
        (["pipeline.yaml", "--stop-after", "bind-target"], "did you mean `bind_target`"),
    ],
)
def test_a_mistake_on_the_command_line_is_said_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_diagnostics_can_be_data(folder: Path) -> None:
    done = run(folder, "pipeline.yaml", "--diagnostics", "json", "--hpi_config", "{bakend: x, backend: tensort}")
    found = json.loads(done.stderr)
    assert [item["code"] for item in found] == ["hpi-config-unknown-key", "backend-unknown"]
    assert found[0]["labels"][0]["source"] == "override:0"


def test_both_spellings_of_flags_mean_the_same(folder: Path) -> None:
    dashed = run(folder, "pipeline.yaml", "--no-use-hpip", "--hpi-config", "{}", "--stop-after", "inherit").stdout
    assert (
        dashed == run(folder, "pipeline.yaml", "--no-use_hpip", "--hpi_config", "{}", "--stop-after", "inherit").stdout
    )
    assert '"use_hpip": false' in dashed


def test_python_literals_work_where_paddlex_takes_them(folder: Path) -> None:
    done = run(folder, "pipeline.yaml", "--hpi_config", "{'backend': 'onnxruntime', 'auto_config': False}")
    assert json.loads(done.stdout)["modules"]["SubModules.ImageClassification"]["engine"]["backend"] == "onnxruntime"


def test_a_reader_that_closes_the_pipe_is_no_error(folder: Path) -> None:
    done = subprocess.run(
        f"{BIN / 'hpi-plan'} pipeline.yaml --target linux-x64-cpu | head -c 1",
        shell=True, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("{", "")


@pytest.mark.parametrize("command", ["hpi-plan pipeline.yaml --target linux-x64-cpu", "hpi-target"])
def test_a_full_or_closed_stdout_is_no_traceback(folder: Path, command: str) -> None:
    for redirect, code in (("> /dev/full", 2), ("| true", 0)):
        line = f"{BIN}/{command} {redirect}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("..=3", "is not PATH=VALUE"),
        ("[]=3", "is not PATH=VALUE"),
        ("SubModules..topk=3", "is not PATH=VALUE"),
        ("SubModules.ImageClassification.model_dir=~nobody-here/x", "names no folder"),
        (f"SubModules.ImageClassification.model_dir={'x' * 300}", "was not found; looked in"),
        ("SubModules.ImageClassification.topk=.nan", "is no number that a plan can hold"),
        ("SubModules.ImageClassification.topk=-.inf", "is no number that a plan can hold"),
    ],
)
def test_an_odd_override_is_answered_with_its_place(folder: Path, layer: str, message: str) -> None:
    done = run(folder, "pipeline.yaml", "-o", layer)
    assert done.returncode == 2
    assert message in done.stderr
    assert "<command line>:1:" in done.stderr
    assert "Traceback" not in done.stderr


def test_output_writes_through_a_link(folder: Path) -> None:
    (folder / "real.json").touch()
    (folder / "link.json").symlink_to("real.json")
    assert run(folder, "pipeline.yaml", "--output", "link.json").returncode == 0
    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "real.json").read_text())["format"] == "2.0"


def test_hpi_target_describes_this_machine_for_other_machines(folder: Path) -> None:
    target = run(folder, command="hpi-target").stdout
    (folder / "target.json").write_text(target)
    assert faults("target", json.loads(target)) == []
    there = run(folder, "pipeline.yaml", "--target", "target.json")
    assert there.stdout == run(folder, "pipeline.yaml").stdout


def test_no_secret_of_the_environment_reaches_a_plan(folder: Path) -> None:
    env = {**os.environ, "MY_API_KEY": "hunter2-hunter2"}
    text = PIPELINE + "    # key\n" + "my_key: ${oc.env:MY_API_KEY}\n"
    (folder / "pipeline.yaml").write_text(text)
    done = subprocess.run(
        [BIN / "hpi-plan", "pipeline.yaml"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr


def test_diagnostics_can_be_sarif_for_code_scanning(folder: Path) -> None:
    done = run(folder, "pipeline.yaml", "-o", "SubModules.ImageClassification.topk=many", "--diagnostics", "sarif")
    assert done.returncode == 2
    log = json.loads(done.stderr)
    (result,) = log["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("setting-invalid", "error")
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "pipeline.yaml"}}}]
    assert "<command line>:1:40" in result["message"]["text"]
    (folder / "pipeline.yaml").write_text(PIPELINE + "    typo: 1\nuse_hpip: false\n")
    results = json.loads(run(folder, "pipeline.yaml", "--diagnostics", "sarif").stderr)["runs"][0]["results"]
    place = results[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "pipeline.yaml"
    assert all(label["physicalLocation"]["region"]["startLine"] > 0 for item in results for label in item["locations"])
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert rules[result["ruleIndex"]]["id"] == "setting-invalid"


def test_a_file_without_findings_is_an_empty_sarif_log(folder: Path) -> None:
    done = run(folder, "pipeline.yaml", "--target", "linux-x64-cpu", "--diagnostics", "sarif")
    assert json.loads(done.stderr)["runs"][0]["results"] == []


def test_prove_compiles_again_under_other_settings(folder: Path) -> None:
    (folder / "plans").mkdir()
    arguments = ("-o", "SubModules.ImageClassification.batch_size=2", "--target", "linux-x64-cpu")
    done = run(folder, "pipeline.yaml", *arguments, "--output", "plans/plan.json", "--prove")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 9
    assert all(line.endswith("the same bytes") for line in lines)
    assert (folder / "plans/plan.json").read_text() == run(
        folder, "pipeline.yaml", *arguments, "--output", "plans/again.json"
    ).stdout + (folder / "plans/again.json").read_text()


def test_a_plan_that_does_not_prove_true_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hpi_planner.cli import plan
    from hpi_planner.review import prove

    monkeypatch.chdir(folder)
    monkeypatch.setattr(prove, "_elsewhere", lambda *_arguments: "something else")
    assert plan.main(["pipeline.yaml", "--output", "plan.json", "--prove"]) == 1
    assert not (folder / "plan.json").exists()


def test_the_schema_for_editors_is_printed(folder: Path) -> None:
    schema = json.loads(run(folder, "--get-schema").stdout)
    assert "SubModules" in schema["$defs"]["pipeline-OCR"]["properties"]


def test_candidates_are_written_instead_of_a_plan_and_never_over_one(folder: Path) -> None:
    done = run(folder, "pipeline.yaml", "--target", "linux-x64-cpu", "--candidates", "c.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    listed = json.loads((folder / "c.json").read_text())
    assert faults("candidates", listed) == []
    assert len(listed["modules"]["SubModules.ImageClassification"]["candidates"]) > 4
    assert run(folder, "pipeline.yaml", "--output", "plan.json").returncode == 0
    before = (folder / "plan.json").read_bytes()
    done = run(folder, "pipeline.yaml", "--candidates", "plan.json")
    assert done.returncode == 2
    assert "holds no candidates" in done.stderr
    assert (folder / "plan.json").read_bytes() == before
    done = run(folder, "pipeline.yaml", "--output", "c.json")
    assert done.returncode == 2
    assert json.loads((folder / "c.json").read_text()) == listed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("pipeline.yaml --profile nowhere.json", "nowhere.json cannot be read"),
        ("pipeline.yaml --profile m/inference.yml", "is not a profile: line 1"),
        ("pipeline.yaml --max-accuracy-drop 0.2", "go with --profile"),
        ("pipeline.yaml --optimize latency", "go with --profile"),
        ("pipeline.yaml --profile p.json --max-accuracy-drop 200", "from 0 to 100"),
        ("pipeline.yaml --profile p.json --max-accuracy-drop nan", "from 0 to 100"),
        ("pipeline.yaml --candidates c.json --output plan.json", "leave --output and the like out"),
        ("pipeline.yaml --candidates c.json --profile p.json", "leave --output and the like out"),
        ("--check plan.json --profile p.json", "the plan records it"),
    ],
)
def test_wrong_use_of_candidates_and_profiles_is_told(folder: Path, arguments: str, reason: str) -> None:
    done = run(folder, *arguments.split())
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "c.json").exists()


@pytest.mark.parametrize("victim", ["pipeline.yaml", "m/inference.onnx", "m/inference.yml", "target.json"])
def test_output_never_replaces_what_is_no_plan(folder: Path, victim: str) -> None:
    (folder / "target.json").write_text(
        json.dumps({"os": "linux", "arch": "x86_64", "cores": 2, "backends": {"openvino": "1"}})
    )
    before = (folder / victim).read_bytes()
    done = run(folder, "pipeline.yaml", "--target", "target.json", "--output", victim)
    assert done.returncode == 2
    assert "holds no plan" in done.stderr or "this command reads it" in done.stderr
    assert (folder / victim).read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["pipeline.yaml", "--prove", "--stop-after", "inherit"],
        ["pipeline.yaml", "--get-config", "OCR"],
        ["--get-schema", "--get-config", "OCR"],
        ["pipeline.yaml", "--trust-models"],
        ["--check", "plan.json", "--prove"],
    ],
)
def test_options_that_do_not_go_together_are_refused(folder: Path, arguments: list[str]) -> None:
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_an_override_has_its_token_in_json(folder: Path) -> None:
    done = run(folder, "pipeline.yaml", "-o", "SubModules.ImageClassification.topk=many", "--diagnostics", "json")
    assert json.loads(done.stderr)[0]["labels"][0]["token"] == "-o SubModules.ImageClassification.topk=many"


def test_a_device_id_alone_counts_for_the_default_kind_of_device(folder: Path) -> None:
    gpu = {"compute_capability": "8.6", "memory_mib": 24564, "name": "NVIDIA A10"}
    target = {
        "os": "linux",
        "arch": "x86_64",
        "cores": 2,
        "cuda": "12.6",
        "gpus": [gpu, gpu],
        "backends": {"onnxruntime": "1"},
    }
    (folder / "target.json").write_text(json.dumps(target))
    done = run(folder, "pipeline.yaml", "--target", "target.json", "--hpi_config", "{device_id: 1}")
    assert json.loads(done.stdout)["modules"]["SubModules.ImageClassification"]["device"] == "gpu:1"
    assert run(folder, "pipeline.yaml", "--target", "target.json", "--hpi_config", "{device_id: 7}").returncode == 2


def test_many_findings_take_linear_time(folder: Path) -> None:
    keys = "".join(f"unknown_{number}: 1\n" for number in range(5_000))
    (folder / "pipeline.yaml").write_text(PIPELINE + keys)
    done = subprocess.run(
        [BIN / "hpi-plan", "pipeline.yaml", "--stop-after", "inherit"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr.rstrip().endswith("5000 warnings")


def test_a_plan_in_the_place_of_a_yaml_is_told_where_it_belongs() -> None:
    done = subprocess.run([BIN / "hpi-plan", "plan.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "plan.json is no YAML; `hpi-run` and `load_plan` run a plan" in done.stderr
