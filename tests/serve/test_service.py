"""hpi-serve as people run it: what it takes, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_serve import listening
from support.classifying import lay_out, run

from serve.asking import ROUTE, Served, encoded, serving

Body = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("serve")
    lay_out(made)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with serving(folder, "plan.json", "--max-body-mib", "1") as found:
        yield found


@pytest.fixture
def body(folder: Path) -> Body:
    return {"image": encoded(folder / "pictures/a.png"), "visualize": False}


@pytest.fixture
def host(folder: Path) -> Iterator[str]:
    """A server of files on this machine, which is a private address."""

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write((folder / "pictures/a.png").read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_address[1]}"
        found.shutdown()


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- answers ---------------------------------------------------------------------------------------


def test_an_answer_is_the_record_of_hpi_run(server: Served, folder: Path, body: Body) -> None:
    record = json.loads(run(folder, "hpi-run", "plan.json", "--input", "pictures/a.png").stdout)
    reply = server.post(ROUTE, body)
    assert reply.status == 200
    assert reply.headers["X-HPI-Plan"] == record["plan"]
    named = zip(record["class_ids"], record["label_names"], record["scores"], strict=True)
    expected = [{"id": number, "name": name, "score": score} for number, name, score in named]
    assert reply.body["result"] == {"categories": expected}
    assert (reply.body["errorCode"], reply.body["errorMsg"]) == (0, "Success")


def test_a_setting_of_one_request_changes_no_other(server: Served, body: Body) -> None:
    both = [server.post(ROUTE, {**body, **settings}).body["result"]["categories"] for settings in ({"topk": 1}, {})]
    assert [len(found) for found in both] == [1, 2]
    assert both[0] == both[1][:1]


def test_a_setting_that_cannot_be_is_refused_in_words(server: Served, body: Body) -> None:
    reply = server.post(ROUTE, {**body, "topk": 0})
    assert reply.status == 422
    assert json.loads(reply.body["errorMsg"])[0]["loc"] == "body.topk"


def test_health_is_there_and_what_is_not_there_is_404(server: Served, body: Body) -> None:
    assert server.get("/health").body["errorMsg"] == "Healthy"
    assert server.get("/ready").body["ready"] is True
    for path in ("/ocr", "/other/image-classification", "/plan", "/"):
        assert server.post(path, body).status == 404


def test_a_picture_that_is_none_is_422_and_the_next_is_answered(server: Served, body: Body, folder: Path) -> None:
    (folder / "half.png").write_bytes((folder / "pictures/a.png").read_bytes()[:900])
    for data in ("", "AAAA", encoded(folder / "half.png"), encoded(folder / "plan.json"), "/etc/passwd"):
        reply = server.post(ROUTE, {**body, "image": data})
        assert reply.status == 422
        assert reply.body["errorMsg"].startswith("Invalid input file: ")
        assert server.post(ROUTE, body).status == 200


def test_a_request_that_is_too_large_is_413_whether_it_says_so_or_not(server: Served, body: Body) -> None:
    assert server.post(ROUTE, b"x" * (1 << 20) + b"x").status == 413
    connection = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    connection.sendall(f"POST {ROUTE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with connection:
        for _ in range(17):
            connection.sendall(piece)
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert server.post(ROUTE, body).status == 200


def test_a_line_of_the_log_says_of_a_request_what_it_was_and_nothing_of_its_content(server: Served, body: Body) -> None:
    log_id = server.post(ROUTE, body).body["logId"]
    until(lambda: any(line.get("log_id") == log_id for line in server.log))
    (line,) = (line for line in server.log if line.get("log_id") == log_id)
    assert (line["plan"], line["route"], line["code"]) == ("plan", ROUTE, 200)
    assert {*line} == {"time", "level", "message", "plan", "route", "bytes", "log_id", "code", "seconds"}


def test_metrics_count_requests_stages_and_batches(server: Served, body: Body) -> None:
    before = server.metric("hpi_requests_total")
    server.post(ROUTE, body)
    assert server.metric("hpi_requests_total") == before + 1
    text = server.get("/metrics").body
    for name in ("hpi_stage_seconds_bucket", "hpi_batch_size_sum", "hpi_queue_seconds_count", "hpi_plan_info"):
        assert name in text
    assert 'stage="SubModules.ImageClassification",step="inference"' in text


# -- documents -------------------------------------------------------------------------------------


def test_a_picture_of_many_pages_is_no_picture_and_a_pdf_neither(server: Served, body: Body, folder: Path) -> None:
    page = np.full((40, 60, 3), 255, np.uint8)
    done, pages = cv2.imencodemulti(".tif", [page, page])
    assert done
    (folder / "two.tif").write_bytes(pages.tobytes())
    (folder / "no.pdf").write_bytes(b"%PDF-1.4\n")
    for name, said in (("two.tif", "pages"), ("no.pdf", "PDF")):
        reply = server.post(ROUTE, {**body, "image": encoded(folder / name)})
        assert (reply.status, said in reply.body["errorMsg"]) == (422, True)


# -- URLs ------------------------------------------------------------------------------------------


def test_a_url_of_a_private_address_is_fetched_only_where_the_server_was_told(
    server: Served, body: Body, folder: Path, host: str
) -> None:
    reply = server.post(ROUTE, {**body, "image": f"{host}/a.png"})
    assert reply.status == 422
    assert "is a private address" in reply.body["errorMsg"]
    with serving(folder, "plan.json", "--allow-private-urls") as other:
        assert other.post(ROUTE, {**body, "image": f"{host}/a.png"}).status == 200
        # And no file of the server's, however it is called.
        for path in ("file:///etc/hostname", str(folder / "pictures/a.png"), "pictures/a.png"):
            assert other.post(ROUTE, {**body, "image": path}).status == 422


# -- load ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan whose pictures take a while: each is large, and has to be decoded."""
    made = tmp_path_factory.mktemp("slow")
    lay_out(made)
    noise = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), np.uint8)
    cv2.imwrite(str(made / "large.png"), noise)
    return made


