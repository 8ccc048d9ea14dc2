"""Scalers of scikit-learn: their numbers, read from a pickle that is not executed, and what they do with columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hpi_schemas.files import ReadError, read_bounded

from hpi_runtime.errors import EngineError
from hpi_runtime.pickles.arrays import Array
from hpi_runtime.pickles.reading import Scaler as Pickled
from hpi_runtime.pickles.reading import read

_Numbers = np.ndarray[Any, Any]
_Step = Callable[..., Any]
# What each does with its numbers, and whether a flag of it has to be set: sklearn/preprocessing/_data.py (1.9).
_STEPS: Mapping[str, tuple[tuple[_Step, _Step, str, str | None], ...]] = {
    "StandardScaler": (
        (np.subtract, np.add, "mean_", "with_mean"),
        (np.divide, np.multiply, "scale_", "with_std"),
    ),
    "MinMaxScaler": (
        (np.multiply, np.divide, "scale_", None),
        (np.add, np.subtract, "min_", None),
    ),
    "MaxAbsScaler": ((np.divide, np.multiply, "scale_", None),),
    "RobustScaler": (
        (np.subtract, np.add, "center_", "with_centering"),
        (np.divide, np.multiply, "scale_", "with_scaling"),
    ),
}


class Scaler:
    """What a scaler of scikit-learn does with the columns of a table.

    Attributes:
        columns: how many it has numbers for; None if it changes nothing.
    """

    def __init__(self, path: Path) -> None:
        """Read the numbers in a pickle.

        Args:
            path: of the file that PaddleX calls ``scaler.pkl``.

        Raises:
            EngineError: it cannot be read, or holds something else.
        """
        try:
            found = read(read_bounded(path), has_scaler=True)
            if not isinstance(found, Pickled):
                raise ValueError("it holds no scaler")
            if found.state.get("clip"):
                raise ValueError("its scaler cuts values off at its bounds (clip=True), which is not known here")
            self._steps = [
                (forth, back, _numbers(found.state, name))
                for forth, back, name, flag in _STEPS[found.kind]
                if flag is None or found.state.get(flag)
            ]
        except (ReadError, ValueError, TypeError) as fault:
            raise EngineError(f"{path} cannot be used: {fault}") from None
        sizes = {len(numbers) for _, _, numbers in self._steps}
        if len(sizes) > 1:
            raise EngineError(f"{path} cannot be used: its numbers are for several sizes of tables")
        self.columns = sizes.pop() if sizes else None

    def scale(self, values: _Numbers) -> _Numbers:
        """Return values as the model takes them: rows × columns, float64."""
        made: _Numbers = values.astype(np.float64)
        for forth, _, numbers in self._steps:
            forth(made, numbers, out=made)
        return made

    def restore(self, values: _Numbers) -> _Numbers:
        """Return what ``scale`` makes into these: rows × columns, of the dtype of the values."""
        made: _Numbers = values.copy()
        for _, back, numbers in reversed(self._steps):
            # As scikit-learn does: computed in double precision, kept in the precision of the values.
            back(made, numbers, out=made, casting="same_kind")
        return made


def _numbers(state: Mapping[str, Any], name: str) -> _Numbers:
    found = state.get(name)
    if not isinstance(found, Array):
        raise ValueError(f"its scaler has no `{name}`")
    numbers: _Numbers = found.numbers()
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
        raise ValueError(f"`{name}` of its scaler is not a finite number for each column")
    return numbers
