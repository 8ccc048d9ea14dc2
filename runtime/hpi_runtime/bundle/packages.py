"""Which packages ran when a bundle was made, and their hashes from a lock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import metadata

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hpi_runtime.errors import PlanError

_OURS = "hpi-plan"
_HASH = "--hash"


def versions(extras: Iterable[str]) -> dict[str, str]:
    """Return the versions of hpi-plan and of what it and some of its extras need, as far as they are installed.

    Raises:
        PlanError: hpi-plan has no such extra.
    """
    known = metadata.metadata(_OURS).get_all("Provides-Extra") or []
    unknown = sorted(set(extras) - set(known))
    if unknown:
        raise PlanError(f"hpi-plan has no extra `{unknown[0]}`; it has: {', '.join(sorted(known))}")
    found: dict[str, str] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(_OURS, frozenset(extras))]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            own = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[canonicalize_name(name)] = own.version
        waiting += [(item.name, frozenset(item.extras)) for item in _needed(own.requires or (), wanted)]
    return dict(sorted(found.items()))


def locked(text: str, wanted: Mapping[str, str]) -> str:
    """Return the lines of a lock that are about these packages, with their hashes.

    Args:
        text: what ``pip --require-hashes`` takes: requirements with ``==`` and ``--hash``.
        wanted: versions, by name. Of hpi-plan itself nothing has to be locked.

    Raises:
        PlanError: one of them is not locked, without a hash, or in another version.
    """
    lines: dict[str, tuple[str, str]] = {}
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        said, *hashes = re.split(rf"\s+(?={_HASH}[=\s])", line.partition(" #")[0].strip())
        if not said or said.startswith(("#", "-")):
            continue
        try:
            item = Requirement(said)
        except InvalidRequirement:
            raise PlanError(f"--lock: this is no requirement: {said[:100]}") from None
        pins = [pin for pin in item.specifier if pin.operator == "=="]
        if hashes and len(pins) == 1 and (item.marker is None or item.marker.evaluate()):
            lines[canonicalize_name(item.name)] = (
                pins[0].version,
                " ".join([f"{item.name}=={pins[0].version}", *hashes]),
            )
    wrong = [name for name, version in wanted.items() if name != _OURS and lines.get(name, ("",))[0] != version]
    if wrong:
        have = ", ".join(f"{name}=={wanted[name]}" for name in wrong)
        raise PlanError(f"--lock has no line with hashes for what is installed: {have}")
    return "".join(f"{lines[name][1]}\n" for name in wanted if name != _OURS)


def pinned(wanted: Mapping[str, str]) -> str:
    """Return versions as requirements; hpi-plan itself is on no index."""
    return "".join(f"{name}=={version}\n" for name, version in wanted.items() if name != _OURS)


def _needed(lines: Iterable[str], extras: frozenset[str]) -> list[Requirement]:
    environment = {key: str(value) for key, value in default_environment().items()}
    asked = [{**environment, "extra": extra} for extra in ("", *extras)]
    items = map(Requirement, lines)
    return [item for item in items if item.marker is None or any(map(item.marker.evaluate, asked))]