def test_more_requests_than_may_wait_get_503_and_are_told_to_come_back(slow: Path) -> None:
    body = {"image": encoded(slow / "large.png"), "visualize": False}
    with serving(slow, "plan.json", "--workers", "1", "--max-waiting", "2") as server, ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda _: server.post(ROUTE, body), range(10)))
        statuses = {reply.status for reply in replies}
        assert statuses == {200, 503}
        assert {reply.headers["Retry-After"] for reply in replies if reply.status == 503} == {"1"}
        assert server.post(ROUTE, body).status == 200
        assert server.metric("hpi_rejected_total") == sum(reply.status == 503 for reply in replies)


def test_requests_of_clients_who_left_are_not_run(slow: Path) -> None:
    data = json.dumps({"image": encoded(slow / "large.png"), "visualize": False}).encode()
    head = f"POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    with serving(slow, "plan.json", "--workers", "1") as server:
        assert server.post(ROUTE, data).status == 200
        done = server.metric("hpi_batch_size_count")
        for _ in range(8):
            with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
                connection.sendall(head.encode() + data)
                # Until it waits for its turn, or has it.
                until(lambda: server.metric("hpi_in_flight") > 0)
        assert server.post(ROUTE, data).status == 200
        until(lambda: server.metric("hpi_cancelled_total") == 8)
        # One may have been at it, and one more had begun to be read.
        assert server.metric("hpi_batch_size_count") - done <= 3


def test_what_clients_who_left_wanted_from_elsewhere_is_fetched_no_further(slow: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
        serving(slow, "plan.json", "--allow-private-urls") as server,
    ):
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/picture.png"
        data = json.dumps({"image": url}).encode()
        head = f"POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
            connection.sendall(head.encode() + data)
            fetching, _ = elsewhere.accept()
            assert fetching.recv(1000).startswith(b"GET /picture.png")
        fetching.settimeout(10)
        # It hangs up, long before its time is over.
        assert fetching.recv(1000) == b""
        fetching.close()
        until(lambda: server.metric("hpi_cancelled_total") == 1)


