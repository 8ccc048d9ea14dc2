"""Device names: ``cpu``, ``gpu:1``, ``npu:0,2``. They are taken apart here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

# The device types that PaddleX 3.7.2 knows; which of them a backend of ours runs on is another question.
KINDS = ("cpu", "dcu", "gcu", "gpu", "iluvatar_gpu", "metax_gpu", "mlu", "npu", "xpu")

# What others call them.
_OTHER_NAMES = {"cuda": "gpu", "nvidia": "gpu", "ascend": "npu"}


@dataclass(frozen=True)
class Device:
    """A device, or several of one kind.

    Attributes:
        kind: one of ``KINDS``.
        ids: their numbers; empty where none was named, and for a CPU.
    """

    kind: str
    ids: tuple[int, ...] = ()

    @property
    def number(self) -> int:
        """The first number; 0 where none was named."""
        return self.ids[0] if self.ids else 0

    def at(self, number: int) -> Device:
        """Return the device of the same kind with that number; a CPU has none."""
        return self if self == CPU else Device(self.kind, (number,))

    def __str__(self) -> str:
        return f"{self.kind}:{','.join(map(str, self.ids))}" if self.ids else self.kind


CPU = Device("cpu")


def parse(text: str) -> Device:
    """Take the name of a device apart.

    Raises:
        ValueError: it is none; the message says what is wrong with it.
    """
    kind, separator, ids = text.partition(":")
    kind = kind.strip().lower()
    if kind not in KINDS:
        other = _OTHER_NAMES.get(kind)
        mend = f"did you mean `{other}{separator}{ids}`?" if other else f"known kinds: {', '.join(KINDS)}"
        raise ValueError(f"`{text}` names no device; {mend}")
    if not separator:
        return Device(kind)
    if kind == "cpu":
        raise ValueError(f"`{text}`: a CPU has no ids")
    numbers = ids.split(",")
    if not all(number.isdecimal() and number.isascii() for number in numbers):
        raise ValueError(f"`{text}`: ids are whole numbers, as in `{kind}:0` or `{kind}:0,1`")
    return Device(kind, tuple(int(number) for number in numbers))
