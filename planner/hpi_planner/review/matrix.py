"""Several plans side by side: what they share once, what differs in a column each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hpi_planner.review.paths import ABSENT
from hpi_planner.review.plans import ReviewedPlan
from hpi_planner.review.render import escaping
from hpi_planner.review.view import threads
from hpi_planner.review.wording import value

# What a reviewer compares; origins and reasons differ wherever these do.
_KEYS = ("model", "device", "backend", "precision", "threads", "batch", "prepare", "fallback", "files")


class Row(NamedTuple):
    """One key of one module, with its value in each plan.

    Attributes:
        address: the module, empty for the whole plan.
        key: what is compared.
        values: as text, one for each plan; one alone where all plans share it.
    """

    address: str
    key: str
    values: tuple[str, ...]

    @property
    def is_shared(self) -> bool:
        """All plans have the same value."""
        return len(self.values) == 1


class Matrix(NamedTuple):
    """The names of the plans, and the rows."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]


def matrix(plans: Sequence[ReviewedPlan]) -> Matrix:
    """Compare plans by address."""
    rows = [_row("", "target", [_target(plan) for plan in plans])]
    rows += _differing("", "target", [{"cores": plan.plan.target.cores, **_versions(plan)} for plan in plans])
    addresses = dict.fromkeys(address for plan in plans for address in plan.modules)
    for address in addresses:
        facts = [_facts(plan, address) for plan in plans]
        for key in _KEYS:
            values = [value(item.get(key, ABSENT)) for item in facts]
            if any(item.get(key) not in (None, [], "") for item in facts):
                rows.append(_row(address, key, values))
        rows += _differing(address, "settings", [_settings(plan, address) for plan in plans])
    return Matrix(tuple(str(plan.place) for plan in plans), tuple(rows))


def terminal(table: Matrix) -> str:
    """Write a matrix for a terminal: first what is shared, then what differs."""
    lines = ["the same in all plans:"]
    shared = [row for row in table.rows if row.is_shared]
    width = max((len(f"{row.address} {row.key}") for row in table.rows), default=0)
    lines.extend(f"  {f'{row.address} {row.key}'.strip():{width}}  {row.values[0]}" for row in shared)
    different = [row for row in table.rows if not row.is_shared]
    if not different:
        return "\n".join([*lines, "nothing else differs"]) + "\n"
    lines.append("different:")
    cells = [("", *table.names), *((f"{row.address} {row.key}".strip(), *row.values) for row in different)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.names) + 1)]
    lines.extend("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    return "\n".join(lines) + "\n"


def markdown(table: Matrix) -> str:
    """Write a matrix as a table; a shared value stands in the first column of all."""
    lines = [f"| module | key | all | {' | '.join(_code(name) for name in table.names)} |"]
    lines.append("|---" * (3 + len(table.names)) + "|")
    for row in table.rows:
        values = (*row.values, *[""] * len(table.names)) if row.is_shared else ("", *row.values)
        cells = [_code(row.address), escaping.escape(row.key), *map(_code, values)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _row(address: str, key: str, values: Sequence[str]) -> Row:
    return Row(address, key, tuple(values[:1]) if len(set(values)) == 1 else tuple(values))


def _differing(address: str, group: str, values: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return a row for each key of a group whose values differ; the many that are the same go without saying."""
    keys = sorted({key for item in values for key in item})
    rows = [_row(address, f"{group}.{key}", [value(item.get(key, ABSENT)) for item in values]) for key in keys]
    return [row for row in rows if not row.is_shared]


def _versions(plan: ReviewedPlan) -> Mapping[str, Any]:
    target = plan.plan.target
    return {**target.backends, **target.tools}


def _settings(plan: ReviewedPlan, address: str) -> Mapping[str, Any]:
    record = plan.modules.get(address)
    return {} if record is None else record.settings


def _target(plan: ReviewedPlan) -> str:
    target = plan.plan.target
    return f"{target.os} {target.arch} {target.device or '?'}"


def _facts(plan: ReviewedPlan, address: str) -> dict[str, Any]:
    record = plan.modules.get(address)
    if record is None:
        return {}
    config = record.engine.config
    return {
        "model": record.model.name,
        "device": str(record.device),
        "backend": record.engine.backend,
        "precision": config.get("precision"),
        "threads": threads(record.engine),
        "batch": record.batch_size,
        "prepare": [step.step for step in record.engine.prepare],
        "fallback": [item.backend for item in record.fallback],
        "files": " ".join(f"{name} {digest[7:15]}" for name, digest in sorted(record.model.files.items())),
    }


def _code(item: str) -> str:
    return escaping.cell(item)
