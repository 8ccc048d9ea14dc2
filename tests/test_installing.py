"""The wheel in clean environments: what each extra brings is enough for what it promises, and no more is needed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support import environments
from support.classifying import lay_out, run

ROOT = Path(__file__).parents[1]
CHOSEN = ("--device", "cpu", "--hpi_config", "{auto_config: false, backend: onnxruntime}")
PLANNED = "gpu", "paddle", "convert", "bench", "int8", "fonts", "bom"


class Installed:
    """An environment that has the wheel with an extra, and a folder to work in outside of the repository."""

    def __init__(self, folder: Path, wheel: Path, extra: str) -> None:
        what = f"{wheel}[{extra}]" if extra else str(wheel)
        self.bin = environments.make(folder / "env", "-c", str(ROOT / "constraints.txt"), what)
        self.folder = folder / "work"
        self.folder.mkdir()

    def run(self, *line: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands."""
        command = [str(self.bin / line[0]), *line[1:]]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)

    def has(self, package: str) -> bool:
        """Tell whether a package can be imported there."""
        return self.run("python", "-c", f"import {package}").returncode == 0


def test_without_an_extra_people_plan_and_review_and_nothing_heavy_is_there(wheel: Path, tmp_path: Path) -> None:
    here = Installed(tmp_path, wheel, "")
    assert not any(map(here.has, ("numpy", "cv2", "PIL", "onnxruntime", "openvino")))
    lay_out(here.folder)
    before = (here.folder / "plan.json").read_bytes()
    (here.folder / "target.json").write_text(run(here.folder, "hpi-target").stdout)
    made = here.run("hpi-plan", "pipeline.yaml", "--target", "target.json", "--output", "plan.json", *CHOSEN)
    assert made.returncode == 0, made.stderr
    assert (here.folder / "plan.json").read_bytes() == before
    assert here.run("hpi-review", "show", "plan.json").returncode == 0
    assert here.run("hpi-plan", "--check", "plan.json").returncode == 0
    assert here.run("hpi-target").returncode == 0
    for line in (
        ("hpi-run", "plan.json", "--input", "pictures"),
        ("hpi-bench", "plan.json", "--input", "pictures"),
        ("hpi-cache", "list", "plan.json"),
        ("hpi-index", "show", "known"),
    ):
        done = here.run(*line)
        assert done.returncode == 3, done.stderr
        assert "which is not installed: pip install " in done.stderr
        assert "numpy<3" in done.stderr
        assert "Traceback" not in done.stderr
    assert "Traceback" not in here.run("hpi-doctor").stderr


def test_the_runner_without_a_backend_says_which_one_is_missing(wheel: Path, tmp_path: Path) -> None:
    here = Installed(tmp_path, wheel, "run")
    lay_out(here.folder)
    done = here.run("hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode == 3
    assert "the backend onnxruntime is not installed: pip install 'onnxruntime" in done.stderr


def test_with_the_extra_for_cpus_a_picture_is_read(wheel: Path, tmp_path: Path) -> None:
    here = Installed(tmp_path, wheel, "cpu")
    lay_out(here.folder)
    done = here.run("hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode == 0, done.stderr
    assert all("class_ids" in json.loads(line) for line in done.stdout.splitlines())
    assert here.run("hpi-doctor").returncode == 0


@pytest.mark.parametrize("extra", PLANNED)
def test_the_other_extras_resolve(wheel: Path, tmp_path: Path, extra: str) -> None:
    """Those of TensorRT and Ascend come from elsewhere."""
    report = tmp_path / "report.json"
    command = [*environments.PIP, "install", "--dry-run", "--ignore-installed", "--report", str(report)]
    subprocess.run(
        [*command, "-c", str(ROOT / "constraints.txt"), f"{wheel}[{extra}]"], check=True, capture_output=True
    )
    names = {item["metadata"]["name"].lower() for item in json.loads(report.read_text())["install"]}
    assert "hpi-plan" in names
    assert ("numpy" in names) == (extra not in ("bom", "fonts"))
