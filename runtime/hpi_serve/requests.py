"""From the body of a request to what is asked, and the bytes that it is asked about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
import pydantic
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.inputs.pdf import is_pdf

from hpi_serve import errors, fields, files
from hpi_serve.contract import FILE, Contract
from hpi_serve.errors import RequestError

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
    """

    log_id: str
    data: bytes
    settings: dict[str, Any] = field(default_factory=dict)
    visualize: bool | None = None
    markdown_images: bool = True
    abandon: Callable[[], None] | None = None
    is_cancelled: bool = False

    def cancel(self) -> None:
        """Let it go no further."""
        self.is_cancelled = True
        if self.abandon is not None:
            self.abandon()


def read(contract: Contract, body: bytes, limits: Limits) -> Request:
    """Return what is asked; a URL is fetched.

    Args:
        contract: of the pipeline.
        body: JSON.
        limits: of what is fetched.

    Raises:
        RequestError: it is no request; its ``log_id`` is the request's where it has one.
    """
    log_id = None
    try:
        values = _values(body)
        log_id = _log_id(values)
        return _request(contract, fields.read(contract, values), values, log_id or str(uuid4()), limits)
    except Exception as fault:
        found = errors.of(fault)
        found.log_id = log_id
        raise found from fault


def _values(body: bytes) -> Any:
    if not body:
        raise fields.InvalidError([{"type": "missing", "loc": "body", "msg": "Field required"}])
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        place = f"body[{fault.pos}]"
        raise fields.InvalidError([{"type": "json_invalid", "loc": place, "msg": "JSON decode error"}]) from None


def _log_id(values: Any) -> str | None:
    found = values.get("logId") if isinstance(values, dict) else None
    return found if isinstance(found, str) and found else None


def _request(contract: Contract, model: pydantic.BaseModel, values: Any, log_id: str, limits: Limits) -> Request:
    given = model.model_dump(mode="json", exclude_unset=True)
    for name, allowed in _ONLY.items():
        if name not in contract.fields and values.get(name) not in allowed:
            message = f"`{name}` is {json.dumps(values[name])}, which only PaddleX itself can do"
            raise RequestError(422, f"{message}: plan with `--host paddlex`")
    text = given[contract.takes]
    if contract.takes == FILE:
        kind = files.file_type(text, given.get("fileType"))
        data = files.read(text, limits)
        files.check_type(data, kind)
    else:
        data = files.read(text, limits)
        if is_pdf(data):
            raise RequestError(422, "Invalid input file: a picture is asked for, and this is a PDF")
    settings = {setting.argument: given[name] for name, setting in contract.fields.items() if name in given}
    visualize, has_images = given.get("visualize"), values.get("returnMarkdownImages", True) is not False
    return Request(log_id, data, settings, visualize, has_images)
