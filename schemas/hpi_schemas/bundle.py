"""What is in a bundle: a plan with everything that it needs to run, in one archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hpi_schemas import validate
from hpi_schemas.canonical import JsonError, dumps, loads
from hpi_schemas.model_store import STORE_PREFIX, is_file_below

MANIFEST, PLAN, LOCK = "bundle.json", "plan.json", "requirements.txt"
# Folders of official models, and where relative folders start, below as many others as they lead up.
MODELS, ROOT, DOWN = "models", "files", "below"
_FORMAT = "1.0"


class BundleError(ValueError):
    """A manifest that is none; the message is for people."""


class File(NamedTuple):
    """A file in a bundle.

    Attributes:
        digest: of its bytes.
        size: how many they are.
    """

    digest: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """What is in a bundle.

    Attributes:
        plan: the digest of the plan.
        root: where its relative folders start.
        files: every file but the manifest, by its path.
        artefacts: the keys of the prepared files.
        versions: of the packages that ran when it was made, by name.
    """

    plan: str
    root: str
    files: Mapping[str, File]
    artefacts: Sequence[str]
    versions: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Return it as canonical JSON."""
        files = {path: file._asdict() for path, file in self.files.items()}
        return dumps(
            {
                "artefacts": sorted(self.artefacts),
                "files": files,
                "format": _FORMAT,
                "plan": self.plan,
                "root": self.root,
                "versions": dict(self.versions),
            }
        ).encode()


def read(data: bytes) -> Manifest:
    """Return a manifest from its bytes.

    Raises:
        BundleError: it is none.
    """
    try:
        found: Any = loads(data)
    except JsonError as fault:
        raise BundleError(f"{MANIFEST} is no JSON: {fault}") from None
    wrong = validate.faults("bundle", found)
    if wrong:
        raise BundleError(f"{MANIFEST} is not valid: {wrong[0]}")
    files = {path: File(**file) for path, file in found["files"].items()}
    for path in files:
        if not is_file_below(path) or path == MANIFEST:
            raise BundleError(f"{MANIFEST} names {path!r}, which is no file of a bundle")
    if PLAN not in files or files[PLAN].digest != found["plan"]:
        raise BundleError(f"{MANIFEST} names no {PLAN} with the plan's digest")
    return Manifest(found["plan"], found["root"], files, found["artefacts"], found["versions"])


def root(references: Sequence[str]) -> str:
    """Return a folder below which all relative folders of a plan lie, also those that lead up."""
    up = max((reference.split("/").count("..") for reference in references if not _is_store(reference)), default=0)
    return "/".join([ROOT, *[DOWN] * up])


def place(reference: str, root: str) -> str:
    """Return where in a bundle a folder lies that a plan names."""
    if _is_store(reference):
        return f"{MODELS}/{reference.removeprefix(STORE_PREFIX)}"
    parts = root.split("/")
    for part in reference.split("/"):
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _is_store(reference: str) -> bool:
    return reference.startswith(STORE_PREFIX)
