"""What all tasks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Batch = np.ndarray[Any, np.dtype[np.float32]]
# What goes into a model or comes out of it, by role: what the task's contract calls it.
Arrays = Mapping[str, np.ndarray[Any, Any]]
# Scores beyond this are float32 noise.
SCORE_DECIMALS = 6
# Of half precision.
_ROUNDING = 0.01


class OutputError(ValueError):
    """A model's output that cannot be what its task makes of it; the message goes on from the output's name.

    Attributes:
        role: of the output.
    """

    def __init__(self, role: str, message: str) -> None:
        super().__init__(message)
        self.role = role


def check_scores(role: str, scores: np.ndarray[Any, Any]) -> None:
    """Refuse scores that are none: NaN, infinity, and numbers outside 0 to 1, as a model without softmax gives.

    Raises:
        OutputError: says which.
    """
    if not scores.size:
        return
    # NaN passes through both, and no comparison holds for it.
    least, greatest = float(scores.min()), float(scores.max())
    if not (least >= -_ROUNDING and greatest <= 1 + _ROUNDING):
        what = f"goes from {least:g} to {greatest:g}" if np.isfinite((least, greatest)).all() else "is not finite"
        message = f"{what}, and its scores must be from 0 to 1: does the model end in a softmax or sigmoid?"
        raise OutputError(role, message)


def check_shape(role: str, output: np.ndarray[Any, Any], *sizes: int | None) -> None:
    """Refuse an output of another rank or size; None is any size.

    Raises:
        OutputError: says which it has.
    """
    if output.ndim != len(sizes) or any(
        want not in (None, have) for want, have in zip(sizes, output.shape, strict=True)
    ):
        wanted = ", ".join("?" if size is None else str(size) for size in sizes)
        raise OutputError(role, f"has the shape {output.shape}, not ({wanted})")


class Feeds(NamedTuple):
    """Values made ready for the engine.

    Attributes:
        batches: for each run an array for each input, by role; perhaps made one by one as they are asked for. What is
            there for an optional input that the model does not have is left out.
        context: what ``read`` needs to know of the values.
    """

    batches: Iterable[Arrays]
    context: Any


class Task(ABC):
    """What a module does: values to batches, and the model's outputs to values.

    Built from the model's ``inference.yml`` and the plan's settings; holds no state between calls
    and may be used from several threads.
    """

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the model's configuration.

        Args:
            config: the whole ``inference.yml``.
            settings: the plan's; None leaves one to the configuration.
            batch_size: pictures per batch at most.

        Raises:
            EngineError: the configuration asks for something that this task does not have.
        """
        self.config = config
        self.settings = settings
        self.batch_size = batch_size
        # As the planner takes it: whatever stands there, by its text.
        self.model_name = str((config.get("Global") or {}).get("model_name"))

    def read_companions(self, folder: Path) -> None:  # noqa: B027 (most tasks have none)
        """Read what lies beside the model; called once, before anything else.

        Args:
            folder: of the model, whose files were checked.

        Raises:
            EngineError: something cannot be used.
        """

    @abstractmethod
    def feeds(self, values: Mapping[str, Sequence[Any]]) -> Feeds:
        """Turn values into batches: for each port of the contract a list with one entry a picture."""

    @abstractmethod
    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Turn the outputs of each batch, by role, into values: for each port of the contract one a picture.

        Raises:
            OutputError: an output cannot be what the task makes of it.
        """

    def setting(self, name: str, default: Any = None) -> Any:
        """Return the plan's setting, or ``default`` where the plan leaves it open."""
        value = self.settings.get(name)
        return default if value is None else value


def rounded_up(number: int, step: int) -> int:
    """Return the least multiple of ``step`` that is not less than a number."""
    return -(-number // step) * step


def batched(arrays: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Return arrays of one shape as one with a dimension more; a single one is not copied."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Cut a sequence into pieces of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]
