"""Inputs on their way: each that was read becomes an item."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from hpi_schemas.plan.model import INPUT

from hpi_runtime.inputs.reading import Input
from hpi_runtime.run.executor import Item
from hpi_runtime.run.runner import DECODE, Timer


def items(inputs: Iterator[Input], measure: Timer | None, owner: Any = None) -> Iterator[Item[Input]]:
    """Yield an item for each input.

    Args:
        inputs: are decoded when they are asked for.
        measure: is told how long that took.
        owner: of all of them.
    """
    while True:
        started = time.perf_counter()
        source = next(inputs, None)
        if source is None:
            return
        if measure is not None:
            measure(INPUT, DECODE, time.perf_counter() - started, [] if owner is None else [owner])
        item = Item(source, error=source.error, owner=owner)
        item.values.update({f"{INPUT}.{port}": value for port, value in source.values.items()})
        item.values[f"{INPUT}.page_count"] = source.page_count
        source.values = {}
        yield item
