"""What a request is answered with when it cannot be answered."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from types import MappingProxyType

from hpi_runtime.errors import InputError, PlanError, RunnerError

from hpi_serve.fields import InvalidError

LOG = logging.getLogger("hpi_serve")
# Of an input that is there and cannot be processed: not the client's mistake.
_OURS = frozenset({"OUTPUT_INVALID", "PROCESSING_FAILED", "DRAWING_FAILED"})
# PaddleX's words for a picture or document that cannot be read.
_INVALID_FILE = "Invalid input file"


class RequestError(Exception):
    """A request that gets no result.

    Attributes:
        status: of HTTP.
        headers: of the answer.
        log_id: of the request, where it has one.
    """

    log_id: str | None = None

    def __init__(self, status: int, message: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def of(fault: Exception) -> RequestError:
    """Return what a client gets to see of an exception: of one that nobody foresaw, nothing."""
    if isinstance(fault, RequestError):
        return fault
    if isinstance(fault, InvalidError):
        return RequestError(422, json.dumps(fault.faults))
    if isinstance(fault, InputError):
        return of_input(fault.code, str(fault))
    if isinstance(fault, (PlanError, TypeError)):
        return RequestError(422, str(fault))
    if isinstance(fault, RunnerError):
        return RequestError(500, str(fault))
    LOG.error("a request failed in a way that nobody foresaw", exc_info=fault)
    return RequestError(500, "Internal server error")


def of_input(code: str, message: str) -> RequestError:
    """Return the answer for an input that cannot be read or processed."""
    return RequestError(500, message) if code in _OURS else RequestError(422, f"{_INVALID_FILE}: {message}")
