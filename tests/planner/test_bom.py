"""The inventory of a plan: every model, file and package, valid by CycloneDX's own schema, and the same every time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hpi_planner import bom
from hpi_schemas.plan.read import read
from support import txtar

CASES = Path(__file__).parents[1] / "cases"
OCR = Path(__file__).parents[2] / "examples/ocr"
HPI_PLAN = Path(sys.executable).with_name("hpi-plan")


VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def _plans() -> list[Any]:
    texts = ((path.stem, txtar.split(path.read_text())[1].get("after freeze", "")) for path in sorted(CASES.iterdir()))
    return [pytest.param(text, id=name) for name, text in texts if text.strip()]


@pytest.mark.parametrize("text", _plans())
def test_every_golden_plan_has_a_valid_inventory_that_is_complete(text: str) -> None:
    plan = read(text.encode(), "plan.json")
    written = bom.inventory(plan, "sha256:" + "0" * 64, "plan.json")
    assert written == bom.inventory(plan, "sha256:" + "0" * 64, "plan.json")
    document = json.loads(written)
    assert VALIDATOR.validate_str(written) is None
    models = {item["bom-ref"]: item for item in document.get("components", ()) if item["type"].startswith("machine")}
    assert set(models) >= {f"model:{address}" for address in plan.modules}
    for address, module in plan.modules.items():
        files = {
            item["name"]: f"sha256:{item['hashes'][0]['content']}"
            for item in models[f"model:{address}"].get("components", ())
        }
        assert files == module.model.files


def test_the_validator_finds_what_is_wrong() -> None:
    wrong = '{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "nothing", "name": "x"}]}'
    assert VALIDATOR.validate_str(wrong) is not None


def test_the_command_names_the_packages_in_the_versions_of_the_target(tmp_path: Path) -> None:
    command: list[str | Path] = [HPI_PLAN, "--bom", OCR / "plan.json", "--output", tmp_path / "bom.json"]
    for _ in range(2):
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    document = json.loads((tmp_path / "bom.json").read_text())
    purls = [item["purl"] for item in document["components"] if item["type"] == "library"]
    target = json.loads((OCR / "plan.json").read_text())["target"]["backends"]
    assert purls == [f"pkg:pypi/{name}@{target[name]}" for name in ("onnxruntime", "openvino")]
    recogniser = next(item for item in document["dependencies"] if item["ref"] == "model:SubModules.TextRecognition")
    assert recogniser["dependsOn"] == ["package:openvino"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bom", "nothing.json"], "nothing.json cannot be read"),
        (["--bom", "pipeline.yaml"], "is not a plan"),
        (["--bom", "plan.json", "--output", "plan.json"], "plan.json"),
        (["--bom", "plan.json", "OCR"], "--bom takes no pipeline"),
    ],
)
def test_what_is_no_plan_or_would_be_lost_is_said(tmp_path: Path, arguments: list[str], message: str) -> None:
    before = (OCR / "plan.json").read_bytes()
    (tmp_path / "plan.json").write_bytes(before)
    (tmp_path / "pipeline.yaml").write_text("pipeline_name: OCR\n")
    done = subprocess.run([HPI_PLAN, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "plan.json").read_bytes() == before
