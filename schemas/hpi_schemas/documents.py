"""What candidates, profiles and records of runs share: JSON of one format, checked by its schema."""

from __future__ import annotations

from typing import Any

from hpi_schemas.canonical import JsonError, loads
from hpi_schemas.console import CommandError

FORMAT = "2.0"
MAJOR = FORMAT.partition(".")[0]


class DocumentError(CommandError):
    """Bytes that are no such document; the message is for people."""


def load(text: bytes, name: str, kind: str, what: str, mend: str) -> Any:
    """Return the plain JSON values of a document.

    Args:
        text: its bytes.
        name: for messages.
        kind: of its schema.
        what: people call it.
        mend: the command that makes one.

    Raises:
        DocumentError: it is none, or of another format.
    """
    try:
        data = loads(text)
    except JsonError as fault:
        raise DocumentError(f"{name} is not {what}: {fault}; {mend} writes one") from None
    version = data.get("format") if isinstance(data, dict) else None
    if isinstance(version, str) and version.partition(".")[0] != MAJOR:
        older = version.partition(".")[0].isdecimal() and int(version.partition(".")[0]) < int(MAJOR)
        told = f"{mend} makes it anew" if older else "a newer hpi-plan has written it, and reads it"
        raise DocumentError(f"{name} has the format {version[:20]}; this version reads {MAJOR}.x: {told}")
    from hpi_schemas.validate import faults

    found = faults(kind, data)
    if found:
        raise DocumentError(f"{name} is not {what}; {mend} writes one:\n" + "\n".join(f"  {line}" for line in found))
    return data
