"""Two programs that do the same, one beside the other: a whole process for one input, one input at a time, memory."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peers import Program

OURS, PADDLEX = "ours", "paddlex"
_COLD = 4


def measured(commands: Mapping[str, Sequence[str]], fed: Path, rounds: int) -> dict[str, Any]:
    """Return seconds and memory of both programs, and the ratios, which are the medians over rounds.

    Args:
        commands: of the workers of both, which run once what is named behind, or serve without.
        fed: the input.
        rounds: in which both are asked in turn.
    """
    cold = {kind: [] for kind in commands}  # type: dict[str, list[float]]
    for _ in range(_COLD):
        for kind, command in commands.items():
            cold[kind].append(_seconds([*command, str(fed)]))
    programs = {kind: Program(kind, command) for kind, command in commands.items()}
    times = {kind: [] for kind in commands}  # type: dict[str, list[float]]
    for program in programs.values():
        program.start()
        program.ask([fed])
    for _ in range(rounds):
        for kind, program in programs.items():
            times[kind].append(program.ask([fed])["seconds"])
    for program in programs.values():
        program.stop()
    found: dict[str, Any] = {
        kind: {
            "cold_s": statistics.median(cold[kind]),
            "peak_mib": programs[kind].peak_mib,
            "steady_s": statistics.median(times[kind]),
        }
        for kind in commands
    }
    found["ratio"] = {
        "cold": _ratio(cold),
        "peak": programs[OURS].peak_mib / programs[PADDLEX].peak_mib,
        "steady": _ratio(times),
    }
    return found


def _ratio(times: Mapping[str, Sequence[float]]) -> float:
    return statistics.median(one / other for one, other in zip(times[OURS], times[PADDLEX], strict=True))


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return time.perf_counter() - started
