"""A profile: what hpi-bench measured of the candidates of each module, and on which machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hpi_schemas.canonical import JsonError, digest, loads
from hpi_schemas.device import Device
from hpi_schemas.plan.model import ProfileReference
from hpi_schemas.target import Target, from_json

LATENCY, THROUGHPUT = "latency", "throughput"
# What of a machine decides speed, besides the versions of the backends.
_FACTS = ("os", "arch", "cores", "cpu_features")


class ProfileError(ValueError):
    """A file that is no profile; the message is for people."""


@dataclass(frozen=True)
class Profile:
    """A profile, and how to decide by it.

    Attributes:
        data: its plain JSON values.
        digest: of its bytes.
        file: what the plan calls it, relative to the plan.
        optimize: ``latency`` (inputs one at a time) or ``throughput`` (all in one go).
        max_accuracy_drop: in percentage points; None allows what fp32 engines differ by, and no lower precision.
    """

    data: Mapping[str, Any]
    digest: str
    file: str
    optimize: str = LATENCY
    max_accuracy_drop: float | None = None

    @property
    def reference(self) -> ProfileReference:
        """What the plan records of it."""
        return ProfileReference(self.file, self.digest, self.optimize, self.max_accuracy_drop)

    @cached_property
    def target(self) -> Target:
        """The machine that was measured."""
        return from_json(self.data["target"])

    def module(self, address: str) -> Mapping[str, Any] | None:
        """Return what was measured of a module, None if nothing was."""
        found: Mapping[str, Any] | None = self.data["modules"].get(address)
        return found

    def differences(self, target: Target, device: Device) -> Iterator[str]:
        """Yield in which respects a target is not the machine that was measured."""
        measured = self.target
        pairs: dict[str, tuple[Any, Any]] = {fact: (getattr(measured, fact), getattr(target, fact)) for fact in _FACTS}
        if device.kind == "gpu":
            pairs["GPU"] = (_gpu(measured, device), _gpu(target, device))
        if () in pairs["cpu_features"]:
            # A target need not tell them.
            del pairs["cpu_features"]
        for fact, (there, wanted) in pairs.items():
            if there != wanted:
                yield f"it is of another machine ({fact.replace('_', ' ')}: {_words(there)}; here: {_words(wanted)})"

    def same_version(self, backend: str, version: str | None) -> bool:
        """Tell whether a backend was measured in this version."""
        return version is not None and self.target.backends.get(backend) == version


def parse(
    text: bytes, name: str, file: str, optimize: str = LATENCY, max_accuracy_drop: float | None = None
) -> Profile:
    """Read a profile from its bytes; ``name`` is for messages.

    Raises:
        ProfileError: it is none.
    """
    try:
        data = loads(text)
    except JsonError as fault:
        raise ProfileError(f"{name} is not a profile: {fault}") from None
    from hpi_schemas.validate import faults

    found = faults("profile", data)
    if found:
        raise ProfileError(f"{name} is not a profile:\n" + "\n".join(f"  {line}" for line in found))
    return Profile(data, digest(text), file, optimize, max_accuracy_drop)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "none" if value is None else str(value)


def _gpu(machine: Target, device: Device) -> str | None:
    return machine.gpus[device.number].name if device.number < len(machine.gpus) else None
