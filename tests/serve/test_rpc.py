"""The Open Inference Protocol by gRPC: Triton's own client runs the models, and what is no request is refused."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from support.classifying import ADDRESS, BIN, lay_out
from tritonclient.grpc import service_pb2 as messages
from tritonclient.utils import InferenceServerException

from serve.asking import Served, run_by_engine, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rpc")
    lay_out(made)
    (made / "other.json").write_text((made / "plan.json").read_text())
    (made / "token").write_text("secret\n")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with serving(folder, "plan.json", "other.json", "--grpc-port", "0") as found:
        yield found


def address(server: Served) -> str:
    (line,) = (line["message"] for line in server.log if "grpc://" in line["message"])
    return str(line).partition("grpc://")[2]


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[Any]:
    found = triton.InferenceServerClient(address(server))
    yield found
    found.close()


@pytest.fixture(scope="module")
def expected(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Tensors, and what the engine makes of them."""
    return run_by_engine(folder, 1)


def test_a_client_finds_the_server_and_its_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata().name == "hpi-serve"
    assert client.is_model_ready(ADDRESS)
    assert client.is_model_ready(f"other.{ADDRESS}", "1")
    told = client.get_model_metadata(ADDRESS)
    (given,) = told.inputs
    assert (told.name, given.datatype, given.shape[1]) == (ADDRESS, "FP32", 3)
    assert told.platform == "hpi_onnxruntime"


@pytest.mark.parametrize("model", [ADDRESS, f"plan.{ADDRESS}", f"other.{ADDRESS}"])
def test_a_client_gets_what_the_engine_gives(client: Any, expected: Any, model: str) -> None:
    given, outputs = expected
    tensor = triton.InferInput(client.get_model_metadata(model).inputs[0].name, given.shape, "FP32")
    tensor.set_data_from_numpy(given)
    for wanted in (None, [triton.InferRequestedOutput(name) for name in outputs]):
        found = client.infer(model, [tensor], outputs=wanted, request_id="mine")
        assert found.get_response().id == "mine"
        for name, output in outputs.items():
            assert np.allclose(found.as_numpy(name), output, atol=1e-6)


def request(client: Any, given: np.ndarray, **changes: Any) -> Any:
    """Return a message whose tensor comes as numbers and not as bytes."""
    name = client.get_model_metadata(ADDRESS).inputs[0].name
    told = {"name": name, "datatype": "FP32", "shape": list(given.shape), **changes}
    tensor = messages.ModelInferRequest.InferInputTensor(**told)
    tensor.contents.fp32_contents.extend(given.ravel().tolist())
    return messages.ModelInferRequest(model_name=ADDRESS, inputs=[tensor])


def asked(client: Any, message: Any) -> Any:
    return client._client_stub.ModelInfer(message)


def test_numbers_may_come_one_by_one(client: Any, expected: Any) -> None:
    given, outputs = expected
    answer = asked(client, request(client, given))
    (output,) = outputs.values()
    found = np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(tuple(answer.outputs[0].shape))
    assert np.allclose(found, output, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"name": "nothing"}, "INVALID_ARGUMENT", "the model takes"),
        ({"datatype": "BYTES"}, "INVALID_ARGUMENT", "must have one of the datatypes"),
        ({"datatype": "FP16"}, "INVALID_ARGUMENT", "in `raw_input_contents` alone"),
        ({"datatype": "INT64"}, "INVALID_ARGUMENT", "the input"),
        ({"shape": [1, 2]}, "INVALID_ARGUMENT", "cannot reshape"),
        ({"shape": [-1]}, "INVALID_ARGUMENT", "whole numbers"),
        ({"shape": [1 << 62, 1 << 62]}, "INVALID_ARGUMENT", "the input"),
    ],
    ids=str,
)
def test_a_request_that_fits_no_model_says_so(
    client: Any, expected: Any, change: dict[str, Any], code: str, said: str
) -> None:
    import grpc

    with pytest.raises(grpc.RpcError) as caught:
        asked(client, request(client, expected[0], **change))
    assert caught.value.code().name == code
    assert said in caught.value.details()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda message: message.raw_input_contents.extend([b"", b""]), "INVALID_ARGUMENT"),
        (lambda message: message.raw_input_contents.append(b"abc"), "INVALID_ARGUMENT"),
        (lambda message: message.inputs.append(message.inputs[0]), "INVALID_ARGUMENT"),
        (lambda message: message.outputs.add(name="nothing"), "INVALID_ARGUMENT"),
        (lambda message: message.ClearField("inputs"), "INVALID_ARGUMENT"),
        (lambda message: setattr(message, "model_name", "nothing"), "NOT_FOUND"),
        (lambda message: setattr(message, "model_version", "2"), "NOT_FOUND"),
    ],
)
def test_other_bad_requests_are_refused_too(client: Any, expected: Any, change: Any, code: str) -> None:
    import grpc

    message = request(client, expected[0])
    change(message)
    with pytest.raises(grpc.RpcError) as caught:
        asked(client, message)
    assert caught.value.code().name == code


