"""The results of inputs that could not be processed."""

from __future__ import annotations

from collections.abc import Callable

from hpi_schemas.files import Outputs

from hpi_runtime.errors import InputError
from hpi_runtime.results.result import Result, unprotected


def failed(
    path: str | None, page: int | None, fault: InputError, plan: str, outputs: Callable[[], Outputs] = unprotected
) -> Result:
    """Return the record of an input that could not be processed.

    Args:
        path: of the input.
        page: of a document, from 0.
        fault: what went wrong.
        plan: the digest of the plan.
        outputs: as for ``Result``.
    """
    error = {"code": fault.code, "message": str(fault)}
    fields = {"input_path": path, "page_index": page, "plan": plan, "error": error}
    return Result(fields, outputs=outputs)
