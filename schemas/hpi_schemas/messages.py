"""Messages of commands as lines on stderr: as people read them, or in JSON, for what collects logs."""

from __future__ import annotations

import os
import warnings

from hpi_schemas.cleaning import clean, clean_line

ERROR, WARNING, INFO = LEVELS = ("error", "warning", "info")
TEXT, JSON = FORMS = ("text", "json")
# What a process is told by its surroundings counts unless its command line says something else.
_set: dict[str, str] = {}
_ENVIRONMENT = {"log-level": ("HPI_LOG_LEVEL", LEVELS, INFO), "log-format": ("HPI_LOG_FORMAT", FORMS, TEXT)}
_MARK = f"{WARNING}: "


def configure(option: str, value: str) -> None:
    """Set ``log-level`` or ``log-format`` for this process and those that it starts."""
    _set[option] = value
    os.environ[_ENVIRONMENT[option][0]] = value


def leave_out_warnings() -> None:
    """Drop what libraries warn our own code of: somebody who runs a command can mend nothing of it."""
    warnings.filterwarnings("ignore", module="hpi_")


def line(name: str, message: str, level: str = "") -> str | None:
    """Return a message as it is written, None where nobody wants to see it.

    Args:
        name: of the command.
        message: what it says; one that is called a warning is one.
        level: ``error``, ``warning`` or ``info``; the last unless the message says something else.
    """
    level = level or (WARNING if message.startswith(_MARK) else INFO)
    if LEVELS.index(level) > LEVELS.index(_chosen("log-level")):
        return None
    if _chosen("log-format") == TEXT:
        return f"{clean_line(name)}: {clean(message)}\n"
    import json
    from datetime import datetime, timezone

    time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    told = {"time": time, "level": level, "command": name, "message": message.removeprefix(_MARK)}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _chosen(option: str) -> str:
    variable, allowed, usual = _ENVIRONMENT[option]
    found = _set.get(option) or os.environ.get(variable, usual)
    return found if found in allowed else usual
