"""Finding plans and their sources: in files, and in revisions of a git repository."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hpi_schemas.canonical import digest
from hpi_schemas.documents import DocumentError
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.plan import read
from hpi_schemas.plan.model import ModuleRecord, Plan
from hpi_schemas.target import Target

from hpi_planner.request import Measured, RequestError
from hpi_planner.select.profile import Evidence
from hpi_planner.select.profile import parse as parse_profile
from hpi_planner.syntax.overrides import Override, from_token

# Of values in values; plans have some ten.
_DEEPEST = 100
# What git leaves in a file; no line of a plan begins so.
_CONFLICT = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)


class ReviewError(RequestError):
    """Something named on the command line cannot be read; the message is for people."""


@dataclass(frozen=True)
class Place:
    """Where a file is.

    Attributes:
        path: the file; in a revision, relative to the root of the repository, or to this folder.
        revision: the git revision that holds it, None for a file on disk.
        from_here: in a revision, the path starts at this folder.
    """

    path: PurePosixPath
    revision: str | None = None
    from_here: bool = False

    def __str__(self) -> str:
        start = "./" if self.from_here else ""
        return str(self.path) if self.revision is None else f"{self.revision}:{start}{self.path}"

    def read(self) -> bytes:
        """Return the bytes.

        Raises:
            ReviewError: it is not there or not readable.
        """
        if self.revision is not None:
            return _git_show(str(self))
        check_confined(Path(self.path))
        try:
            return read_bounded(Path(self.path))
        except ReadError as fault:
            raise ReviewError(str(fault)) from None

    def beside(self, relative: str) -> Place:
        """Return the place of a file named relative to this one."""
        parts: list[str] = []
        for part in (self.path.parent / relative).parts:
            if part == ".." and parts and parts[-1] != "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        return Place(PurePosixPath(*parts), self.revision, self.from_here)


@dataclass(frozen=True)
class ReviewedPlan:
    """A plan, and where it lies.

    Attributes:
        place: its file.
        text: its bytes as text.
        plan: what it says.
        document: the same as plain JSON values: what is compared and asked about is any path in it.
    """

    place: Place
    text: str
    plan: Plan
    document: Mapping[str, Any]

    @property
    def modules(self) -> Mapping[str, ModuleRecord]:
        """Every module's record by address."""
        return self.plan.modules

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The overrides that it was made with.

        Raises:
            ValueError: one that this version does not read.
        """
        return tuple(from_token(token) for token in self.plan.source.overrides)

    @property
    def digest(self) -> str:
        """Of its bytes, as records of runs and comparisons name it."""
        return digest(self.text.encode())

    def target(self) -> Target:
        """Return the target that it was made for."""
        return self.plan.target

    @property
    def measured(self) -> Measured | None:
        """The profile that it was made with, None without one."""
        found = self.plan.source.profile
        if found is None:
            return None
        path = Path(self.place.beside(found.file).path)
        return Measured(path, found.optimize, found.max_accuracy_drop)

    def profile(self) -> Evidence | None:
        """Return the profile that it was made with, of the same revision; None without one.

        Raises:
            ReviewError: it is not there or not readable.
        """
        found = self.plan.source.profile
        if found is None:
            return None
        place = self.place.beside(found.file)
        try:
            return parse_profile(place.read(), str(place), found.file, found.optimize, found.max_accuracy_drop)
        except DocumentError as fault:
            raise ReviewError(str(fault)) from None

    @property
    def source(self) -> Place | None:
        """The YAML that it was made from, None for a built-in pipeline."""
        file = self.plan.source.file
        return None if file is None else self.place.beside(file)


def place(name: str) -> Place:
    """Read a name from the command line: a path, or ``REVISION:PATH``.

    Raises:
        ReviewError: it is both.
    """
    revision, separator, path = name.partition(":")
    is_path = not separator or not revision or not path or name.startswith(("/", "./", "../"))
    if is_path:
        return Place(PurePosixPath(name))
    if Path(name).exists():
        told = f"write ./{name} for the file, and remove or rename it to compare with the revision"
        raise ReviewError(f"`{name}` is a file here, and may mean the revision `{revision}`: {told}")
    return Place(PurePosixPath(path), revision, path.startswith("./"))


# The folder that everything on disk must lie in, None for anywhere; a command sets it once, before it reads anything.
_confined_to: list[Path] = []


def confine(folder: Path) -> None:
    """Refuse from now on to read plans, YAMLs and profiles that lie outside of a folder, or are no regular files."""
    _confined_to[:] = [folder.resolve()]


def check_confined(path: Path) -> None:
    """Refuse a path that ``confine`` forbids.

    Raises:
        ReviewError: it leads out of the folder, or is no regular file.
    """
    for folder in _confined_to:
        whole = path.resolve()
        if not whole.is_relative_to(folder):
            raise ReviewError(f"{path} leads out of {folder}, and so is not read")
        if whole.exists() and not whole.is_file():
            raise ReviewError(f"{path} is no regular file, and so is not read")


def load(name: str) -> ReviewedPlan:
    """Read a plan of a format that is known here, whatever made it.

    Raises:
        ReviewError: it is not there, or not a plan of that format.
    """
    where = place(name)
    return parse(where, where.read())


def parse(where: Place, text: bytes) -> ReviewedPlan:
    """Read a plan from its bytes.

    Raises:
        ReviewError: it is no plan, or of another format.
    """
    if _CONFLICT.search(text):
        raise ReviewError(f"{where} has the marks of a merge that was not settled; compile the plan again")
    try:
        document = read.load(text, str(where))
        if _is_deep(document):
            raise ReviewError(f"{where} is no plan: it is nested too deeply")
        return ReviewedPlan(where, text.decode("utf-8-sig"), read.from_json(document, str(where)), document)
    except read.PlanReadError as fault:
        raise ReviewError(str(fault)) from None


def _is_deep(document: object) -> bool:
    """Tell whether a document nests so deeply that going through it could exhaust the stack."""
    level: list[object] = [document]
    for _ in range(_DEEPEST):
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _git_show(name: str) -> bytes:
    try:
        # Whatever files are called here, it is a name in a revision.
        command = ["git", "show", "--end-of-options", name, "--"]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 (the user's git)
    except ValueError as fault:
        raise ReviewError(f"{name!r} names no file: {fault}") from None
    except OSError as fault:
        raise ReviewError(f"{name}: git cannot be run: {fault.strerror}") from None
    if done.returncode:
        raise ReviewError(f"{name} cannot be read: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
