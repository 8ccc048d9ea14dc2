"""Kinds: what values are. One file each; results, drawings, comparisons and scores loop over fields and ask their kind.

A third-party package brings one by an entry point of the group ``hpi_plan.kinds`` that names an object of its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hpi_schemas.values import RECORD, Value

from hpi_runtime import plugins
from hpi_runtime.errors import PlanError
from hpi_runtime.kinds.base import Kind

ENTRY_POINTS = "hpi_plan.kinds"


@cache
def find(name: str) -> Kind:
    """Return a kind.

    Raises:
        PlanError: nobody here knows it.
    """
    found: Kind | None = plugins.find(__name__, name, "KIND", ENTRY_POINTS)
    if found is None:
        raise PlanError(f"this hpi-run does not know values of the kind {name}")
    return found


def to_json(value: Any, of: Value) -> Any:
    """Return a value as plain JSON: a record field by field, a list element by element."""
    if of.many:
        one = Value(of.kind, fields=of.fields)
        return [to_json(item, one) for item in value]
    if of.kind == RECORD and of.fields:
        return {
            name: to_json(value[name], field)
            for name, field in of.fields.items()
            if name in value and (field.kind == RECORD or find(field.kind).is_json)
        }
    return find(of.kind).to_json(value)


def beside(record: Mapping[str, Any], of: Value) -> dict[str, Any]:
    """Return the other fields of a record that a field's kind looks at, by role."""
    return {role: record.get(name) for role, name in of.beside.items()}


def compared(fields: Mapping[str, Value]) -> Iterator[tuple[str, Kind]]:
    """Yield the fields of a record that can be compared, and their kinds."""
    for name, field in fields.items():
        if find(field.kind).measure:
            yield name, find(field.kind)
