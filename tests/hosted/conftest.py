"""PaddleX's environment, and a folder with every model and every input that its pipelines take."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hosted import documents, media, zoo

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-hosted/bin"
# What somebody who is kept from the network says, see ``offline``.
REACHED = "reached for the network"
PAGE, PHOTO = "page.png", "photo.png"


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """A folder with every model and every input."""
    if not (BIN / "hpi-run").is_file():
        pytest.skip("PaddleX's environment is not there; `make test` makes it")
    folder = tmp_path_factory.mktemp("hosted")
    zoo.lay_out(folder / "zoo", {**documents.makers(models), **media.MAKERS})
    zoo.classifier(folder / "other/PP-LCNet_x1_0_table_cls", ["wireless_table", "wired_table"])
    cv2.imwrite(str(folder / PAGE), page())
    noise = np.random.default_rng(1).integers(0, 255, (480, 480, 3), np.uint8)
    cv2.imwrite(str(folder / PHOTO), cv2.GaussianBlur(noise, (0, 0), 8))
    write_series(folder)
    media.write_video(folder / "video.mp4")
    media.write_surroundings(folder / "scene.tar")
    return folder


def page() -> np.ndarray:
    """A page with lines, a table, a formula and a seal, where the layout says."""
    picture = np.full((480, 480, 3), 255, np.uint8)
    black, red = (0, 0, 0), (0, 0, 255)
    for text, place in (("Some text here", (30, 65)), ("x=y", (330, 60)), ("A title", (210, 315))):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1, black, 2)
    for number, text in enumerate(("aa", "bb", "cc", "dd")):
        row, column = divmod(number, 2)
        place = (50 + 180 * column, 160 + 70 * row)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1, black, 2)
    cv2.rectangle(picture, (20, 110), (380, 260), black, 1)
    cv2.circle(picture, (110, 350), 60, red, 3)
    cv2.putText(picture, "SEAL", (75, 360), cv2.FONT_HERSHEY_SIMPLEX, 0.8, red, 2)
    return picture


def write_series(folder: Path) -> None:
    """Write series of a week and a half, by the hour."""
    moments = [f"2024-01-{1 + hour // 24:02d} {hour % 24:02d}:00:00" for hour in range(120)]
    waves = [(f"{np.sin(hour / 5) + 2:.4f}", f"{np.cos(hour / 7):.4f}") for hour in range(120)]
    past = [f"{moment},{first}" for moment, (first, _) in zip(moments, waves, strict=True)]
    unusual = [f"{moment},{first},{second}" for moment, (first, second) in zip(moments, waves, strict=True)]
    kind = [f"{hour},0,{waves[hour][0]}" for hour in range(96)]
    for name, lines in (
        ("past.csv", ["date,OT", *past]),
        ("unusual.csv", ["date,a,b", *unusual]),
        ("kind.csv", ["time,group_id,a", *kind]),
    ):
        (folder / name).write_text("\n".join(lines) + "\n")


def offline() -> dict[str, str]:
    """An environment in which a process that reaches for the network ends."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "tests/hosted/offline")}


def run(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [BIN / command, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=offline(), timeout=300
    )
    # Children of a library's own end quietly.
    assert REACHED not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Something that speaks as language models do, and always says the same; whoever has no key hears nothing."""

    class Speaker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({"object": "list", "data": [{"id": "m", "object": "model"}]})

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"])).decode()
            told = f"a text for {self.headers['authorization']}"
            if "END>>" in asked:
                # As whoever translates is asked to.
                told += "<<END>>"
            elif "who" in asked:
                told = json.dumps({"who": told})
            message = {"role": "assistant", "content": told}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            self._say({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})

        def _say(self, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *_: Any) -> None:
            """Say nothing of requests."""

    speaker = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
    threading.Thread(target=speaker.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{speaker.server_port}/v1"
    speaker.shutdown()
