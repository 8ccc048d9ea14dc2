"""A server as a process of the installed command, and what asks it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from hpi_runtime import load_plan
from hpi_runtime.run.native import NativePipeline
from support.classifying import ADDRESS, BIN

ROUTE = "/image-classification"
_PATIENCE = 60.0


class Reply(NamedTuple):
    """An answer: its status, its JSON and its headers."""

    status: int
    body: Any
    headers: Message[str, str]


class Served:
    """A server that is ready."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.url = self._until(r"listens on (http://\S+?)\"")
        self._until('"message": "ready"')

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def _until(self, pattern: str) -> str:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            text = self._log.read_text()
            found = re.search(pattern, text)
            if found is not None:
                return found[found.re.groups]
            assert self.process.poll() is None, text
            time.sleep(0.02)
        raise AssertionError(self._log.read_text())

    def post(self, path: str, body: Any, headers: Mapping[str, str] = MappingProxyType({})) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **headers}
        return self._open(urllib.request.Request(self.url + path, data, given))

    def get(self, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Reply:
        return self._open(urllib.request.Request(self.url + path, headers=dict(headers)))

    def ask(self, method: str, path: str) -> Reply:
        return self._open(urllib.request.Request(self.url + path, method=method))

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = self.get("/metrics").body
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}(\{{| )", line))

    @staticmethod
    def _open(request: urllib.request.Request) -> Reply:
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as reply:
                return _reply(reply.status, reply.read(), reply.headers)
        except urllib.error.HTTPError as fault:
            return _reply(fault.code, fault.read(), fault.headers)


def _reply(status: int, data: bytes, headers: Message[str, str]) -> Reply:
    is_json = headers.get("Content-Type") == "application/json"
    return Reply(status, json.loads(data) if is_json else data.decode(), headers)


@contextmanager
def serving(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve with the installed command, on a port of its own."""
    log = folder / "serve.log"
    with log.open("w") as stream:
        command = [str(BIN / "hpi-serve"), *arguments, "--port", "0"]
        process = subprocess.Popen(command, cwd=folder, stderr=stream, stdout=stream, text=True, env=environment)
    try:
        yield Served(process, log)
    finally:
        process.kill()
        process.wait()


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def run_by_engine(folder: Path, count: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a batch of tensors for the model of a folder's plan, and what the engine makes of them."""
    with load_plan(folder / "plan.json") as pipeline:
        assert isinstance(pipeline, NativePipeline)
        (tensor,) = pipeline.engines[ADDRESS].inputs
        shape = [count if size is None and not place else size or 64 for place, size in enumerate(tensor.shape)]
        given = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        return given, pipeline.engines[ADDRESS].run({tensor.name: given})
