"""The routes of PaddleX's server, from ``contract.yaml``: what a pipeline's requests and answers look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hpi_schemas import yaml_data

# What a request names that is read: a document with its pages, one picture, a table; else a video.
FILE, IMAGE, TABLE = "file", "image", "csv"
_UPPER = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True)
class Field:
    """A setting that a request may bring.

    Attributes:
        type: one of those that ``fields`` knows, or several with ``|`` between them.
        argument: of ``predict`` of the pipeline.
    """

    type: str
    argument: str


@dataclass(frozen=True)
class Thing:
    """How one thing of an answer is made.

    Attributes:
        fields: of the record's thing, by the field of the answer; or of lists beside each other, by the same.
        is_zipped: the fields name lists, whose elements make a thing each.
        parts: fields that are lists of such things.
    """

    fields: Mapping[str, str]
    is_zipped: bool = False
    parts: Mapping[str, Thing] = field(default_factory=dict)


# By identity: there is one of each.
@dataclass(frozen=True, eq=False)
class Contract:
    """What requests and answers of a pipeline look like.

    Attributes:
        path: of the route.
        takes: ``file``, ``image``, ``csv`` or ``video``.
        has_log_id: a request may bring its own.
        fields: settings by their names in a request.
        gives: the field of the answer that holds a page or a thing each.
        picture: of pages, the field of the drawing; None where drawings stand together by their names.
        page: what else a page has: ``markdown`` or ``outputImage``.
        of: of things, the field of the record that holds them; None where it is the record itself.
        thing: how each is made.
        masks: the field of the record with the masks of the things.
        table: the field of the record that is a table, where the answer is that.
        row: the field of the record that is a table of one row, where the answer is that, and the names of its columns
            by the field of the answer.
        map: the field of the record with the classes of pixels, where the answer is those.
        drawn: whether an answer may have a drawing.
    """

    path: str
    takes: str
    fields: Mapping[str, Field]
    has_log_id: bool = False
    gives: str = ""
    picture: str | None = None
    page: str | None = None
    of: str | None = None
    thing: Thing | None = None
    masks: str | None = None
    table: str | None = None
    row: tuple[str, Mapping[str, str]] | None = None
    map: str | None = None
    drawn: bool = True


def find(pipeline: str | None) -> Contract | None:
    """Return the contract of a pipeline by its name, None where PaddleX's server has none that is served here."""
    return None if pipeline is None else load_all().get(pipeline)


@cache
def load_all() -> Mapping[str, Contract]:
    """Return every contract by the name of its pipeline."""
    data = yaml_data.load(Path(__file__).with_name("contract.yaml").read_text(encoding="utf-8"))
    return {name: _contract(item) for name, item in data.items()}


def _contract(data: Mapping[str, Any]) -> Contract:
    plain = ("path", "takes", "gives", "picture", "page", "of", "masks", "table", "map", "drawn")
    own = {key: data[key] for key in plain if key in data}
    if "row" in data:
        own["row"] = data["row"]["of"], {key: name for key, name in data["row"].items() if key != "of"}
    fields = {name: _field(name, item) for name, item in data["fields"].items()}
    thing = _thing(data["thing"]) if "thing" in data else None
    return Contract(**own, fields=fields, has_log_id=data.get("log_id", False), thing=thing)


def _field(name: str, item: str | Mapping[str, str]) -> Field:
    given = {"type": item} if isinstance(item, str) else dict(item)
    return Field(given["type"], given.get("argument", _snake_case(name)))


def _snake_case(name: str) -> str:
    return _UPPER.sub("_", name).lower()


def _thing(data: Mapping[str, Any]) -> Thing:
    if "zip" in data:
        return Thing(data["zip"], is_zipped=True)
    parts = {name: _thing(item) for name, item in data.items() if not isinstance(item, str)}
    return Thing({name: item for name, item in data.items() if isinstance(item, str)}, parts=parts)