def test_a_request_that_takes_too_long_gets_504(slow: Path) -> None:
    body = {"image": encoded(slow / "large.png"), "visualize": False}
    with serving(slow, "plan.json", "--workers", "1", "--request-seconds", "1") as server:
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda _: _status(server, body), range(16)))
        assert 504 in replies
        assert set(replies) <= {200, 504}
        assert server.post(ROUTE, body).status == 200


def _status(server: Served, body: Body) -> int:
    """Return the status of an answer; who is still sending when its time is up may find the connection closed."""
    try:
        return server.post(ROUTE, body).status
    except urllib.error.URLError as fault:
        assert isinstance(fault.reason, BrokenPipeError), fault
        return 504


# -- tokens ----------------------------------------------------------------------------------------


def test_with_a_token_only_those_who_bring_it_are_answered(folder: Path, body: Body) -> None:
    (folder / "token").write_text("sesame\n")
    with serving(folder, "plan.json", "--token-file", "token") as server:
        for headers in (
            {},
            {"Authorization": "Bearer open"},
            {"Authorization": "sesame"},
            {"Authorization": "Bearer "},
        ):
            reply = server.post(ROUTE, body, headers)
            assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert server.get("/metrics", headers).status == 401
            assert server.get("/v2", headers).status == 401
        assert server.get("/health").status == server.get("/ready").status == 200
        assert server.post(ROUTE, body, {"Authorization": "Bearer sesame"}).status == 200
        assert "sesame" not in json.dumps(server.log)


# -- life ------------------------------------------------------------------------------------------


def test_on_sigterm_it_answers_but_is_not_ready_and_then_ends_with_everything_answered(
    folder: Path, body: Body
) -> None:
    with serving(folder, "plan.json", "--drain-seconds", "2") as server:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.get("/ready").status == 503)
        reply = server.post(ROUTE, body)
        assert (reply.status, reply.headers["Connection"]) == (200, "close")
        assert server.get("/v2").headers["Connection"] == "close"
        assert server.post("/v2/models/nothing/infer", {}).headers["Connection"] == "close"
        assert server.get("/health").status == 200
        assert server.process.wait(20) == 0
        assert server.log[-1]["level"] == "info"


def test_what_is_under_way_when_it_ends_is_answered(slow: Path) -> None:
    body = {"image": encoded(slow / "large.png"), "visualize": False}
    with (
        serving(slow, "plan.json", "--workers", "1", "--drain-seconds", "0") as server,
        ThreadPoolExecutor(6) as pool,
    ):
        asked = [pool.submit(server.post, ROUTE, body) for _ in range(6)]
        until(lambda: server.metric("hpi_in_flight") > 5)
        server.process.send_signal(signal.SIGTERM)
        assert [each.result().status for each in asked] == [200] * 6
        assert server.process.wait(20) == 0


def test_on_sighup_the_new_plan_is_served_and_a_bad_one_is_not(folder: Path, body: Body, tmp_path: Path) -> None:
    for name in ("model", "pipeline.yaml", "plan.json"):
        source = folder / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    with serving(tmp_path, "plan.json") as server:
        first = server.post(ROUTE, body)
        plan = (tmp_path / "plan.json").read_text()
        (tmp_path / "plan.json").write_text(plan.replace('"topk": 2', '"topk": 1'))
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.post(ROUTE, body).headers["X-HPI-Plan"] != first.headers["X-HPI-Plan"])
        second = server.post(ROUTE, body)
        assert len(second.body["result"]["categories"]) == 1
        (tmp_path / "plan.json").write_text(plan[:-20])
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log[-1]["level"] == "error" or any(line["level"] == "error" for line in server.log))
        assert server.post(ROUTE, body).headers["X-HPI-Plan"] == second.headers["X-HPI-Plan"]
        assert server.metric("hpi_plan_info") == 1


def test_several_plans_are_asked_by_the_names_of_their_files(folder: Path, body: Body) -> None:
    text = (folder / "plan.json").read_text().replace('"topk": 2', '"topk": 1')
    (folder / "one.json").write_text(text)
    with serving(folder, "plan.json", "one.json") as server:
        paths = (ROUTE, f"/plan{ROUTE}", f"/one{ROUTE}")
        counts = [len(server.post(path, body).body["result"]["categories"]) for path in paths]
        assert counts == [2, 2, 1]
        assert {*server.get("/ready").body["plans"]} == {"plan", "one"}


