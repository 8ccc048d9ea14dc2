"""Asks a server for the lines of a picture or PDF: ``python docs/ask.py localhost:8080 FILE``."""

import base64
import json
import sys
import urllib.request
from pathlib import Path

host, name = sys.argv[1:]
body = {
    "file": base64.b64encode(Path(name).read_bytes()).decode(),
    "fileType": 0 if name.lower().endswith(".pdf") else 1,
    "visualize": False,
}
request = urllib.request.Request(f"http://{host}/ocr", json.dumps(body).encode(), {"Content-Type": "application/json"})
with urllib.request.urlopen(request) as reply:  # noqa: S310
    for page in json.load(reply)["result"]["ocrResults"]:
        sys.stdout.write("".join(f"{text}\n" for text in page["prunedResult"]["rec_texts"]))
