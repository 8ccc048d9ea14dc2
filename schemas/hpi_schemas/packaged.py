"""What other packages bring: entry points, and data files that they name, read without importing any code of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpi_schemas.console import UNSATISFIED, CommandError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class PackageError(CommandError):
    """Two packages bring one thing; the message is for people."""

    exit_code = UNSATISFIED


@cache
def files(group: str, own: Path) -> Mapping[str, Path]:
    """Return the data files of a kind by name: ours, and those of other packages.

    Args:
        group: of entry points, such as ``hpi_plan.backends``; their values are the packages that hold ``NAME.yaml``.
        own: the folder with ours.

    Raises:
        PackageError: two packages bring a file of one name.
    """
    from importlib.util import find_spec

    found = dict(own_files(own))
    for point in entry_points(group):
        refuse_second(group, point.name, point.name in found)
        spec = find_spec(point.value)
        for folder in (spec and spec.submodule_search_locations) or ():
            found[point.name] = Path(folder) / f"{point.name}.yaml"
    return {name: found[name] for name in sorted(found)}


@cache
def own_files(own: Path) -> Mapping[str, Path]:
    """Return our data files of a kind by name, sorted."""
    return {path.stem: path for path in sorted(own.glob("*.yaml"))}


def file(group: str, own: Path, name: str) -> Path | None:
    """Return the data file of a name, None if there is none.

    Other packages are looked at if it is not ours: that takes ten times as long.

    Args:
        group, own: as for ``files``.
        name: of the file.

    Raises:
        PackageError: it is not ours, and two packages bring a file of one name.
    """
    return own_files(own).get(name) or files(group, own).get(name)


def entry_points(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group; what is installed is looked at once a process."""
    return tuple(_installed().select(group=group))


@cache
def _installed() -> Any:
    from importlib import metadata

    return metadata.entry_points()


def refuse_second(group: str, name: str, is_there: bool) -> None:
    """Refuse a name that is there already: which of two counts must not depend on the order of installation.

    Raises:
        PackageError: it is there.
    """
    if is_there:
        raise PackageError(f"two packages bring `{name}` of {group}: uninstall one of them")
