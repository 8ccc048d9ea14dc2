"""What the fields of results are, as contracts and ops say it."""

from __future__ import annotations

from collections.abc import Mapping

from hpi_schemas import ops, tasks
from hpi_schemas.values import Value


def of_task(task: str) -> Mapping[str, Value]:
    """Return the fields of a picture that went through a module alone."""
    contract = tasks.find(task)
    assert contract is not None
    return contract.gives


def of_op(name: str) -> Mapping[str, Value]:
    """Return the fields of the record that an op makes."""
    contract = ops.find(name)
    assert contract is not None
    return contract.gives["result"].fields


OCR = of_op("ocr_result")
DOCUMENT = of_op("doc_result")
