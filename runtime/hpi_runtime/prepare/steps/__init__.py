"""Prepare steps: one file each, which runs in a process of its own.

A step's module has ``TOOLS``, the packages that it needs and that its result depends on; ``HARDWARE``, whether
the result also depends on the processor or GPU; and ``run(job)``, which writes ``job.out`` and returns what is worth
recording.
Importing it imports none of those packages.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from hpi_schemas.device import Device


class Tool(NamedTuple):
    """A package that a step needs.

    Attributes:
        distributions: the names under which it may be installed.
        extra: the extra of hpi-plan that brings it.
    """

    distributions: tuple[str, ...]
    extra: str


PADDLE = Tool(("paddlepaddle", "paddlepaddle-gpu"), "paddle")
TENSORRT = Tool(("tensorrt", "tensorrt-cu13", "tensorrt-cu12"), "tensorrt")


@dataclass(frozen=True)
class Job:
    """What a step is to do.

    Attributes:
        step: its name.
        options: as in the plan.
        device: that the engine will run on.
        files: what it starts from, program first; absolute.
        folder: of the model, by which its caches are found.
        out: what it makes; other files of the result stand beside it. The folder lies in the cache, so what is in
            the folder above it outlives the build.
    """

    step: str
    options: dict[str, Any]
    device: Device
    files: tuple[Path, ...]
    folder: Path
    out: Path


class Step(Protocol):
    """The module of a step."""

    TOOLS: tuple[Tool, ...]
    HARDWARE: bool

    def run(self, job: Job) -> dict[str, Any]:
        """Make ``job.out``.

        Returns:
            Plain JSON values for the artefact's record, such as what was measured.

        Raises:
            Exception: it cannot be made; the message is for people.
        """


def find(name: str) -> Step | None:
    """Return the module of a step, or None for an unknown one."""
    if not name.isidentifier() or importlib.util.find_spec(f"{__name__}.{name}") is None:
        return None
    # A module is a Step by what is in it.
    return cast("Step", importlib.import_module(f"{__name__}.{name}"))
