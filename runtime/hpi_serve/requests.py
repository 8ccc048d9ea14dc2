"""From the body of a request to what is asked, and the bytes that it is asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
import pydantic
from hpi_runtime.inputs.fetch import Stop
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.inputs.pdf import is_pdf

from hpi_serve import errors, fields, files
from hpi_serve.contract import FILE, IMAGE, Contract
from hpi_serve.errors import RequestError

# Of what a request may hold: elements of a setting, letters of what is told again.
_MOST_ELEMENTS, _LONGEST = 1000, 128
_TARGET_SIZE = "targetSize"
# Requests for forms that hpi-run does not write, and what each would have to be.
_ONLY = {"outputFormats": (None, []), "prettifyMarkdown": (None, True)}


@dataclass
class Request:
    """What is asked.

    Attributes:
        log_id: of the request; one of ours where it has none.
        data: of the file.
        settings: arguments of ``predict``; None asks for nothing.
        visualize: whether pictures of the result are wanted; None leaves it to the server.
        markdown_images: whether those in Markdown are.
        abandon: lets what is under way go no further; None where nothing is.
        is_cancelled: nobody waits for it any more.
        owner: what is told with each step that is taken for it.
    """

    log_id: str
    data: bytes
    settings: dict[str, Any] = field(default_factory=dict)
    visualize: bool | None = None
    markdown_images: bool = True
    abandon: Callable[[], None] | None = None
    is_cancelled: bool = False
    owner: Any = None

    def cancel(self) -> None:
        """Let it go no further."""
        self.is_cancelled = True
        if self.abandon is not None:
            self.abandon()


def read(contract: Contract, body: bytes, limits: Limits, stop: Stop) -> Request:
    """Return what is asked; a URL is fetched.

    Args:
        contract: of the pipeline.
        body: JSON.
        limits: of what is fetched.
        stop: ends that when nobody waits for it any more.

    Raises:
        RequestError: it is no request; its ``log_id`` is the request's where it has one.
    """
    log_id = None
    try:
        values = _values(body)
        log_id = _log_id(values)
        return _request(contract, fields.read(contract, values), values, log_id or str(uuid4()), limits, stop)
    except Exception as fault:
        found = errors.of(fault)
        found.log_id = log_id
        raise found from fault


def _values(body: bytes) -> Any:
    if not body:
        raise fields.InvalidError([{"type": "missing", "loc": "body", "msg": "Field required"}])
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        place = f"body[{fault.pos}]"
        raise fields.InvalidError([{"type": "json_invalid", "loc": place, "msg": "JSON decode error"}]) from None
    for name, value in values.items() if isinstance(values, dict) else ():
        # Each wrong element would be told by itself.
        if isinstance(value, (list, dict)) and len(value) > _MOST_ELEMENTS:
            raise RequestError(422, f"`{name[:_LONGEST]}` has more than {_MOST_ELEMENTS:,} elements")
    return values


def _log_id(values: Any) -> str | None:
    found = values.get("logId") if isinstance(values, dict) else None
    return found[:_LONGEST] if isinstance(found, str) and found else None


def _request(
    contract: Contract, model: pydantic.BaseModel, values: Any, log_id: str, limits: Limits, stop: Stop
) -> Request:
    given = model.model_dump(mode="json", exclude_unset=True)
    for name, allowed in _ONLY.items():
        if name not in contract.fields and values.get(name) not in allowed:
            raise RequestError(422, f"what `{name}` asks for only PaddleX itself can do: plan with `--host paddlex`")
    text = given[contract.takes]
    if contract.takes == FILE:
        kind = files.file_type(text, given.get("fileType"))
        data = files.read(text, limits, stop)
        files.check_type(data, kind)
    else:
        data = files.read(text, limits, stop)
        if contract.takes == IMAGE and is_pdf(data):
            raise RequestError(422, "Invalid input file: a picture is asked for, and this is a PDF")
    _check_size(given.get(_TARGET_SIZE), limits)
    settings = {setting.argument: given[name] for name, setting in contract.fields.items() if name in given}
    visualize, has_images = given.get("visualize"), values.get("returnMarkdownImages", True) is not False
    return Request(log_id, data, settings, visualize, has_images)


def _check_size(asked: int | list[int] | None, limits: Limits) -> None:
    """Refuse a picture to be made that is larger than one that may come."""
    sides = [asked, asked] if isinstance(asked, int) else asked or [1, 1]
    if sides[0] * sides[1] > limits.pixels:
        raise RequestError(422, f"`{_TARGET_SIZE}` has more than the {limits.pixels:,} pixels allowed")
