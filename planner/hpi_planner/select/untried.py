"""What a plan without a profile leaves on the table: lower precisions that this processor has instructions for."""

from __future__ import annotations

from collections.abc import Sequence

from hpi_schemas.backends import PRECISION, load_all, option_of
from hpi_schemas.device import CPU
from hpi_schemas.target import Target

from hpi_planner.diagnostics.model import Code, Diagnostic, note
from hpi_planner.ir import Module
from hpi_planner.select import options

_USUAL = "fp32"


def note_of(modules: Sequence[Module], target: Target, is_cold: bool = False) -> Diagnostic | None:
    """Return a note of the precisions that no module uses and nobody decided about, None if there are none.

    Args:
        modules: with their engines.
        target: the machine.
        is_cold: the plan is for programs that start often.
    """
    found = {precision: None for module in modules for precision in _of(module, target)}
    if not found:
        return None
    aim = " --optimize cold" if is_cold else ""
    runs = f"{' and '.join(found)} {'run' if len(found) > 1 else 'runs'}"
    return note(
        Code.PRECISION_UNTRIED,
        f"{runs} natively on this processor and may be faster; how much accuracy that costs, a profile measures",
        help=f"`hpi-plan{aim} --candidates`, `hpi-bench --candidates`, "
        f"then `hpi-plan{aim} --profile … --max-accuracy-drop`",
    )


def _of(module: Module, target: Target) -> list[str]:
    engine = module.engine
    key = None if engine is None else option_of(engine.backend, PRECISION)
    if engine is None or key is None or module.device is None or module.device.kind != CPU.kind:
        return []
    if key in options.given(module.keys) or engine.config.get(key) != _USUAL:
        return []
    option = load_all()[engine.backend].options[key]
    return [value for value in option.natively if option.is_native(value, target.cpu_features)]
