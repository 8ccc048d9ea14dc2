"""Running a prepare step as a process of its own, whose words are kept."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from hpi_schemas import children
from hpi_schemas.canonical import JsonError, dumps, loads

from hpi_runtime.errors import PrepareError
from hpi_runtime.prepare.child import RESULT
from hpi_runtime.prepare.steps import Job
from hpi_runtime.progress import LOG, going_on

_CHILD = "hpi_runtime.prepare.child"
_POLL_SECONDS = 0.05
_FULL = 1 << 20
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What a traceback shows of code: its places, and indented lines.
_CODE = re.compile(r"\s+\S|Traceback ")


def run(job: Job, title: str, log: Path) -> Mapping[str, Any]:
    """Run a step and return what it tells of its result.

    Args:
        job: what to do; the folder of ``job.out`` is there.
        title: what is being made, for people.
        log: takes everything that the step prints.

    Raises:
        PrepareError: it failed, or made nothing.
    """
    given = {"device": str(job.device), "files": list(map(str, job.files)), "options": job.options, "step": job.step}
    places = {"folder": str(job.folder), "out": str(job.out)}
    command = children.command(_CHILD, dumps({**given, **places, "parent": os.getpid()}))
    with _fresh(log) as stream, going_on(title) as remind:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)  # noqa: S603 (our own module)
        try:
            while child.poll() is None:
                remind()
                time.sleep(_POLL_SECONDS)
        finally:
            # Only after an interrupt is it still there.
            child.kill()
            child.wait()
    if child.returncode != 0:
        reason = f"{_end(child.returncode)}{_last_line(log)}{_disk(log.parent)}"
        raise PrepareError(f"{title} failed: {reason}; its log is {log}")
    if not job.out.is_file():
        raise PrepareError(f"{title} made no {job.out.name}; its log is {log}")
    found = _result(job.out.parent / RESULT)
    if "warning" in found:
        LOG.warning("%s: %s", title, found["warning"])
    return found


def _fresh(log: Path) -> BinaryIO:
    """Open a new file in the place of whatever is there: through a link, another would be written over."""
    if os.path.lexists(log):
        log.rename(log.with_name(f"{log.name}.old-{os.urandom(4).hex()}")) if log.is_dir() else log.unlink()
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "wb")


def _result(path: Path) -> Mapping[str, Any]:
    try:
        found = loads(path.read_bytes())
    except (OSError, JsonError):
        found = {}
    path.unlink(missing_ok=True)
    return found if isinstance(found, dict) else {}


def _end(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _disk(folder: Path) -> str:
    """Return a remark where the disk is full: not even the log says so then."""
    return "; no space is left on its disk" if shutil.disk_usage(folder).free < _FULL else ""


def _last_line(log: Path) -> str:
    """Return the last line that says something, without colours.

    A step that ends in a traceback says it in the last of its lines, and the lines of code in it say nothing.
    """
    lines = _COLOUR.sub("", log.read_text(errors="replace")).splitlines()
    told = (line.strip() for line in reversed(lines) if any(map(str.isalnum, line)) and not _CODE.match(line))
    line = next(told, "")
    return f": {line}" if line else ""
