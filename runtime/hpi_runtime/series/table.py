"""Tables with a column of times: read from CSV as PaddleX reads them, and looked up by column."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from hpi_schemas.packages import missing

from hpi_runtime.errors import InputError, PlanError

# A ``DataFrame``; pandas has no types of its own.
Table = Any
_LONGEST = 200
# Of many columns with one name pandas makes others, one after the other.
_MOST_COLUMNS = 4096
# Models compute in single precision.
_LARGEST = 3.4e38


def library() -> Any:
    """Return pandas.

    Raises:
        PlanError: it is not installed.
    """
    try:
        import pandas as pd
    except ImportError as fault:
        raise PlanError(missing("pandas")) from fault
    return pd


def is_table(item: Any) -> bool:
    """Tell whether something is a table of pandas."""
    return hasattr(item, "columns") and hasattr(item, "iloc")


def parse(data: bytes, name: str) -> Table:
    """Return the table in the bytes of a CSV file: a row a line, the first one names the columns.

    Raises:
        InputError: it is none.
    """
    pd = library()
    if data.partition(b"\n")[0].count(b",") >= _MOST_COLUMNS:
        raise InputError("INPUT_TOO_LARGE", f"{name} has more than {_MOST_COLUMNS:,} columns")
    try:
        return pd.read_csv(io.BytesIO(data))
    except (ValueError, pd.errors.ParserError, OverflowError) as fault:
        raise InputError("INPUT_UNREADABLE", f"{name} is no CSV file: {_first_line(fault)}") from None


def to_bytes(table: Table) -> bytes:
    """Return a table that was read from a CSV file as such again."""
    return bytes(table.to_csv(index=False).encode())


def check_columns(table: Table, names: Sequence[str]) -> None:
    """Look whether a table has these columns.

    Raises:
        InputError: it has not, and the message says which it has; or two of one name.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        have = ", ".join(map(str, table.columns))[:_LONGEST]
        raise InputError("INPUT_UNSUPPORTED", f"the model needs the column `{missing[0]}`; there are: {have}")
    listed = list(table.columns)
    twice = next((name for name in names if listed.count(name) > 1), None)
    if twice is not None or getattr(table.columns, "nlevels", 1) > 1:
        raise InputError("INPUT_UNSUPPORTED", f"there is more than one column `{twice or names[0]}`")


def labels(moments: Any) -> list[Any]:
    """Return an index as records have it: times as text, numbers as they are."""
    return list(moments.astype(str)) if moments.dtype.kind == "M" else list(moments.tolist())


def numbers(table: Table, names: Sequence[str]) -> Table:
    """Return columns of a table, which hold numbers.

    Raises:
        InputError: one does not.
    """
    pd = library()
    check_columns(table, names)
    for name in names:
        if not pd.api.types.is_numeric_dtype(table[name].dtype) or pd.api.types.is_complex_dtype(table[name].dtype):
            raise InputError("INPUT_UNSUPPORTED", f"the column `{name}` must hold numbers alone")
        (gaps,) = np.nonzero(~(np.abs(table[name].to_numpy(np.float64, na_value=np.nan)) <= _LARGEST))
        if len(gaps):
            told = f"the column `{name}` has no number that can be computed with in its row {table.index[gaps[0]]}"
            raise InputError("INPUT_UNSUPPORTED", told)
    return table[list(names)]


def _first_line(fault: Exception) -> str:
    lines = str(fault).splitlines()
    return lines[0][:_LONGEST] if lines else type(fault).__name__
