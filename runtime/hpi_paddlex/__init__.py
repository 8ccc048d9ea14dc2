"""PaddleX as the host of a plan: its own code runs a pipeline, and every model runs on the plan's engine.

``install`` makes the same engines run where a program asks PaddleX or PaddleOCR for high-performance inference.
"""

from __future__ import annotations


def install(tell: bool = True) -> None:
    """Let PaddleX's ``use_hpip`` and PaddleOCR's ``enable_hpi`` run on our engines, in this process, from now on.

    Args:
        tell: say on stderr what runs each model; else it goes to the logger ``hpi_runtime`` alone.

    Raises:
        PreflightError: PaddleX is not installed, or of a version that was never tested.
    """
    from hpi_paddlex.dropin import install

    install(tell)
