"""Checking dynamic shapes: per input the least, the best and the greatest shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from hpi_schemas.model_inputs import Tensors

# Engines count sizes in 31 bits.
_LARGEST = 1 << 31
_PLACES = ("least", "best", "greatest")


class Problem(NamedTuple):
    """What is wrong with the shapes of one input.

    Attributes:
        input: the name of the input.
        message: for people.
    """

    input: str
    message: str


def shapes(value: Mapping[Any, Any], inputs: Tensors | None, batch_size: int | None) -> Iterator[Problem]:
    """Find what is wrong with dynamic shapes.

    Args:
        value: per input ``[min, opt, max]``, each a list of sizes.
        inputs: the model's inputs, name to dtype and dimensions; None if they are not known.
        batch_size: how many inputs go through the model at a time; None if that is not said.
    """
    for name, item in value.items():
        message = _of_three(item) or _of_model(str(name), item, inputs) or _of_batch(item, batch_size)
        if message is not None:
            yield Problem(str(name), message)
    for name, (_, dimensions) in (inputs or {}).items():
        if name not in value and not all(isinstance(size, int) and size >= 0 for size in dimensions):
            yield Problem(name, "is missing, and its size is not fixed in the model")


def values(value: Mapping[Any, Any], given: Mapping[Any, Any]) -> Iterator[Problem]:
    """Find what is wrong with sample values.

    Args:
        value: per input the values of its least, best and greatest sample, each a flat list of numbers.
        given: the dynamic shapes, as far as they are known.
    """
    for name, item in value.items():
        message = _of_values(item, given.get(name))
        if message is not None:
            yield Problem(str(name), message)


def _of_three(item: Any) -> str | None:
    if not isinstance(item, list) or len(item) != len(_PLACES) or not all(_is_shape(shape) for shape in item):
        return "must be three shapes, [least, best, greatest], each a list of whole numbers from 1"
    ranks = {len(shape) for shape in item}
    if len(ranks) > 1:
        return f"has shapes of different ranks: {', '.join(str(len(shape)) for shape in item)}"
    for axis, sizes in enumerate(zip(*item, strict=True)):
        if not sizes[0] <= sizes[1] <= sizes[2]:
            return f"is not in order along axis {axis}: {sizes[0]}, {sizes[1]}, {sizes[2]}"
    return None


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(
        isinstance(size, int) and not isinstance(size, bool) and 0 < size < _LARGEST for size in shape
    )


def _of_model(name: str, item: list[list[int]], inputs: Tensors | None) -> str | None:
    if inputs is None:
        return None
    if name not in inputs:
        return f"is no input of the model; it has {', '.join(f'`{known}`' for known in inputs)}"
    dimensions = inputs[name][1]
    if len(dimensions) != len(item[0]):
        return f"has rank {len(item[0])}, and the model's input has {len(dimensions)}: {dimensions}"
    for axis, size in enumerate(dimensions):
        if isinstance(size, int) and size >= 0 and {shape[axis] for shape in item} != {size}:
            return f"differs from the model along axis {axis}, where its size is always {size}"
    return None


def _of_batch(item: list[list[int]], batch_size: int | None) -> str | None:
    if batch_size is not None and item[2] and item[2][0] < batch_size:
        return f"ends at a batch of {item[2][0]}, and `batch_size` is {batch_size}"
    return None


def _of_values(item: Any, shape: Any) -> str | None:
    if not isinstance(item, list) or len(item) != len(_PLACES) or not all(_is_sample(sample) for sample in item):
        return "must be three lists of numbers, for the least, the best and the greatest shape"
    if shape is None or _of_three(shape) is not None:
        return None
    for place, sample, sizes in zip(_PLACES, item, shape, strict=True):
        if len(sample) != prod(sizes):
            return f"has {len(sample)} values for its {place} shape {sizes}, which holds {prod(sizes)}"
    return None


def _is_sample(sample: Any) -> bool:
    return isinstance(sample, list) and all(
        isinstance(number, (int, float)) and not isinstance(number, bool) for number in sample
    )
