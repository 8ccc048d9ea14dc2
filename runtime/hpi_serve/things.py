"""Answers about pictures and series: the things found in one, the class of each pixel, or a table."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hpi_runtime.results.result import DRAWING, Result

from hpi_serve import pictures
from hpi_serve.contract import TABLE, Contract, Thing


def answer(contract: Contract, result: Result, visualize: bool) -> dict[str, Any]:
    """Return the ``result`` of an answer.

    Args:
        contract: of the pipeline.
        result: of the input, not failed.
        visualize: with a drawing of it.
    """
    found = _found(contract, result)
    drawing = next(iter(result.img.values()), None) if visualize and contract.drawn else None
    return found if drawing is None else {**found, "image": pictures.drawn(drawing)}


def _found(contract: Contract, result: Result) -> dict[str, Any]:
    if contract.map is not None:
        return _map(result[contract.map])
    if contract.table is not None:
        return {TABLE: base64.b64encode(result.attachments()[f"{DRAWING}.csv"]).decode()}
    if contract.row is not None:
        name, columns = contract.row
        (row,) = result[name]
        # A class is told by its text, as in PaddleX.
        return {
            key: str(row[column]) if isinstance(row[column], int) else row[column] for key, column in columns.items()
        }
    return {contract.gives: _things(contract, result)}


def _map(rows: Sequence[Sequence[Sequence[int]]]) -> dict[str, Any]:
    classes = rows[0]
    return {"labelMap": [item for row in classes for item in row], "size": [len(classes), len(classes[0])]}


def _things(contract: Contract, result: Result) -> list[dict[str, Any]]:
    assert contract.thing is not None
    if contract.of is None:
        return _zipped(contract.thing, result)
    found = [_thing(contract.thing, item) for item in result[contract.of]]
    if contract.masks is not None:
        for item, mask in zip(found, result[contract.masks], strict=True):
            item["mask"] = _encoded(np.array(mask, np.uint8))
    return found


def _thing(thing: Thing, item: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: item[source] for name, source in thing.fields.items()}
    return made | {name: _zipped(part, item) for name, part in thing.parts.items()}


def _zipped(thing: Thing, lists: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a thing for each element of lists beside each other; one whose list is null has none."""
    values = [_list(lists, source) for source in thing.fields.values()]
    if any(value is None for value in values):
        return []
    rows = zip(*values, strict=True)
    return [made for row in rows if None not in (made := dict(zip(thing.fields, row, strict=True))).values()]


def _list(lists: Mapping[str, Any], source: str) -> list[Any] | None:
    """Return a list by its name, or the texts of what is named behind an ``or``."""
    name, _, instead = source.partition(" or ")
    found: list[Any] | None = lists.get(name)
    return [str(item) for item in lists[instead]] if found is None and instead else found


def _encoded(mask: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[str, Any]:
    """Return a mask in the run lengths of COCO, as PaddleX's server does."""
    from pycocotools import mask as coco

    (counts,) = coco.encode(np.asfortranarray(mask[..., None]))
    return {"rleResult": counts["counts"].decode(), "size": list(mask.shape)}