def raw(server: Served, data: bytes, seconds: float = 20.0, **metadata: str) -> tuple[str, str]:
    """Send bytes as a request, and return its status and what was said."""
    import grpc

    with grpc.insecure_channel(address(server)) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            call(data, timeout=seconds, metadata=tuple(metadata.items()))
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"\x2a\x00" * (1 << 20), "RESOURCE_EXHAUSTED", "come in `raw_input_contents`"),
        (b"\x3a\x00" * (1 << 20), "RESOURCE_EXHAUSTED", "come in `raw_input_contents`"),
        (b"\x2a" + b"\xff" * 9 + b"\x01", "RESOURCE_EXHAUSTED", "come in `raw_input_contents`"),
        (b"\x2a\x80\x80\x80\x04" + b"\x2a\x00" * (4 << 20), "RESOURCE_EXHAUSTED", "come in `raw_input_contents`"),
        (b"\xff\xff\xff", "INVALID_ARGUMENT", "is no ModelInferRequest"),
        (b"\x0b", "RESOURCE_EXHAUSTED", ""),
        (b"", "NOT_FOUND", "there is no model"),
        (b"\x0a\xa0\x9c\x01" + b"x" * 20000, "NOT_FOUND", "there is no model"),
    ],
    ids=["many inputs", "many contents", "endless", "nested", "garbage", "a group", "nothing", "a long name"],
)
def test_bytes_that_would_become_a_large_message_are_refused_before_they_are_parsed(
    server: Served, data: bytes, code: str, said: str
) -> None:
    found = raw(server, data)
    assert (found[0], said in found[1]) in ((code, True), ("INVALID_ARGUMENT", "is no ModelInferRequest" in found[1]))
    assert server.metric("hpi_in_flight") == 0


def test_who_only_says_that_more_will_come_holds_no_place(server: Served, client: Any, expected: Any) -> None:
    import grpc

    silent = threading.Event()

    def nothing() -> Iterator[bytes]:
        silent.wait(20)
        yield b""

    with grpc.insecure_channel(address(server)) as channel:
        calls = [channel.stream_unary("/inference.GRPCInferenceService/ModelInfer").future(nothing()) for _ in range(8)]
        assert server.metric("hpi_in_flight") == 0
        assert asked(client, request(client, expected[0])).model_name == ADDRESS
        for call in calls:
            call.cancel()
        silent.set()


def test_what_the_protocol_leaves_to_triton_is_not_implemented(server: Served, client: Any) -> None:
    with pytest.raises(InferenceServerException, match="UNIMPLEMENTED"):
        client.get_model_config(ADDRESS)
    assert not [line for line in server.log if "trace" in line]


def test_requests_are_counted_and_logged_without_their_content(server: Served, client: Any, expected: Any) -> None:
    before = server.metric("hpi_requests_total")
    asked(client, request(client, expected[0]))
    assert server.metric("hpi_requests_total") == before + 1
    line = [line for line in server.log if line.get("route") == "grpc"][-1]
    assert line["code"] == 200
    assert set(line) == {"time", "level", "message", "plan", "route", "code", "seconds"}


def test_it_asks_for_the_token_takes_no_large_message_and_answers_what_is_under_way(
    folder: Path, expected: Any
) -> None:
    given, _ = expected
    bounds = ("--token-file", "token", "--max-body-mib", "4", "--drain-seconds", "1")
    with serving(folder, "plan.json", "--grpc-port", "0", *bounds) as server:
        client = triton.InferenceServerClient(address(server))
        token = {"authorization": "Bearer secret"}
        assert client.is_server_ready()
        with pytest.raises(InferenceServerException, match="no valid token"):
            client.get_model_metadata(ADDRESS)
        name = client.get_model_metadata(ADDRESS, headers=token).inputs[0].name
        large = np.zeros((64, *given.shape[1:]), np.float32)
        tensor = triton.InferInput(name, large.shape, "FP32")
        tensor.set_data_from_numpy(large)
        with pytest.raises(InferenceServerException, match="larger than max"):
            client.infer(ADDRESS, [tensor], headers=token)
        tensor = triton.InferInput(name, given.shape, "FP32")
        tensor.set_data_from_numpy(given)
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(client.infer, ADDRESS, [tensor], headers=token) for _ in range(20)]
            answers[0].result()
            server.process.send_signal(signal.SIGTERM)
            assert all(answer.result() is not None for answer in answers)
        assert server.process.wait(30) == 0
        client.close()


def test_a_port_that_is_taken_is_said(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = str(taken.getsockname()[1])
        command = [str(BIN / "hpi-serve"), "plan.json", "--port", "0", "--grpc-port", number]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert "name another port with --grpc-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_deadline_of_the_client_ends_its_request_alone(server: Served, client: Any, expected: Any) -> None:
    given, _ = expected
    large = np.repeat(given, 8, axis=0)
    tensor = triton.InferInput(client.get_model_metadata(ADDRESS).inputs[0].name, large.shape, "FP32")
    tensor.set_data_from_numpy(large)
    with pytest.raises(InferenceServerException, match=r"(?i)deadline"):
        client.infer(ADDRESS, [tensor], client_timeout=0.001)
    deadline = time.monotonic() + 10
    while server.metric("hpi_in_flight") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.infer(ADDRESS, [tensor]).get_response().model_name == ADDRESS
    assert server.process.poll() is None
