"""What ``import hpi_runtime`` offers, as a user of the installed package has it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import hpi_runtime
import pytest
from support import environments

ROOT = Path(__file__).parents[2]


def test_the_public_names_are_sorted_and_all_there() -> None:
    assert hpi_runtime.__all__ == sorted(hpi_runtime.__all__)
    assert all(hasattr(hpi_runtime, name) for name in hpi_runtime.__all__)
    assert dir(hpi_runtime) == hpi_runtime.__all__


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(hpi_runtime, "nonsense")  # noqa: B009 (mypy knows that there is none)


def test_every_public_function_and_class_is_described() -> None:
    undescribed = [name for name in hpi_runtime.__all__ if not (getattr(hpi_runtime, name).__doc__ or "").strip()]
    assert undescribed == []


def test_the_reference_says_what_the_docstrings_say() -> None:
    pytest.importorskip("griffe2md", reason="griffe2md is not installed (not made for this Python)")
    spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs/make_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/api.md").read_text(encoding="utf-8") == module.text(), "run `make golden`"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and nothing else."""
    return environments.make(tmp_path_factory.mktemp("installed") / "env", "--no-deps", str(wheel)) / "python"


USER = """
import hpi_runtime
from hpi_runtime import Limits, create_pipeline

pipeline = create_pipeline("OCR", device="cpu")
reveal_type(pipeline)
for result in pipeline.predict("a.png", limits=Limits(pages=3)):
    reveal_type(result)
reveal_type(hpi_runtime.__version__)
"""


def checked(installed: Path, folder: Path, code: str) -> str:
    (folder / "user.py").write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed), "user.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_types_reach_whoever_installs_the_package(installed: Path, tmp_path: Path) -> None:
    told = checked(installed, tmp_path, USER)
    assert 'Revealed type is "hpi_runtime.run.pipeline.Pipeline"' in told
    assert 'Revealed type is "hpi_runtime.results.result.Result"' in told
    assert "error:" not in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("hpi_runtime.nonsense", 'Module has no attribute "nonsense"'),
        ("hpi_runtime.create_pipeline('OCR', devise='cpu')", 'Unexpected keyword argument "devise"'),
        ("hpi_runtime.load_plan(3)", "incompatible type"),
    ],
)
def test_mistakes_are_told_before_anything_runs(installed: Path, tmp_path: Path, line: str, told: str) -> None:
    assert told in checked(installed, tmp_path, f"import hpi_runtime\n{line}\n")
