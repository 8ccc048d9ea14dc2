"""PaddleX as the host of a plan: its own code runs a pipeline, and every model runs on the plan's engine.

``install`` makes the same engines run where a program asks PaddleX or PaddleOCR for high-performance inference.
"""

from __future__ import annotations

from typing import Any


def install(tell: bool = True) -> None:
    """Let PaddleX's ``use_hpip`` and PaddleOCR's ``enable_hpi`` run on our engines, in this process, from now on.

    Args:
        tell: say on stderr what runs each model; else it goes to the logger ``hpi_runtime`` alone.

    Raises:
        PreflightError: PaddleX is not installed, or of a version that was never tested.
    """
    from hpi_paddlex.dropin import install

    install(tell)


def plan(pipeline: Any, device: str | None = None) -> dict[str, Any]:
    """Return the plan of a pipeline that runs on our engines here, as ``hpi-plan --host paddlex`` writes it.

    Dump it as JSON, review and commit it: ``HPI_PLAN`` and ``hpi-run`` take it.

    Args:
        pipeline: what PaddleX's ``create_pipeline`` takes, a name, the path of a YAML or a configuration, or one of
            PaddleOCR's pipelines, such as ``PaddleOCR(enable_hpi=True)``.
        device: ``cpu``, ``gpu:0``, …; None takes that of the models created since ``install``, else as in PaddleX.

    Raises:
        PlanError: it cannot be planned, or would be planned otherwise than its models run here.
        TypeError: it is no such pipeline.
    """
    from hpi_paddlex.choices import plan

    return plan(pipeline, device)
