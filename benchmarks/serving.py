"""hpi-serve beside ``paddlex --serve``: ``.venv/bin/python benchmarks/serving.py``.

Both run in ``.venv-hosted``, which `make test` makes, one after the other in each round, with the same YAML, models,
engine (ONNX Runtime) and threads. Beside them stands the Python API in a process of its own, to which a server adds
what it costs to be asked: JSON, base64, sockets.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import report
from hpi_runtime.bench.meter import peak_mib

HERE = Path(__file__).parent
ROOT = HERE.parent
BIN = ROOT / ".venv-hosted/bin"
ROUNDS = 3
THREADS = 2
CLIENTS = 16
BLANKS, PAGES, LEFT = 200, 24, 8
PIPELINE = f"""pipeline_name: OCR
text_type: general
use_doc_preprocessor: false
use_textline_orientation: false
engine: onnxruntime
engine_config: {{intra_op_num_threads: {THREADS}}}
SubModules:
  TextDetection:
    {{module_name: text_detection, model_name: PP-OCRv6_small_det, model_dir: PP-OCRv6_small_det,
      limit_side_len: 960, limit_type: max, thresh: 0.3, box_thresh: 0.5, unclip_ratio: 1.6}}
  TextRecognition:
    {{module_name: text_recognition, model_name: PP-OCRv6_small_rec, model_dir: PP-OCRv6_small_rec,
      batch_size: 6, score_thresh: 0.5}}
"""
PADDLEX, OURS, CHOSEN = "paddlex --serve", "hpi-serve", "hpi-serve, OpenVINO"
API = "Python API"
# The plan of each; PaddleX reads the YAML.
PLANS = {OURS: "plan.json", CHOSEN: "chosen.json"}
_TICKS = os.sysconf("SC_CLK_TCK")


class Server(NamedTuple):
    """One that is ready."""

    process: int
    port: int


def main() -> None:
    """Measure, and keep the figures."""
    options = report.arguments(__doc__, ROUNDS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _lay_out(folder)
        rounds = []
        for number in range(options.rounds):
            row: dict[str, Any] = {API: _alone(folder)}
            for name in (OURS, CHOSEN, PADDLEX) if number % 2 else (PADDLEX, CHOSEN, OURS):
                with _served(folder, name) as server:
                    row[name] = _asked(folder, server)
            rounds.append(row)
    names = (API, OURS, CHOSEN, PADDLEX)
    assert all(row[OURS]["texts"] == row[PADDLEX]["texts"] == row[API]["texts"] for row in rounds)
    found = {name: _medians([row[name] for row in rounds]) for name in names}
    kept = {"clients": CLIENTS, "rounds": options.rounds, "runs": found, "ratios": _ratios(rounds)}
    report.keep("serve", kept, options.output)
    print(json.dumps(kept, indent=1))


def _lay_out(folder: Path) -> None:
    for name in ("PP-OCRv6_small_det", "PP-OCRv6_small_rec"):
        shutil.copytree(ROOT / "examples/ocr/models" / name, folder / name, ignore=shutil.ignore_patterns(".cache"))
    (folder / "pipeline.yaml").write_text(PIPELINE)
    upright = cv2.rotate(np.asarray(cv2.imread(str(ROOT / "examples/ocr/receipt.jpg"))), cv2.ROTATE_90_COUNTERCLOCKWISE)
    cv2.imwrite(str(folder / "page.jpg"), upright)
    cv2.imwrite(str(folder / "blank.png"), np.full((64, 64, 3), 255, np.uint8))
    chosen = ("--engine", "hpi", "--engine_config", "{hpi: {auto_config: false, backend: openvino}}")
    for options, plan in (((), PLANS[OURS]), (chosen, PLANS[CHOSEN])):
        command = [BIN / "hpi-plan", "pipeline.yaml", *options, "--output", plan]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


@contextmanager
def _served(folder: Path, name: str) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    own: list[str | Path] = [
        BIN / "hpi-serve",
        PLANS.get(name, ""),
        "--port",
        str(port),
        "--drain-seconds",
        "0",
        "--log-level",
        "warning",
    ]
    theirs: list[str | Path] = [
        BIN / "paddlex",
        "--serve",
        "--pipeline",
        "pipeline.yaml",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command = own if name in PLANS else [*theirs, "--device", "cpu"]
    environment = {**os.environ, "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True"}
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        server = Server(process.pid, port)
        try:
            deadline = time.monotonic() + 60
            while True:
                with suppress(OSError, http.client.HTTPException):
                    if _post(server, _body(folder, "blank.png"))[0] == 200:
                        break
                assert time.monotonic() < deadline and process.poll() is None, name
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()


def _asked(folder: Path, server: Server) -> dict[str, Any]:
    page, blank = _body(folder, "page.jpg"), _body(folder, "blank.png")
    texts = json.loads(_post(server, page)[1])["result"]["ocrResults"][0]["prunedResult"]["rec_texts"]
    before = _cpu_seconds(server.process)
    _posts(server, [blank] * BLANKS, 1)
    spent = (_cpu_seconds(server.process) - before) / BLANKS
    began = time.perf_counter()
    _posts(server, [page] * (PAGES // 4), 1)
    alone = PAGES // 4 / (time.perf_counter() - began)
    with _health(server) as waits:
        began = time.perf_counter()
        _posts(server, [page] * PAGES, CLIENTS)
        together = PAGES / (time.perf_counter() - began)
    began = time.perf_counter()
    _posts(server, [blank] * BLANKS, CLIENTS)
    blanks = BLANKS / (time.perf_counter() - began)
    return {
        "texts": texts,
        "cpu_ms": spent * 1000,
        "one_client": alone,
        "clients": together,
        "blank_clients": blanks,
        "health_p99_ms": 1000 * float(np.percentile(waits, 99)),
        "after_left_ratio": _after_left(server, page) * alone,
        "peak_mib": _peak_mib(server.process),
    }


def _alone(folder: Path) -> dict[str, Any]:
    """Run the plan in a process of its own: no server."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); import serving; serving.run_alone({str(folder)!r})"
    done = subprocess.run([BIN / "python", "-c", code], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run_alone(place: str) -> None:
    """Print what the Python API takes for the same."""
    from hpi_runtime import load_plan

    folder = Path(place)
    blank, page = ((folder / name).read_bytes() for name in ("blank.png", "page.jpg"))
    with load_plan(folder / "plan.json") as pipeline:
        (result,) = pipeline.predict(page)
        list(pipeline.predict(blank))
        before = time.process_time()
        for _ in range(BLANKS):
            list(pipeline.predict(blank))
        spent = (time.process_time() - before) / BLANKS
        began = time.perf_counter()
        for _ in range(PAGES // 4):
            list(pipeline.predict(page))
        alone = PAGES // 4 / (time.perf_counter() - began)
        began = time.perf_counter()
        list(pipeline.predict([page] * PAGES))
        together = PAGES / (time.perf_counter() - began)
        began = time.perf_counter()
        list(pipeline.predict([blank] * BLANKS))
        blanks = BLANKS / (time.perf_counter() - began)
    told = {"texts": result["rec_texts"], "cpu_ms": spent * 1000, "one_client": alone, "clients": together}
    print(json.dumps({**told, "blank_clients": blanks, "peak_mib": peak_mib()}))


def _body(folder: Path, name: str) -> bytes:
    text = base64.b64encode((folder / name).read_bytes()).decode()
    return json.dumps({"file": text, "fileType": 1, "visualize": False}).encode()


def _post(server: Server, body: bytes, connection: http.client.HTTPConnection | None = None) -> tuple[int, bytes]:
    own = connection or http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    own.request("POST", "/ocr", body, {"Content-Type": "application/json"})
    reply = own.getresponse()
    return reply.status, reply.read()


def _posts(server: Server, bodies: Sequence[bytes], clients: int) -> None:
    """Ask from so many clients, each with a connection that it keeps."""
    own = threading.local()

    def ask(body: bytes) -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        assert _post(server, body, own.connection)[0] == 200

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, bodies))


