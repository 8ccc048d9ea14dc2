"""What ran, what a policy allows, and plans side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hpi_schemas.validate import faults

BIN = Path(sys.executable).parent
OCR = Path(__file__).parents[2] / "examples/ocr"


@pytest.fixture(scope="session")
def recorded(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a real run of the example's committed plan."""
    path = tmp_path_factory.mktemp("record") / "run.json"
    command: list[str | Path] = [BIN / "hpi-run", OCR / "plan.json", "--input", OCR / "receipt.jpg", "--record", path]
    subprocess.run(command, check=True, capture_output=True)
    assert models.is_dir()
    return path


def _verify(record: Path, plan: Path = OCR / "plan.json") -> tuple[int, str]:
    done = subprocess.run([BIN / "hpi-review", "verify", plan, record], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_real_run_equals_its_plan(recorded: Path) -> None:
    record = json.loads(recorded.read_text())
    assert faults("run", record) == []
    assert record["modules"]["SubModules.TextDetection"]["actual"]["precision"] == "fp32"
    assert record["results"] == {"failed": 0, "finished": 1}
    assert _verify(recorded) == (0, f"4 engines ran as {OCR / 'plan.json'} says\n")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("actual", "cpu_num_threads"), 64, "cpu_num_threads is 64, the plan says 2"),
        (("actual", "precision"), "bf16", "precision is bf16, the plan says fp32"),
        (("actual", "device"), "gpu:0", "device is gpu:0, the plan says cpu"),
        (("version",), "1.0", 'version is "1.0", the plan says'),
        (("actual",), {}, "device is null, the plan says cpu"),
        (("actual", "providers"), ["GPU"], 'providers is ["GPU"], the plan says ["CPU"]'),
        (("files",), {}, "inference.onnx is null, the plan says sha256:"),
        (("backend",), "onnxruntime", "backend is onnxruntime, the plan says openvino"),
        (("files", "inference.onnx"), "sha256:" + "0" * 64, f"inference.onnx is sha256:{'0' * 64}, the plan says"),
    ],
)
def test_a_run_that_was_not_the_plan_is_found_out(
    recorded: Path, tmp_path: Path, path: tuple[str, ...], value: Any, message: str
) -> None:
    record = json.loads(recorded.read_text())
    place = record["modules"]["SubModules.TextDetection"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    changed = tmp_path / "run.json"
    changed.write_text(json.dumps(record))
    code, output = _verify(changed)
    assert code == 1
    assert message in output


def test_a_module_that_did_not_run_and_another_plan_are_found_out(recorded: Path, tmp_path: Path) -> None:
    record = json.loads(recorded.read_text())
    del record["modules"]["SubModules.TextRecognition"]
    record["plan"] = "sha256:" + "0" * 64
    changed = tmp_path / "run.json"
    changed.write_text(json.dumps(record))
    code, output = _verify(changed)
    assert code == 1
    assert "the run: plan is sha256:" in output
    assert "SubModules.TextRecognition: backend is null, the plan says openvino" in output


def test_an_engine_that_is_no_part_of_the_run_is_found_out(recorded: Path, tmp_path: Path) -> None:
    record = json.loads(recorded.read_text())
    engine = record["modules"]["SubModules.TextDetection"]
    for extra in ("SubModules.Other", "SubPipelines.DocPreprocessor.SubModules.DocUnwarping"):
        changed = {**record, "modules": {**record["modules"], extra: engine}}
        (tmp_path / "run.json").write_text(json.dumps(changed))
        assert _verify(tmp_path / "run.json") == (1, f"{extra}: engine is openvino, the plan says none\n")
    (tmp_path / "run.json").write_text(json.dumps({**record, "module": "SubModules.TextDetection"}))
    code, told = _verify(tmp_path / "run.json")
    assert code == 1
    assert "SubModules.TextRecognition: engine is openvino, the plan says none" in told


def test_what_is_no_record_is_said(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    code, output = _verify(tmp_path / "run.json")
    assert code == 2
    assert "is not the record of a run" in output


# -- policies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["fp32", "digests", "gpu-memory"])
def test_the_example_keeps_to_every_shipped_policy(policy: str) -> None:
    command: list[str | Path] = [BIN / "hpi-review", "lint", OCR / "plan.json", "--policy", policy]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "#"}, "refers to itself without end"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "refers to itself without end"),
        ({"$ref": "https://example.com/x.json"}, "refers to something that is not in it"),
        ({"type": 3}, "is no JSON Schema"),
    ],
)
def test_a_policy_that_cannot_be_applied_is_a_message(
    folder: Path, run: Any, plan: Any, schema: Any, said: str
) -> None:
    (folder / "odd.json").write_text(json.dumps(schema))
    done = run("hpi-review", "lint", plan("plan.json"), "--policy", "odd.json")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_policy_points_at_the_line_of_the_yaml(folder: Path, run: Any, plan: Any) -> None:
    text = (folder / "pipeline.yaml").read_text()
    config = "    hpi_config: {backend: openvino, backend_config: {precision: bf16}}\n"
    (folder / "pipeline.yaml").write_text(text.replace("    thresh: 0.3\n", f"    thresh: 0.3\n{config}"))
    done = run("hpi-review", "lint", plan("plan.json"), "--policy", "fp32")
    assert done.returncode == 1
    assert "pipeline.yaml:15:65: error[policy-broken]: modules.SubModules.TextDetection.engine.config" in done.stdout
    assert "need a comparison with the fp32 reference" in done.stdout
    log = json.loads(run("hpi-review", "lint", "plan.json", "--policy", "fp32", "--sarif").stdout)
    assert log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 15


