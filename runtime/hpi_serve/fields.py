"""Requests as pydantic models, so that what is wrong with one is said in the words of PaddleX's server."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal, Optional

import pydantic

from hpi_serve.contract import FILE, Contract

# The types of settings, by their names in `contract.yaml`.
_TYPES: Mapping[str, Any] = {
    "boolean": bool,
    "count": Annotated[int, pydantic.Field(gt=0)],
    "integer": int,
    "mapping": dict[str, Any],
    "number": float,
    "numbers": list[float],
    "numbers by class": dict[Literal["default"] | int, float],
    "numbers by number": dict[int, float],
    "pair": tuple[float, float],
    "size": tuple[int, int],
    "switch": bool,
    "text": str,
    "texts": list[str],
}
# One that a request may leave out, and that null does not leave out.
_NEVER_NULL = "switch"


class InvalidError(ValueError):
    """A request that is none.

    Attributes:
        faults: each with its ``type``, where it is (``loc``) and what it is (``msg``).
    """

    def __init__(self, faults: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{fault['loc']}: {fault['msg']}" for fault in faults))
        self.faults = faults


def read(contract: Contract, body: Any) -> pydantic.BaseModel:
    """Return a request.

    Args:
        contract: that it must fit.
        body: plain JSON values.

    Raises:
        InvalidError: it does not fit.
    """
    try:
        return _model(contract).model_validate(body, from_attributes=True)
    except pydantic.ValidationError as invalid:
        found = invalid.errors(include_url=False, include_context=False, include_input=False)
        faults = [{"type": item["type"], "loc": _place(item["loc"]), "msg": item["msg"]} for item in found]
        raise InvalidError(faults) from None


@cache
def _model(contract: Contract) -> type[pydantic.BaseModel]:
    known: dict[str, Any] = {contract.takes: (str, ...)}
    if contract.takes == FILE:
        known["fileType"] = (Optional[Literal[0, 1]], None)  # noqa: UP045 (made of a value)
    for field, setting in contract.fields.items():
        known[field] = (_type(setting.type), None)
    known["visualize"] = (Optional[bool], None)  # noqa: UP045
    if contract.has_log_id:
        known["logId"] = (Optional[str], None)  # noqa: UP045
    made: type[pydantic.BaseModel] = pydantic.create_model("InferRequest", **known)
    return made


def _type(named: str) -> Any:
    found = reduce(or_, (_TYPES[item] for item in named.split(" | ")))
    return found if named == _NEVER_NULL else Optional[found]  # noqa: UP045


def _place(path: tuple[str | int, ...]) -> str:
    return "body" + "".join(f"[{item}]" if isinstance(item, int) else f".{item}" for item in path)
