"""No plan, configuration or picture gives a traceback: the runner answers all of them with errors of its own."""

from __future__ import annotations

import copy
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hpi_runtime.errors import InputError, RunnerError
from hpi_runtime.inputs import images
from hpi_runtime.run import plan
from hpi_runtime.run.native import NativePipeline
from hpi_schemas.canonical import dumps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support import records
from support.pipelines import CPU, page_classifier

MODEL = Path(__file__).parents[2] / "examples/ocr/page_orientation"
PIPELINE = page_classifier("onnxruntime")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 1 << 40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=6
)
bounded = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, item in items for path in ((*above, key), *paths(item, (*above, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a value with something else at a path; ``...`` takes it away."""
    found = copy.deepcopy(value)
    node = found
    for key in path[:-1]:
        node = node[key]
    if new is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = new
    return found


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """A plan of one module, as the planner makes it."""
    from hpi_planner import request
    from hpi_planner.compile import Request, compile

    asked = request.from_text(PIPELINE, MODEL.parent)
    ir = compile(Request(asked.source, asked.source_name, asked.data, lambda: CPU, asked.reader, ()))
    assert ir.plan is not None, ir.diagnostics
    found: dict[str, Any] = json.loads(ir.text or "")
    return found


@given(data=st.data())
@bounded
def test_any_change_of_a_plan_is_answered(made: dict[str, Any], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(made)))
    text = dumps(changed(made, path, data.draw(st.just(...) | VALUES))).encode()
    with suppress(RunnerError), NativePipeline(plan.parse(text, MODEL.parent, MODEL.parent, [])) as pipeline:
        list(pipeline.predict(np.zeros((32, 32, 3), np.uint8)))


@given(data=st.data())
@bounded
def test_any_change_of_a_configuration_is_answered(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from hpi_runtime.run.loading import make_task

    folder = tmp_path_factory.mktemp("model")
    whole = yaml.safe_load((MODEL / "inference.yml").read_text())
    path = data.draw(st.sampled_from(paths(whole)))
    (folder / "inference.yml").write_text(yaml.safe_dump(changed(whole, path, data.draw(st.just(...) | VALUES))))
    with suppress(RunnerError):
        make_task("m", records.module("image_classification"), folder)


@given(
    kind=st.sampled_from(["PNG", "JPEG", "BMP", "WEBP", "TIFF", "JPEG2000", "PPM"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    share=st.floats(0, 1),
)
@bounded
def test_any_change_of_a_picture_is_answered(kind: str, flips: list[tuple[float, int]], share: float) -> None:
    stream = io.BytesIO()
    Image.effect_noise((24, 16), 40).save(stream, kind)
    data = bytearray(stream.getvalue())
    for place, value in flips:
        data[int(place * len(data))] = value
    cut = bytes(data[: int(len(data) * share)]) if share < 0.2 else bytes(data)
    try:
        found = list(images.decode_pages(cut, "a")[1]) if images.is_tiff(cut) else [images.decode(cut, "a")]
    except InputError:
        return
    pictures = [item for item in found if not isinstance(item, InputError)]
    assert all(image.dtype == np.uint8 and image.ndim == 3 for image in pictures)
