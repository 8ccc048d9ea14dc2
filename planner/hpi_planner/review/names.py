"""Short names of modules: the last part of an address, where no other module has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hpi_planner.diagnostics.suggest import closest

_SECTIONS = ("SubPipelines", "SubModules")


class Names:
    """The modules and sub-pipelines of some plans, by names that people use."""

    def __init__(self, addresses: Iterable[str]) -> None:
        """Take the addresses of all modules."""
        self.addresses = tuple(dict.fromkeys(addresses))
        self._last = Counter(map(_last, self.addresses))

    def short(self, address: str) -> str:
        """Return the shortest name that says which module is meant."""
        short = _last(address) if self._last[_last(address)] == 1 else _plain(address)
        return short or address or "(no name)"

    def find(self, text: str) -> str | None:
        """Return the address that a short name, or an address, stands for; None if none or several do."""
        if text in self.addresses:
            return text
        # `TextDetection` is that of the top, whatever sub-pipelines have.
        for name in (_plain, _last):
            found = [address for address in self.addresses if name(address) == text]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def all(self, text: str) -> list[str]:
        """Return the addresses that a name may stand for."""
        return [address for address in self.addresses if text in (_last(address), _plain(address), address)]

    def near(self, text: str) -> str | None:
        """Return the name nearest to a text, None if none is near."""
        return closest(text, [*map(self.short, self.addresses), *self.addresses])


def pipeline_of(address: str) -> str:
    """Return the address of the sub-pipeline that a module stands in, empty for the top."""
    parts = address.split(".")
    return ".".join(parts[: len(parts) - 1 - parts[::-1].index("SubModules")]) if "SubModules" in parts else ""


def _last(address: str) -> str:
    return address.rpartition(".")[2]


def _plain(address: str) -> str:
    """Leave out what every address has."""
    return ".".join(part for part in address.split(".") if part not in _SECTIONS)
