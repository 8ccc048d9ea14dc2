"""What is known of a model, and in what it contradicts its task."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas.tasks.binding import Tensors

CONFIG = "inference.yml"
# What a contradiction is about: the place in the YAML that it is shown at.
MODEL, BATCH = "model", "batch_size"


@dataclass(frozen=True)
class Facts:
    """What is known of a model.

    Attributes:
        inputs, outputs: in order; empty where its file does not tell.
        processing: as ``processing`` returns it; None where it is not known.
        settings: the plan's, of the module.
        batch_size: pictures that a run takes at most.
        files: names of those beside the model that are read with it; None where they are not known.
    """

    inputs: Tensors
    outputs: Tensors
    processing: Mapping[str, Any] | None
    settings: Mapping[str, Any]
    batch_size: int
    files: Collection[str] | None = None


@dataclass(frozen=True)
class Contradiction:
    """Something in which a model contradicts its task.

    Attributes:
        where: ``model``, ``batch_size``, or the name of a setting.
        message: what, for people.
        help: how to mend it, None if nobody knows.
    """

    where: str
    message: str
    help: str | None = None


def wrong(message: str, help: str | None = None) -> Contradiction:
    """Return what an ``inference.yml`` says wrongly; the message goes on from its name."""
    return Contradiction(MODEL, f"{CONFIG} {message}", help)
