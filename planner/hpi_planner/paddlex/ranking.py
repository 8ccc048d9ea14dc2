"""Reading PaddleX's rankings: which table holds for a target, and what an entry stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hpi_schemas.target import Target

from hpi_planner import knowledge

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def backend_of(entry: str) -> str:
    """Return the backend of a ranked entry: ``paddle_mkldnn`` is one of ``paddle``."""
    return entry.partition("_")[0]


def run_mode(entry: str) -> str | None:
    """Return the run mode that a ranked entry of Paddle stands for, None for other backends."""
    return {"paddle": "paddle", "paddle_mkldnn": "mkldnn", "paddle_tensorrt": "trt_fp32"}.get(entry)


def usable(entries: Iterable[str], reasons: Mapping[str, str | None]) -> list[str]:
    """Return the entries of backends against which there is no reason."""
    return [entry for entry in entries if reasons[backend_of(entry)] is None]


class NoRankingError(Exception):
    """PaddleX has no prior knowledge for a target, nor for one near enough; the message says why."""


def environment(kind: str, target: Target) -> tuple[str | None, bool]:
    """Return the nearest measured environment, and whether it is the very one.

    Raises:
        NoRankingError: no environment is near.
    """
    if kind == "cpu":
        if target.arch not in ("x86_64", "aarch64"):
            raise NoRankingError(f"the architecture `{target.arch}` is neither x86_64 nor aarch64")
        return "cpu_x64", target.arch == "x86_64"
    if kind == "gpu":
        major = (target.cuda or "").partition(".")[0]
        if not major.isdecimal() or int(major) < 11:
            raise NoRankingError(f"the target's CUDA version is {target.cuda or 'not known'}; 11 or later is ranked")
        return ("gpu_cuda11", True) if major == "11" else ("gpu_cuda12", major == "12")
    return None, False


def table(paddle: str | None) -> tuple[str, bool]:
    """Return PaddleX's table for a version of Paddle, and whether it is the very one.

    PaddleX has tables for 3.0.0 and for 3.1 and later; without Paddle the newest counts.

    Raises:
        NoRankingError: a version before 3.0.0, or a build of a development branch.
    """
    if paddle is None:
        return knowledge.NEWEST_TABLE, True
    found = _VERSION.match(paddle)
    major, minor, patch = (int(part) for part in found.groups()) if found else (0, 0, 0)
    if (major, minor) >= (3, 1):
        return knowledge.NEWEST_TABLE, True
    if (major, minor) == (3, 0) and _VERSION.fullmatch(paddle):
        return "paddle30", patch == 0
    raise NoRankingError(f"Paddle {paddle} is no release from 3.0.0 on")
