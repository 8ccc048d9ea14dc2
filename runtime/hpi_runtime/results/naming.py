"""Names of results: a function of the input alone, so that no run and no order of inputs makes two results meet."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import PurePosixPath

from hpi_runtime.inputs.remote import is_remote, is_url

# What stands for the folder above, for the root of the file system and for a web address.
_UP, _ROOT, _URL = "_up", "_root", "_url"
_MARK = re.compile(r"_+(?:up|root|url)|_*\.{1,2}")
# A name that looks like a page's.
_LIKE_PAGE = re.compile(r".*_\d+_*", re.DOTALL)
# A name that looks like a shortened one.
_SHORTENED = re.compile(r".*~[0-9a-f]{24}", re.DOTALL)
# File systems allow 255 bytes; page, ending and the mark of a shortened name come on top.
_MOST_BYTES, _KEPT_BYTES, _DIGITS = 200, 150, 24


def stem(path: str, page: int | None) -> PurePosixPath:
    """Return where the results of an input go below the output folder, without their ending.

    The folders of the path as it was named are kept, as ``cp --parents`` keeps them, so that ``a/x.png`` and
    ``b/x.png`` stay apart; ``..``, ``/`` at the beginning and ``http://`` (or ``s3://``) become folders named ``_up``,
    ``_root`` and ``_url``. The name is kept whole: page 3 of ``b.pdf`` gives ``b.pdf_3``. Names that no file can have
    (too long, or with a NUL) end in a digest.

    Args:
        path: of the input, as it was named.
        page: of it, from 0; None if it has none.
    """
    folders, name = _parts(path)
    if page is not None:
        name = f"{_usable(name)}_{page}"
    else:
        name = _usable(name)
        if _LIKE_PAGE.fullmatch(name):
            name += "_"
    return PurePosixPath(*folders, name)


def _parts(path: str) -> tuple[list[str], str]:
    if is_remote(path):
        scheme, _, rest = path.partition("://")
        # In the name of an object, a question mark is a letter like others.
        address, mark, query = rest.partition("?") if is_url(path) else (rest, "", "")
        *folders, name = (part if part.strip("_") else f"{part}_" for part in address.split("/"))
        name += mark + query.replace("%", "%25").replace("/", "%2F")
        return [_URL, scheme.lower(), *(_usable(_escaped(part)) for part in folders)], _escaped(name)
    parts = [part for part in path.split("/") if part not in ("", ".")] or ["_"]
    *folders, name = (_UP if part == ".." else _escaped(part) for part in parts)
    return [*([_ROOT] if path.startswith("/") else []), *map(_usable, folders)], name


def _escaped(part: str) -> str:
    """Return a part of a path with another underscore before it if it looks like one of our own marks."""
    return f"_{part}" if _MARK.fullmatch(part) else part


def _usable(part: str) -> str:
    try:
        data = os.fsencode(part)
        is_name = b"\0" not in data and len(data) <= _MOST_BYTES
    except UnicodeEncodeError:
        data, is_name = part.encode("utf-8", "surrogatepass"), False
    if is_name and not _SHORTENED.fullmatch(part):
        return part
    kept = data.replace(b"\0", b"_")[:_KEPT_BYTES].decode("utf-8", "ignore")
    return f"{kept}~{sha256(data).hexdigest()[:_DIGITS]}"
