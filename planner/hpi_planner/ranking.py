"""Reading PaddleX's rankings: which table holds for a target, and what an entry stands for."""

from __future__ import annotations

from hpi_schemas.target import Target

from hpi_planner import knowledge


def backend_of(entry: str) -> str:
    """Return the backend of a ranked entry: ``paddle_mkldnn`` is one of ``paddle``."""
    return entry.partition("_")[0]


def run_mode(entry: str) -> str | None:
    """Return the run mode that a ranked entry of Paddle stands for, None for other backends."""
    return {"paddle": "paddle", "paddle_mkldnn": "mkldnn", "paddle_tensorrt": "trt_fp32"}.get(entry)


def environment(kind: str, target: Target) -> tuple[str | None, bool]:
    """Return the nearest measured environment, and whether it is the very one."""
    if kind == "cpu":
        return "cpu_x64", target.arch == "x86_64"
    if kind == "gpu":
        major = (target.cuda or "").partition(".")[0]
        return ("gpu_cuda11", True) if major == "11" else ("gpu_cuda12", major == "12")
    return None, False


def table(paddle: str | None) -> str:
    """Return PaddleX's table for a version of Paddle: 3.0's for 3.0 and older, else the newest."""
    if paddle is None:
        return knowledge.NEWEST_TABLE
    major, minor = (int(part) if part.isdecimal() else 0 for part in (*paddle.split("."), "0")[:2])
    return "paddle30" if (major, minor) <= (3, 0) else knowledge.NEWEST_TABLE
