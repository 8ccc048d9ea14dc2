"""Inputs on their way: each that was read becomes an item."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hpi_schemas.plan.model import INPUT

from hpi_runtime.inputs.reading import Input
from hpi_runtime.run.executor import Item
from hpi_runtime.run.runner import DECODE, Timer


def items(inputs: Iterator[Input], measure: Timer | None) -> Iterator[Item[Input]]:
    """Yield an item for each input.

    Args:
        inputs: are decoded when they are asked for.
        measure: is told how long that took.
    """
    while True:
        started = time.perf_counter()
        source = next(inputs, None)
        if source is None:
            return
        if measure is not None:
            measure(INPUT, DECODE, time.perf_counter() - started)
        item = Item(source, error=source.error)
        item.values.update({f"{INPUT}.{port}": value for port, value in source.values.items()})
        item.values[f"{INPUT}.page_count"] = source.page_count
        source.values = {}
        yield item
