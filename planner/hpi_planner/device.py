"""Device strings: ``cpu``, ``gpu:0``, ``gpu:0,1``."""

from __future__ import annotations

from hpi_planner.ir import Device

# The device types that PaddleX 3.7.2 knows; which of them a backend of ours runs on is another question.
KINDS = ("cpu", "dcu", "gcu", "gpu", "iluvatar_gpu", "metax_gpu", "mlu", "npu", "xpu")

# What others call them.
_OTHER_NAMES = {"cuda": "gpu", "nvidia": "gpu", "ascend": "npu"}


def parse(text: str) -> Device:
    """Take a device string apart.

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
