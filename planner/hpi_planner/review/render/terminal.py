"""A plan as tables in a terminal, by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpi_schemas.tables import cell

from hpi_planner.review.view import PlanView

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def show(plan: PlanView, console: Console) -> None:
    """Print a plan: its summary, its modules, what runs, and what to note."""
    console.print(cell(plan.summary, style="bold"))
    for name, fact in plan.facts:
        console.print(cell(f"  {name}: {fact}"))
    console.print()
    console.print(_modules(plan))
    console.print()
    console.print(cell("Why", style="bold"))
    for row in plan.modules:
        shared = f"; in the session of {_short(row.session)}" if row.session else ""
        console.print(cell(f"  {_short(row.address)}: {row.backend}, {row.reason}{shared}"), soft_wrap=True)
    if plan.stages:
        console.print()
        console.print(cell("What runs", style="bold"))
        for stage in plan.stages:
            what = stage.address if stage.address else stage.what
            console.print(cell(f"  {stage.name}: {what}  ← {', '.join(stage.after)}"))
    for address, item in plan.external.items():
        model = f", {item.model_name}" if item.model_name else ""
        console.print(cell(f"  external: {address} ({item.kind.replace('_', ' ')}{model})"), soft_wrap=True)
    if plan.warnings:
        console.print()
        console.print(cell("To note", style="bold"))
        for warning in plan.warnings:
            console.print(cell(f"  • {warning}"), soft_wrap=True)


def _modules(plan: PlanView) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("module", "model", "device", "backend", "precision", "threads", "batch"):
        table.add_column(name, overflow="fold", justify="right" if name in ("threads", "batch") else "left")
    for row in plan.modules:
        cells = (_short(row.address), row.model, row.device, row.backend, row.precision, row.threads, str(row.batch))
        table.add_row(*map(cell, cells))
    return table


def _short(address: str) -> str:
    """Leave out what every address has; the rest still tells modules apart."""
    return address.replace("SubPipelines.", "").replace("SubModules.", "")
