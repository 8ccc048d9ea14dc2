"""What a server says on stderr: a line a request, without what it is about, and what else happens."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any

from hpi_schemas.cleaning import clean_line

LOG = logging.getLogger("hpi_serve")
_JSON = "json"


def begin(name: str, level: str, form: str | None) -> None:
    """Write what is logged to stderr.

    Args:
        name: of the command.
        level: from which on things are written, such as ``info``.
        form: ``json`` or ``text``; None takes text where stderr is a terminal.
    """
    is_json = form == _JSON or (form is None and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if is_json else _Text(name))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    # What it says at other times is said here, or is of no use to anybody.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class _Text(logging.Formatter):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        request = getattr(record, "request", None)
        if request is not None:
            message = " ".join(f"{key}={_quoted(value)}" for key, value in request.items() if value != "")
        mark = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{self._name}: {mark}{clean_line(message)}{trace}"


def _quoted(value: Any) -> str:
    """Return a value so that nobody takes a part of it for another."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(' "=') else text