def test_options_may_be_environment_variables(folder: Path, body: Body) -> None:
    (folder / "token").write_text("sesame")
    given = {"HPI_SERVE_PLANS": "plan.json", "HPI_SERVE_TOKEN_FILE": "token", "HPI_SERVE_STRICT": "true"}
    with serving(folder, environment={**os.environ, **given}) as server:
        assert server.post(ROUTE, body).status == 401


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "name a plan to serve"),
        (["none.json"], 2, "none.json"),
        (["pipeline.yaml"], 2, "pipeline.yaml"),
        (["plan.json", "plan.json"], 2, "another plan is called `plan` too"),
        (["plan.json", "--port", "70000"], 2, "must be a number from 0 to 65535"),
        (["plan.json", "--host", "192.0.2.1"], 2, "nothing can listen on 192.0.2.1 port 0"),
        (["plan.json", "--token-file", "none"], 2, "--token-file: none"),
        (["plan.json", "--workers", "0"], 2, "must be a whole number from 1"),
        (["plan.json", "--root", "nowhere"], 3, "looked in nowhere/model"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_served_is_said_at_once(folder: Path, arguments: list[str], code: int, said: str) -> None:
    port = [] if "--port" in arguments else ["--port", "0"]
    done = run(folder, "hpi-serve", *arguments, *port)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_are_sent_at_once(host: str) -> None:
    # asyncio does so on sockets that name their protocol; others wait 40 ms for an acknowledgement.
    with listening.bind(host, 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_said(folder: Path, server: Served) -> None:
    done = run(folder, "hpi-serve", "plan.json", "--port", server.url.rpartition(":")[2])
    assert (done.returncode, "Address already in use" in done.stderr) == (2, True)


def test_interrupting_it_ends_it_quietly(folder: Path) -> None:
    with serving(folder, "plan.json") as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
        assert all(line["level"] == "info" for line in server.log)


def test_a_wrong_variable_is_said_by_its_name(folder: Path) -> None:
    environment = {**os.environ, "HPI_SERVE_STRICT": "perhaps"}
    done = run(folder, "hpi-serve", "plan.json", env=environment)
    assert (done.returncode, "HPI_SERVE_STRICT must be true or false, not 'perhaps'" in done.stderr) == (2, True)


# -- shadows ---------------------------------------------------------------------------------------


def test_a_shadow_runs_a_share_and_tells_how_far_it_agrees(folder: Path, body: Body) -> None:
    text = (folder / "plan.json").read_text().replace('"topk": 2', '"topk": 1')
    (folder / "one.json").write_text(text)
    with serving(folder, "plan.json", "--shadow", "one.json", "--shadow-share", "50") as server:
        for _ in range(10):
            assert len(server.post(ROUTE, body).body["result"]["categories"]) == 2
            # One at a time: what comes meanwhile is passed over.
            time.sleep(0.1)
        until(lambda: server.metric("hpi_shadow_requests_total") == 5)
        compared = server.metric("hpi_shadow_requests_total")
        # What counts is the best class, and that is the same.
        until(lambda: server.metric("hpi_shadow_all_total") == 5)
        assert server.metric("hpi_shadow_same_total") == 5
        assert server.post(ROUTE, {**body, "topk": 1}).status == 200
        assert server.metric("hpi_shadow_requests_total") == compared


def test_a_shadow_of_another_pipeline_is_refused(folder: Path, models: Path) -> None:
    other = Path(__file__).parents[2] / "examples/ocr/plan.json"
    done = run(folder, "hpi-serve", "plan.json", "--shadow", str(other), "--port", "0")
    assert (done.returncode, "their results cannot be compared" in done.stderr) == (2, True)


def test_a_shadow_that_says_otherwise_is_counted_and_answers_nothing(folder: Path, body: Body, tmp_path: Path) -> None:
    lay_out(tmp_path)
    config = tmp_path / "model/inference.yml"
    # The same model, which sees the negative of each picture.
    config.write_text(config.read_text().replace("0.25", "-0.25"))
    done = run(tmp_path, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "other.json")
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder / "model", tmp_path / "usual/model", ignore=shutil.ignore_patterns(".cache"))
    shutil.copy(folder / "plan.json", tmp_path / "usual/plan.json")
    shutil.move(tmp_path / "model", tmp_path / "usual/negative")
    text = (tmp_path / "other.json").read_text().replace('"dir": "model"', '"dir": "negative"')
    (tmp_path / "usual/other.json").write_text(text)
    expected = json.loads(
        run(tmp_path / "usual", "hpi-run", "plan.json", "--input", str(folder / "pictures/a.png")).stdout
    )
    other = json.loads(
        run(tmp_path / "usual", "hpi-run", "other.json", "--input", str(folder / "pictures/a.png")).stdout
    )
    assert expected["class_ids"][0] != other["class_ids"][0]
    with serving(tmp_path / "usual", "plan.json", "--shadow", "other.json", "--shadow-share", "100") as server:
        found = server.post(ROUTE, body).body["result"]["categories"]
        assert [item["id"] for item in found] == expected["class_ids"]
        until(lambda: server.metric("hpi_shadow_all_total") == 1)
        assert server.metric("hpi_shadow_same_total") == 0


# -- hostile requests ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/ocr", "/nothing", ROUTE])
def test_other_methods_and_paths_are_answered_as_paddlex_does(server: Served, method: str, path: str) -> None:
    reply = server.ask(method, path)
    assert reply.status in (404, 405)
    assert {*reply.body} == {"logId", "errorCode", "errorMsg"}


def test_a_list_of_many_wrong_elements_is_one_error(server: Served, body: Body) -> None:
    reply = server.post(ROUTE, {**body, "topk": ["x"] * 100_000})
    assert (reply.status, "more than 1,000 elements" in reply.body["errorMsg"]) == (422, True)


def test_a_long_log_id_is_cut(server: Served, body: Body) -> None:
    reply = server.post(ROUTE, {**body, "logId": "x" * 100_000})
    assert reply.body["logId"] == "x" * 128


@pytest.mark.parametrize("url", ["http://[", "http://[x]/", "http://\u2100.com/", "http://host:99999999999999999999/"])
def test_what_is_no_url_is_422(server: Served, body: Body, url: str) -> None:
    assert server.post(ROUTE, {**body, "image": url}).status == 422


def test_a_deep_request_is_422_and_the_next_is_answered(server: Served, body: Body) -> None:
    for depth in (500, 100_000):
        nested = b"[" * depth + b"]" * depth
        assert server.post(ROUTE, b'{"image": "AAAA", "outputFormats": ' + nested + b"}").status == 422
    assert server.post(ROUTE, body).status == 200


def test_metrics_are_told_while_the_server_is_full(slow: Path) -> None:
    body = {"image": encoded(slow / "large.png"), "visualize": False}
    with serving(slow, "plan.json", "--workers", "1", "--max-waiting", "1") as server, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.post, ROUTE, body) for _ in range(4)]
        for _ in range(5):
            assert server.get("/metrics").status == server.get("/v2").status == 200
        assert {each.result().status for each in asked} <= {200, 503}


def test_two_reloads_at_once_end_with_the_last_plan(folder: Path, body: Body, tmp_path: Path) -> None:
    shutil.copytree(folder / "model", tmp_path / "model", ignore=shutil.ignore_patterns(".cache"))
    plan = (folder / "plan.json").read_text()
    (tmp_path / "plan.json").write_text(plan)
    with serving(tmp_path, "plan.json") as server:
        for count in (1, 2, 1):
            (tmp_path / "plan.json").write_text(plan.replace('"topk": 2', f'"topk": {count}'))
            server.process.send_signal(signal.SIGHUP)
        until(lambda: len(server.post(ROUTE, body).body["result"]["categories"]) == 1)
        assert server.metric("hpi_plan_info") == 1