@contextmanager
def _health(server: Server) -> Iterator[list[float]]:
    """Ask for the server's health ten times a second, and tell how long each answer took."""
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        while not done.wait(0.1):
            began = time.perf_counter()
            connection.request("GET", "/health")
            connection.getresponse().read()
            waits.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waits
    finally:
        done.set()
        thread.join()


def _after_left(server: Server, body: bytes) -> float:
    """Return the seconds of a request after clients that left without waiting for their answers."""
    head = f"POST /ocr HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(LEFT):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + body)
            time.sleep(0.02)
    began = time.perf_counter()
    _post(server, body)
    return time.perf_counter() - began


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _medians(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0] if key != "texts"}


def _ratios(rounds: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return what the bars are about, the median over rounds of the ratio within each."""

    def median(of: Any) -> float:
        return float(statistics.median(of(row) for row in rounds))

    return {
        "cpu_over_api_ms": median(lambda row: row[OURS]["cpu_ms"] - row[API]["cpu_ms"]),
        "paddlex_cpu_over_ours": median(lambda row: row[PADDLEX]["cpu_ms"] / row[OURS]["cpu_ms"]),
        "clients_to_list": median(lambda row: row[OURS]["clients"] / row[API]["clients"]),
        "clients_to_paddlex": median(lambda row: row[OURS]["clients"] / row[PADDLEX]["clients"]),
        "openvino_to_paddlex": median(lambda row: row[CHOSEN]["clients"] / row[PADDLEX]["clients"]),
        "blanks_to_paddlex": median(lambda row: row[OURS]["blank_clients"] / row[PADDLEX]["blank_clients"]),
    }


if __name__ == "__main__":
    main()
