"""split_tables: tables with rules, and those without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_runtime.errors import InputError

_WIRED, _WIRELESS = "wired_table", "wireless_table"


def run(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Part ``crops`` by the best of their ``label_names``.

    Raises:
        InputError: a label says neither.
    """
    is_wired = [_says_wired(names[0]) for names in inputs["label_names"]]
    parted: dict[bool, list[Any]] = {True: [], False: []}
    for crop, has_rules in zip(inputs["crops"], is_wired, strict=True):
        parted[has_rules].append(crop)
    return {"is_wired": is_wired, "wired": parted[True], "wireless": parted[False]}


def _says_wired(label: str) -> bool:
    if label not in (_WIRED, _WIRELESS):
        mend = f"the label_list of its inference.yml must say {_WIRED} and {_WIRELESS}"
        raise InputError("OUTPUT_INVALID", f"the table classifier's label is `{label}`; {mend}")
    return label == _WIRED
