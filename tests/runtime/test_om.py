"""Ascend OM models of fixed and of several sizes. Ascend's pyACL is imitated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hpi_runtime import engines
from hpi_runtime.engines.base import Engine
from hpi_runtime.errors import EngineError
from hpi_schemas.device import parse
from support import tiny_models
from support.imitations import Imitations


def load(folder: Path, device: str = "npu:0") -> Engine:
    kind = engines.find("om")
    assert kind is not None
    return kind(folder, ("inference.om",), {}, parse(device))


@pytest.fixture
def tiny(engine_models: Path) -> Path:
    return engine_models / "tiny-models/float32/inference.onnx"


def test_a_model_of_fixed_size_takes_that_size_alone(imitated: Imitations, tiny: Path, tmp_path: Path) -> None:
    tiny_models.om_model(tmp_path, tiny, {"x": [2, 3]}, [])
    with load(tmp_path) as engine:
        assert engine.inputs[0].shape == (2, 3)
        with pytest.raises(EngineError, match=r"the input x has the shape \(2, 3\), not \(1, 3\)"):
            engine.run({"x": np.zeros((1, 3), np.float32)})


def test_a_model_of_several_sizes_names_them(imitated: Imitations, tiny: Path, tmp_path: Path) -> None:
    tiny_models.om_model(tmp_path, tiny, {"x": [-1, 3]}, [[1, 3], [4, 3]])
    with load(tmp_path) as engine:
        for batch in (1, 4, 1):
            x = np.arange(batch * 3, dtype=np.float32).reshape(batch, 3)
            assert np.array_equal(engine.run({"x": x})["y"], np.concatenate([x, x], 1))
        with pytest.raises(EngineError, match=r"made for the shapes \[\[1, 3\], \[4, 3\]\], not \[2, 3\]"):
            engine.run({"x": np.zeros((2, 3), np.float32)})


def test_two_models_share_a_process(imitated: Imitations, tiny: Path, tmp_path: Path) -> None:
    tiny_models.om_model(tmp_path, tiny, {"x": [2, 3]}, [])
    x = np.ones((2, 3), np.float32)
    with load(tmp_path) as one, load(tmp_path) as other:
        assert np.array_equal(one.run({"x": x})["y"], other.run({"x": x})["y"])


def test_a_model_that_cannot_be_loaded_gives_back_what_was_taken(imitated: Imitations, tmp_path: Path) -> None:
    (tmp_path / "inference.om").write_text("no model")
    with pytest.raises(EngineError, match=r"acl.mdl.load_from_file\(.*inference.om\) failed with 100000"):
        load(tmp_path)
    assert not imitated.acl.alive
