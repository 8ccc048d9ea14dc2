"""Tables with a column of times: read from CSV as PaddleX reads them, and looked up by column."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from hpi_schemas.packages import missing

from hpi_runtime.errors import InputError, PlanError

# A ``DataFrame``; pandas has no types of its own.
Table = Any
_LONGEST = 200


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
    try:
        return pd.read_csv(io.BytesIO(data))
    except (ValueError, pd.errors.ParserError, OverflowError) as fault:
        raise InputError("INPUT_UNREADABLE", f"{name} is no CSV file: {_first_line(fault)}") from None


def check_columns(table: Table, names: Sequence[str]) -> None:
    """Look whether a table has these columns.

    Raises:
        InputError: it has not; the message says which it has.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        have = ", ".join(map(str, table.columns))[:_LONGEST]
        raise InputError("INPUT_UNSUPPORTED", f"the model needs the column `{missing[0]}`; there are: {have}")


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
    return table[list(names)]


def _first_line(fault: Exception) -> str:
    lines = str(fault).splitlines()
    return lines[0][:_LONGEST] if lines else type(fault).__name__
