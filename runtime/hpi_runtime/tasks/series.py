"""What the tasks of series share: tables to batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hpi_schemas.model_store import SCALER_FILE

from hpi_runtime.errors import EngineError
from hpi_runtime.series.feeding import KNOWN, OBSERVED, TARGET, Fed, Feeding
from hpi_runtime.series.table import Table
from hpi_runtime.tasks.base import Batch, Feeds, Task, chunks

# What a model may take.
_ROLES = (TARGET, OBSERVED, KNOWN)


class SeriesTask(Task):
    """A model of series, as PaddleTS exports it."""

    roles: tuple[str, ...] = _ROLES

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read what the model looks at."""
        super().__init__(config, settings, batch_size)
        self.feeding = Feeding(config)
        asked = config["input_data"]
        unknown = sorted(set(asked) - set(self.roles))
        if unknown or not asked:
            told = f"`input_data` asks for `{unknown[0]}`" if unknown else "`input_data` asks for nothing"
            raise EngineError(f"{told}; known here: {', '.join(self.roles)}")
        self.asked = sorted(asked)
        if not self.feeding.answers:
            raise EngineError("`info_params` names neither `target_cols` nor `feature_cols`")

    def read_companions(self, folder: Path) -> None:
        """Read the scaler beside the model."""
        self.feeding.read_scaler(folder / SCALER_FILE)

    def feeds(self, values: Mapping[str, Sequence[Table]]) -> Feeds:
        """Cut, scale and stack tables; tables of several sizes cannot share a batch, and do not come."""
        fed = [self.prepared(table) for table in values["series"]]
        arrays = [self.arrays(item) for item in fed]
        batches = [
            {role: np.stack([item[role] for item in group]) for role in group[0]}
            for group in chunks(arrays, self.batch_size)
        ]
        return Feeds(batches, fed)

    def prepared(self, table: Table) -> Fed:
        """Return a table made ready.

        Raises:
            InputError: it, or the first of its groups, has fewer rows than the model looks at.
        """
        fed = self.feeding.feed(self.feeding.cut(table))
        self.feeding.cut(fed.main)
        return fed

    def arrays(self, fed: Fed) -> dict[str, Batch]:
        """Return what the model takes of a table, by role."""
        found = {name: fed.array(name) for name in self.asked}
        # A model with one input may call it anything.
        return found if len(found) > 1 else {self.roles[0]: found[self.asked[0]], **found}
