"""Every option of every backend says what it is about and what another value of it risks, and that is so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hpi_planner.review import rebuilds
from hpi_planner.review.risk import Context
from hpi_planner.select import prepare_steps
from hpi_runtime.errors import EngineError
from hpi_runtime.prepare import steps
from hpi_runtime.prepare.cache import Artefact
from hpi_schemas import backends
from hpi_schemas.backends import ROLES, Option
from hpi_schemas.device import parse
from hpi_schemas.impact import Impact
from hpi_schemas.plan.model import EngineRecord
from hpi_schemas.probe import this_machine
from hpi_schemas.target import Target
from support.engines import CONFIGS, ONNXRUNTIME, OPENVINO, Backend

FOLDER = Path(backends.__file__).parent
KNOWN = backends.load_all()
PADDLE = Backend("paddle", "pir", ("inference.json", "inference.pdiparams"))
# Options whose effect needs what the samples of a calibration are, or another device.
ELSEWHERE = {"calibration", "device_name", "provider_options"}


def _entries() -> Iterator[Any]:
    """Yield every option as its file has it, those that are passed on to a provider too."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for key, entry in yaml.safe_load(path.read_text(encoding="utf-8"))["options"].items():
            yield pytest.param(entry, id=f"{path.stem}.{key}")
            for provider, keys in entry.get("keys", {}).items():
                for below, item in keys.items():
                    yield pytest.param(item, id=f"{path.stem}.{key}.{provider}.{below}")


@pytest.mark.parametrize("entry", list(_entries()))
def test_every_option_has_a_role_and_an_impact(entry: dict[str, Any]) -> None:
    assert entry["role"] in ROLES
    assert entry["impact"] in {impact.label for impact in Impact}


def test_what_a_package_does_not_say_is_the_worst() -> None:
    assert Option("integer").impact == Impact.NUMERICS
    path = ("modules", "M", "engine", "config", "no_such_option")
    assert Context().impact(path, 1, 2) == Impact.NUMERICS


@pytest.mark.parametrize(
    ("keys", "impact"),
    [
        (("trt_dynamic_shapes", "x"), Impact.NUMERICS_POSSIBLE),
        (("dynamic_shapes", "x"), Impact.NUMERICS_POSSIBLE),
        (("provider_options", "trt_auxiliary_streams"), Impact.PERFORMANCE),
        (("provider_options", "enable_skip_layer_norm_strict_mode"), Impact.NUMERICS),
        (("gpu_mem_limit_mib",), Impact.PERFORMANCE),
        (("cpu_num_threads",), Impact.PERFORMANCE),
        (("use_tf32",), Impact.NUMERICS),
    ],
)
def test_a_change_of_an_option_risks_what_its_file_says(keys: tuple[str, ...], impact: Impact) -> None:
    assert Context().impact(("modules", "M", "engine", "config", *keys), 1, 2) == impact


def test_the_review_knows_the_versions_that_prepared_files_depend_on() -> None:
    names = {dist: name for name, backend in KNOWN.items() for dist in backend.distributions}
    known = {}
    for step in rebuilds.VERSIONS:
        kind = steps.find(step)
        assert kind is not None
        known[step] = {names.get(tool.distributions[0], tool.distributions[0]) for tool in kind.TOOLS}
        assert (step in rebuilds.HARDWARE) == kind.HARDWARE
    assert {step: set(versions) for step, versions in rebuilds.VERSIONS.items()} == known
    built = {backend.builds for backend in KNOWN.values()} | {b.int8.step for b in KNOWN.values() if b.int8}
    assert built - {""} <= set(known)


@pytest.mark.parametrize("backend", ["paddle", "tensorrt"])
def test_an_option_that_changes_the_key_of_an_artefact_is_one_that_rebuilds(backend: str, tmp_path: Path) -> None:
    known = KNOWN[backend]
    files = {"inference.json": "sha256:" + "1" * 64, "inference.pdiparams": "sha256:" + "2" * 64}
    usual = {**CONFIGS[backend], **({"run_mode": "trt_fp32"} if backend == "paddle" else {})}
    target = Target("linux", "x86_64", 4)

    def key(config: dict[str, Any]) -> str:
        (step,) = prepare_steps.steps(known, config, False, files, target)
        return Artefact(step, tmp_path, tuple(files), files, tmp_path, parse("gpu:0")).key

    def engine(config: dict[str, Any]) -> EngineRecord:
        return EngineRecord(backend, config, prepare_steps.steps(known, config, False, files, target), "paddle")

    changed = {name: {**usual, name: "another"} for name in known.options if name not in ("run_mode", "precision")}
    for name, config in changed.items():
        assert (key(config) != key(usual)) == (engine(config).prepare != engine(usual).prepare), name
    assert any(key(config) != key(usual) for config in changed.values())


# -- the experiment ------------------------------------------------------------------------------


def _two(key: str, option: Option) -> tuple[Any, Any]:
    """Return two values of an option."""
    special = {
        "delete_pass": ([], ["conv_bn_fuse_pass"]),
        "precision": ("fp32", "bf16"),
        "run_mode": ("paddle", "mkldnn"),
    }
    if key in special:
        return special[key]
    if option.one_of:
        return option.one_of[0], option.one_of[-1]
    return (False, True) if option.type == "boolean" else (1, 2)


def _trials() -> Iterator[Any]:
    for backend, marks in ((ONNXRUNTIME, ()), (OPENVINO, ()), (PADDLE, (pytest.mark.paddle,))):
        for key, option in KNOWN[backend.name].options.items():
            if key not in ELSEWHERE and (not option.devices or "cpu" in option.devices):
                yield pytest.param(backend, key, option, id=f"{backend.name}.{key}", marks=marks)


def _answers(backend: Backend, key: str, value: Any, root: Path, pictures: np.ndarray[Any, Any]) -> list[Any]:
    changes = {key: value}
    if backend.name == "paddle" and key == "precision":
        changes["run_mode"] = "mkldnn" if value == "fp32" else "mkldnn_bf16"
    try:
        engine = Backend(backend.name, backend.kind, backend.files, tuple(changes.items())).load(root)
    except EngineError as fault:
        pytest.skip(f"this machine does not have it: {fault}")
    try:
        return [np.array(item) for item in engine.run({"x": pictures}).values()]
    finally:
        engine.close()


@pytest.mark.full
@pytest.mark.parametrize(("backend", "key", "option"), list(_trials()))
def test_numbers_change_only_where_the_file_says_that_they_may(
    backend: Backend, key: str, option: Option, engine_models: Path
) -> None:
    if key == "precision" and "avx512_bf16" not in this_machine({}, {}).cpu_features:
        pytest.skip("this CPU has no bf16")
    assert key in CONFIGS[backend.name] or option.default is not None
    pictures = np.random.default_rng(0).standard_normal((4, 3, 48, 192)).astype(np.float32)
    one, other = (_answers(backend, key, value, engine_models, pictures) for value in _two(key, option))
    same = all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))
    if option.impact < Impact.NUMERICS_POSSIBLE:
        assert same
    if key == "precision":
        assert not same