def test_a_broken_policy_points_at_the_override_or_else_at_the_plan(folder: Path, run: Any, plan: Any) -> None:
    layer = "SubModules.TextDetection.hpi_config={backend: openvino, backend_config: {precision: bf16}}"
    plan("plan.json", "-o", layer)
    assert f"1 | -o {layer}" in run("hpi-review", "lint", "plan.json", "--policy", "fp32").stdout
    (folder / "pipeline.yaml").unlink()
    assert '"precision": "bf16"' in run("hpi-review", "lint", "plan.json", "--policy", "fp32").stdout


def test_a_gpu_engine_must_limit_its_memory(folder: Path, run: Any, plan: Any) -> None:
    gpu = {
        "arch": "x86_64", "backends": {"onnxruntime": "1.26.0"}, "cores": 4, "cuda": "12.6", "os": "linux",
        "gpus": [{"compute_capability": "8.6", "memory_mib": 24564, "name": "NVIDIA A10"}],
    }  # fmt: skip
    (folder / "gpu.json").write_text(json.dumps(gpu))
    plan("plan.json", target="gpu.json")
    done = run("hpi-review", "lint", "plan.json", "--policy", "gpu-memory")
    assert done.returncode == 1
    assert "gpu_mem_limit" in done.stdout
    config = "{backend_config: {gpu_mem_limit_mib: 1024}}"
    plan("limited.json", "--hpi_config", config, target="gpu.json")
    assert run("hpi-review", "lint", "limited.json", "--policy", "gpu-memory").returncode == 0


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("fp23", "did you mean `fp32`"),
        ("nothing.json", "cannot be read"),
        ("bad.json", "is no JSON Schema"),
        ("ref.json", "refers to"),
    ],
)
def test_what_is_no_policy_is_said(folder: Path, run: Any, plan: Any, policy: str, message: str) -> None:
    (folder / "bad.json").write_text('{"type": "thing"}')
    (folder / "ref.json").write_text('{"$ref": "https://example.com/x.json"}')
    done = run("hpi-review", "lint", plan("plan.json"), "--policy", policy)
    assert done.returncode == 2
    assert message in done.stderr


# -- matrix --------------------------------------------------------------------------------------


def test_one_command_plans_for_many_targets_and_another_compares_them(folder: Path, run: Any) -> None:
    target = json.loads((folder / "target.json").read_text())
    (folder / "small.json").write_text(json.dumps({**target, "cores": 1}))
    made = run(
        "hpi-plan", "pipeline.yaml", "--target", "target.json", "--target", "small.json", "--output-dir", "plans"
    )
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in (folder / "plans").iterdir()) == ["small.json", "target.json"]
    assert run("hpi-plan", "--check", "plans/small.json", "plans/target.json").returncode == 0
    (folder / "pipeline.yaml").write_text((folder / "pipeline.yaml").read_text().replace("{cpu_num_threads: 2}", "{}"))
    run("hpi-plan", "pipeline.yaml", "--target", "target.json", "--target", "small.json", "--output-dir", "plans")
    shown = run("hpi-review", "matrix", "plans/target.json", "plans/small.json").stdout
    same, _, different = shown.partition("different:")
    assert "SubModules.TextDetection backend" in same
    assert "SubModules.TextDetection backend" not in different
    assert [line.split() for line in different.splitlines() if "TextDetection threads" in line] == [
        ["SubModules.TextDetection", "threads", "4", "1"]
    ]
    document = run("hpi-review", "matrix", "plans/target.json", "plans/small.json", "--markdown").stdout
    assert "| `SubModules.TextDetection` | threads |  | `4` | `1` |" in document


def test_settings_and_versions_that_differ_are_in_the_matrix(folder: Path, run: Any, plan: Any) -> None:
    target = json.loads((folder / "target.json").read_text())
    target["backends"]["openvino"] = "2026.5.0"
    (folder / "newer.json").write_text(json.dumps(target))
    plan("a.json")
    plan("b.json", "-o", "SubModules.TextDetection.thresh=0.2", target="newer.json")
    different = run("hpi-review", "matrix", "a.json", "b.json").stdout.partition("different:")[2]
    assert "target.openvino" in different
    assert "SubModules.TextDetection settings.thresh  0.3" in different
    assert "nothing else differs" in run("hpi-review", "matrix", "a.json", "a.json").stdout


def test_targets_of_the_same_name_are_refused(folder: Path, run: Any) -> None:
    done = run("hpi-plan", "pipeline.yaml", "--target", "target.json", "--target", "./target.json", "--output-dir", "p")
    assert done.returncode == 2
    assert run("hpi-plan", "pipeline.yaml", "--target", "target.json", "--target", "x.json").returncode == 2
