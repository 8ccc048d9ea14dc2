"""Values: what flows between the stages of a graph, and what stands in the fields of a result.

Data files write ``polygons`` for one value of a kind and ``[picture]`` for a list of them; a mapping says more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RECORD = "record"
PLAIN = "plain"
PICTURE = "picture"
SERIES = "series"
CLIP = "clip"


@dataclass(frozen=True)
class Value:
    """The type of a value.

    Attributes:
        kind: what it is; ``hpi_runtime.kinds`` knows how one is written, drawn, compared and scored.
        many: a list of such.
        optional: of an input: it may be absent.
        fields: of a record: its fields, in order.
        like: of an output or a field: the op's input that it is of the type of, where that depends on what flows in.
        draw: of a field: whether it is part of the drawing, if its kind can be drawn.
        drawing: of a field: what PaddleX calls the picture of it alone; empty if there is none.
        truth: of a field: what of a ``truth.json`` it is scored against, empty if nothing.
        beside: of a field: other fields of the record that its kind looks at, by their role there.
    """

    kind: str
    many: bool = False
    optional: bool = False
    fields: Mapping[str, Value] = field(default_factory=dict)
    like: str = ""
    draw: bool = True
    drawing: str = ""
    truth: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"a list of {self.kind}" if self.many else self.kind

    def fits(self, port: Value) -> bool:
        """Tell whether it can flow into a port."""
        return (self.kind, self.many) == (port.kind, port.many)


def read(data: Any) -> Value:
    """Return a value's type, from the plain values of a data file."""
    if isinstance(data, str):
        return Value(data)
    if isinstance(data, list):
        return Value(data[0], many=True)
    known = dict(data)
    base = read(known.pop("kind"))
    return Value(
        base.kind,
        base.many,
        optional=known.pop("optional", False),
        fields=read_all(known.pop("fields", {})),
        like=known.pop("like", ""),
        draw=known.pop("draw", True),
        drawing=known.pop("drawing", ""),
        truth=known.pop("truth", ""),
        beside=known,
    )


def read_all(data: Mapping[str, Any]) -> dict[str, Value]:
    """Return the types of named values."""
    return {name: read(item) for name, item in data.items()}
