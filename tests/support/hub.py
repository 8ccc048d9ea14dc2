"""An endpoint on this machine that speaks as Hugging Face's does, as far as fetching a repository takes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories by name, each a folder.

    Attributes:
        url: of the endpoint.
        asked: the paths of requests, in order.
        broken: files that break off after so many bytes, by name, each once.
    """

    def __init__(self, url: str, folders: Mapping[str, Path]) -> None:
        self.url = url
        self.folders = dict(folders)
        self.asked: list[str] = []
        self.broken: dict[str, int] = {}


@contextmanager
def hub(folders: Mapping[str, Path]) -> Iterator[Hub]:
    """Serve folders as repositories."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append(f"{self.command} {self.path}")
            info = re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/[^/?]+)?(\?.*)?", self.path)
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", self.path)
            tree = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/[^/?]+(\?.*)?", self.path)
            if tree is not None and tree[1] in found.folders:
                self._json(self._tree(found.folders[tree[1]]))
            elif info is not None and info[1] in found.folders:
                self._json(self._info(info[1], found.folders[info[1]]))
            elif file is not None and (path := found.folders.get(file[1], Path("/nowhere")) / file[2]).is_file():
                self._file(path, file[2])
            else:
                self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

        do_HEAD = do_GET

        def _info(self, name: str, folder: Path) -> Any:
            siblings = [{"rfilename": item["path"]} for item in self._tree(folder)]
            return {"_id": "1", "id": name, "modelId": name, "sha": REVISION, "siblings": siblings}

        def _tree(self, folder: Path) -> list[dict[str, Any]]:
            shown = [path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
            names = {path.relative_to(folder).as_posix(): path for path in shown}
            return [
                {"type": "file", "oid": REVISION, "path": name, "size": names[name].stat().st_size}
                for name in sorted(names)
                if not name.startswith(".")
            ]

        def _json(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
            self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

        def _file(self, path: Path, name: str) -> None:
            data = path.read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": REVISION}
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(wanted[1]) if wanted else 0
            if wanted:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            end = found.broken.pop(name, None) if self.command == "GET" else None
            self._send(data[start:], 206 if wanted else 200, headers, end)

        def _send(self, data: bytes, status: int, headers: Mapping[str, str], end: int | None = None) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data[:end])
                if end is not None:
                    self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Hub(f"http://127.0.0.1:{server.server_address[1]}", folders)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()
