"""Inputs that are not on this machine: URLs, and objects of stores."""

from __future__ import annotations

import urllib.parse
from pathlib import PurePosixPath

from hpi_runtime import object_store
from hpi_runtime.errors import InputError
from hpi_runtime.inputs.limits import Limits


def is_url(item: str) -> bool:
    """Tell an http or https URL by its beginning."""
    return item.lower().startswith(("http://", "https://"))


def is_remote(item: str) -> bool:
    """Tell a URL, or the name of an object."""
    return is_url(item) or object_store.is_object(item)


def file_name(item: str) -> str:
    """Return the last part of the name, which may be empty; that of a URL is decoded."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(item).path) if is_url(item) else item
    return PurePosixPath(path).name


def fetched(item: str, limits: Limits) -> bytes:
    """Return what is behind a URL, or in an object.

    Raises:
        InputError: it cannot be had, or is larger or slower than allowed.
    """
    if is_url(item):
        from hpi_runtime.inputs.fetch import fetch

        return fetch(item, limits)
    try:
        return object_store.read(item, limits.bytes, limits.url_seconds)
    except object_store.TooSlowError as fault:
        raise InputError("URL_TOO_SLOW", str(fault)) from None
    except object_store.TooLargeError as fault:
        raise InputError("INPUT_TOO_LARGE", str(fault)) from None
    except object_store.StoreError as fault:
        raise InputError("URL_UNREADABLE", str(fault)) from None
