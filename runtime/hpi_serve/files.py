"""From the text in a request that stands for a file, base64 or a URL, to the file's bytes."""

from __future__ import annotations

import base64
import binascii
import mimetypes
from urllib.parse import urlsplit

from hpi_runtime.inputs.fetch import Stop, fetch
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.inputs.pdf import is_pdf
from hpi_runtime.inputs.remote import is_url

from hpi_serve.errors import RequestError

PDF, PICTURE = 0, 1


def read(text: str, limits: Limits, stop: Stop) -> bytes:
    """Return the bytes of a file.

    Args:
        text: base64, of which what is none of its letters is left out, as PaddleX does; or an http or https URL.
        limits: of what is fetched.
        stop: ends that when nobody waits for it any more.

    Raises:
        RequestError: it is neither.
        InputError: the URL cannot be fetched.
    """
    if is_url(text):
        return fetch(text, limits, stop)
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise RequestError(422, "Invalid input file: it is neither base64 nor a URL") from None


def file_type(text: str, given: int | None) -> int:
    """Return whether a document is a PDF or a picture: as the request says, or by the ending of its URL.

    Raises:
        RequestError: nobody says it.
    """
    if given is not None:
        return given
    if not is_url(text):
        raise RequestError(422, "File type cannot be determined")
    try:
        guessed = mimetypes.guess_type(urlsplit(text).path.rpartition("/")[2])[0] or ""
    except ValueError as fault:
        raise RequestError(422, f"Invalid input file: it is no URL: {fault}") from None
    if guessed == "application/pdf":
        return PDF
    if guessed.startswith("image/"):
        return PICTURE
    raise RequestError(422, "Unsupported file type")


def check_type(data: bytes, wanted: int) -> None:
    """Look whether a file is what the request says that it is.

    Raises:
        RequestError: it is the other.
    """
    if is_pdf(data) != (wanted == PDF):
        raise RequestError(422, f"Invalid input file: it is {'no' if wanted == PDF else 'a'} PDF")
