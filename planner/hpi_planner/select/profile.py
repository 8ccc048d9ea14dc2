"""A profile as a plan is made by it: how to decide, and whether it is of the target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpi_schemas.canonical import digest
from hpi_schemas.device import Device
from hpi_schemas.plan.model import ProfileReference
from hpi_schemas.target import Target

if TYPE_CHECKING:
    from hpi_schemas.profile import ModuleProfile, Profile

# As hpi_schemas.profile has them, which most plans are made without.
LATENCY, THROUGHPUT, COLD = "latency", "throughput", "cold"
# What of a machine decides speed, besides the versions of the backends.
_FACTS = ("os", "arch", "cores", "cpu_features")


@dataclass(frozen=True)
class Evidence:
    """A profile, and how to decide by it.

    Attributes:
        profile: what was measured.
        digest: of its bytes.
        file: what the plan calls it, relative to the plan.
        optimize: ``latency`` (inputs one at a time), ``throughput`` (all in one go) or ``cold`` (first results).
        max_accuracy_drop: in percentage points; None allows what fp32 engines differ by, and no lower precision.
    """

    profile: Profile
    digest: str
    file: str
    optimize: str = LATENCY
    max_accuracy_drop: float | None = None

    @property
    def reference(self) -> ProfileReference:
        """What the plan records of it."""
        return ProfileReference(self.file, self.digest, self.optimize, self.max_accuracy_drop)

    def module(self, address: str) -> ModuleProfile | None:
        """Return what was measured of a module, None if nothing was."""
        return self.profile.modules.get(address)

    def differences(self, target: Target, device: Device) -> Iterator[str]:
        """Yield in which respects a target is not the machine that was measured."""
        measured = self.profile.target
        pairs: dict[str, tuple[Any, Any]] = {fact: (getattr(measured, fact), getattr(target, fact)) for fact in _FACTS}
        if device.kind == "gpu":
            pairs["GPU"] = (_gpu(measured, device), _gpu(target, device))
        if () in pairs["cpu_features"]:
            # A target need not tell them.
            del pairs["cpu_features"]
        for fact, (there, wanted) in pairs.items():
            if there != wanted:
                yield f"it is of another machine ({fact.replace('_', ' ')}: {_words(there)}; here: {_words(wanted)})"

    @property
    def is_cold(self) -> bool:
        """Whether first results of programs that start often decide."""
        return self.optimize == COLD

    @property
    def other_aim(self) -> str | None:
        """In words, what was measured instead of what is to decide; None if it is that."""
        if self.is_cold == (self.profile.optimize == COLD):
            return None
        return "it has no first results" if self.is_cold else "only the first results of processes decide in it"

    def same_version(self, backend: str, version: str | None) -> bool:
        """Tell whether a backend was measured in this version."""
        return version is not None and self.profile.target.backends.get(backend) == version


def parse(
    text: bytes, name: str, file: str, optimize: str = LATENCY, max_accuracy_drop: float | None = None
) -> Evidence:
    """Read a profile from its bytes; ``name`` is for messages.

    Raises:
        DocumentError: it is none.
    """
    from hpi_schemas.profile import read

    return Evidence(read(text, name), digest(text), file, optimize, max_accuracy_drop)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "none" if value is None else str(value)


def _gpu(machine: Target, device: Device) -> str | None:
    return machine.gpus[device.number].name if device.number < len(machine.gpus) else None
