"""The host of a plan: whose code runs the pipeline, and the whole configuration that it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class HostRecord:
    """What runs a pipeline around the engines of the plan.

    Attributes:
        name: of the host, such as ``paddlex``.
        version: of its package that the plan was made for; no other one runs it.
        pipeline: its own configuration, complete: nothing is read from a YAML at run time. What chooses engines or
            looks like a credential is left out, and so are members that the pipeline does not use. The folders of the
            plan's models are those of their modules.
    """

    name: str
    version: str
    pipeline: Mapping[str, Any]


def read(data: Mapping[str, Any]) -> HostRecord:
    """Read a host from plain JSON values."""
    return HostRecord(data["name"], data["version"], data["pipeline"])


def write(record: HostRecord) -> dict[str, Any]:
    """Return a host as plain JSON values."""
    return {**vars(record), "pipeline": dict(record.pipeline)}
