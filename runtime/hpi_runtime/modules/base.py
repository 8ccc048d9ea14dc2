"""What all tasks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hpi_runtime.transforms import Image

Batch = np.ndarray[Any, np.dtype[np.float32]]
# Scores beyond this are float32 noise.
SCORE_DECIMALS = 6
# Of half precision.
_ROUNDING = 0.01


class OutputError(ValueError):
    """A model's output that cannot be what its task makes of it; the message goes on from the output's name."""


def check_scores(scores: np.ndarray[Any, Any]) -> None:
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
        raise OutputError(f"{what}, and its scores must be from 0 to 1: does the model end in a softmax or sigmoid?")


def check_shape(output: np.ndarray[Any, Any], *sizes: int | None) -> None:
    """Refuse an output of another rank or size; None is any size.

    Raises:
        OutputError: says which it has.
    """
    if output.ndim != len(sizes) or any(
        want not in (None, have) for want, have in zip(sizes, output.shape, strict=True)
    ):
        wanted = ", ".join("?" if size is None else str(size) for size in sizes)
        raise OutputError(f"has the shape {output.shape}, not ({wanted})")


class Prepared(NamedTuple):
    """Pictures made ready for the engine.

    Attributes:
        batches: float32 arrays, batch × channels × height × width; perhaps made one by one as they are asked for.
        context: what postprocessing needs to know of the pictures.
    """

    batches: Iterable[Batch]
    context: Any


class Module(ABC):
    """A model's task: pictures to batches, and the engine's outputs to values.

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

    @abstractmethod
    def preprocess(self, images: Sequence[Image]) -> Prepared:
        """Turn BGR pictures (height × width × 3, uint8) into batches."""

    @abstractmethod
    def postprocess(self, outputs: Iterable[Batch], context: Any) -> dict[str, list[Any]]:
        """Turn the first output of each batch into values: for each name one value a picture."""

    @abstractmethod
    def result(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of the result record of one picture that went through this module alone."""

    def setting(self, name: str, default: Any = None) -> Any:
        """Return the plan's setting, or ``default`` where the plan leaves it open."""
        value = self.settings.get(name)
        return default if value is None else value


def rounded_up(number: int, step: int) -> int:
    """Return the least multiple of ``step`` that is not less than a number."""
    return -(-number // step) * step


def chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Cut a sequence into pieces of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]
