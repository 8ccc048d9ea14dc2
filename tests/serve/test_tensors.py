"""The Open Inference Protocol: a stock client runs the models of the plans, and what is no request is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from support.classifying import ADDRESS, lay_out

from serve.asking import Served, run_by_engine, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tensors")
    lay_out(made)
    (made / "other.json").write_text((made / "plan.json").read_text())
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with serving(folder, "plan.json", "other.json") as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[Any]:
    found = triton.InferenceServerClient(server.url.removeprefix("http://"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def expected(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Tensors, and what the engine makes of them."""
    return run_by_engine(folder, 2)


def test_a_client_finds_the_server_and_its_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(ADDRESS)
    assert client.is_model_ready(f"other.{ADDRESS}", "1")
    assert not client.is_model_ready("nothing")
    told = client.get_model_metadata(ADDRESS)
    assert told["name"] == ADDRESS
    (given,) = told["inputs"]
    assert (given["datatype"], given["shape"][1]) == ("FP32", 3)


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("model", [ADDRESS, f"plan.{ADDRESS}", f"other.{ADDRESS}"])
def test_a_client_gets_what_the_engine_gives(client: Any, expected: Any, model: str, is_binary: bool) -> None:
    given, outputs = expected
    told = client.get_model_metadata(model)
    tensor = triton.InferInput(told["inputs"][0]["name"], given.shape, "FP32")
    tensor.set_data_from_numpy(given, binary_data=is_binary)
    wanted = [triton.InferRequestedOutput(name, binary_data=is_binary) for name in outputs]
    found = client.infer(model, [tensor], outputs=wanted, request_id="mine")
    assert found.get_response()["id"] == "mine"
    for name, output in outputs.items():
        assert np.allclose(found.as_numpy(name), output, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": None}, "`inputs` must be a list"),
        ({"inputs": []}, "the model takes"),
        ({"name": "nothing"}, "the model takes"),
        ({"name": 3}, "a tensor with a `name`"),
        ({"datatype": "FP99"}, "must have one of the datatypes"),
        ({"datatype": "INT64"}, "not int64"),
        ({"shape": [1, 2]}, "cannot reshape"),
        ({"shape": "large"}, "whole numbers"),
        ({"shape": [-1]}, "whole numbers"),
        ({"data": ["a"]}, "the input"),
        ({"parameters": {"binary_data_size": 8}}, "is no length of a part of this request"),
        ({"outputs": [{"name": "nothing"}]}, "must name each once of"),
        ({"outputs": "all"}, "must name each once of"),
        ({"outputs": 5}, "must name each once of"),
        ({"outputs": [{"name": []}]}, "must name each once of"),
    ],
    ids=json.dumps,
)
def test_a_request_that_fits_no_model_is_400_in_words(
    server: Served, client: Any, expected: Any, change: dict[str, Any], said: str
) -> None:
    given, _ = expected
    name = client.get_model_metadata(ADDRESS)["inputs"][0]["name"]
    tensor = {"name": name, "datatype": "FP32", "shape": list(given.shape), "data": given.ravel().tolist()}
    whole = {"inputs": [tensor]}
    for key, value in change.items():
        (whole if key in ("inputs", "outputs") else tensor)[key] = value
    reply = server.post(f"/v2/models/{ADDRESS}/infer", whole)
    assert reply.status == 400
    assert said in reply.body["error"]


def test_other_bad_requests_are_refused_too(server: Served) -> None:
    infer = f"/v2/models/{ADDRESS}/infer"
    assert server.post(infer, b"{").status == 400
    assert server.post(infer, b"[]").status == 400
    assert server.post(infer, b"{}", {"Inference-Header-Content-Length": "99"}).status == 400
    for length in ("-1", "9" * 5000, "x"):
        assert server.post(infer, b"{}", {"Inference-Header-Content-Length": length}).status == 400
    assert server.post("/v2/models/nothing/infer", b"{}").status == 404
    assert server.get("/v2/models/nothing").status == 404
    assert server.get("/health").status == 200
