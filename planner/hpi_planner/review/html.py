"""A plan as one self-contained page: no network, readable without scripts, with keyboard and screen reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from hpi_schemas.cleaning import clean
from hpi_schemas.files import Kind

from hpi_planner.review import text
from hpi_planner.review.view import ModuleView, PlanView, StageView

_PAGE = Path(__file__).with_name("page.html")
_MARK = b'<meta name="generator" content="hpi-review">'
_HEAD = 1024
_BOX = (250, 46)
_GAP = (24, 30)


def page(plan: PlanView, name: str) -> str:
    """Return the page; ``name`` is that of the plan."""
    whole = Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{plan.title} — {name}"),
        heading=escape(plan.title),
        summary=escape(plan.summary),
        facts="".join(f"<div><dt>{escape(key)}</dt><dd>{escape(fact)}</dd></div>" for key, fact in plan.facts),
        warnings=_list("To note", plan.warnings),
        graph=_graph(plan) if plan.stages else "<p>The runner has no stage graph for this pipeline.</p>",
        rows="".join(_row(row) for row in plan.modules),
        details="".join(_details(row) for row in plan.modules),
        external=_list("External", [f"{key}: {item.kind.replace('_', ' ')}" for key, item in plan.external.items()]),
    )
    return clean(whole)


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _MARK in stream.read(_HEAD)
    except OSError:
        return False


PAGE = Kind("page of hpi-review", _is_page)


def _list(title: str, items: Any) -> str:
    if not items:
        return ""
    return f"<h2>{escape(title)}</h2><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _identifier(address: str) -> str:
    return "m-" + "".join(char if char.isalnum() else "-" for char in address)


def _row(row: ModuleView) -> str:
    cells = (row.model, row.device, row.backend, row.precision, row.threads, str(row.batch), row.reason)
    # A long address may break after its dots.
    link = f'<a href="#{_identifier(row.address)}">{escape(row.address).replace(".", ".<wbr>")}</a>'
    return f'<tr><th scope="row">{link}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>\n'


def _details(row: ModuleView) -> str:
    parts = [
        _pairs("Options of the engine", row.config),
        _reasons(row.others),
        _list("Before the first run", row.prepare),
        _list("Falls back on", row.fallback),
        _list("Uses the session of", (row.session,) if row.session else ()),
        _pairs("Settings", row.settings),
        _files(row.files),
    ]
    return (
        f'<details class="module" id="{_identifier(row.address)}"><summary>{escape(row.address)} '
        f"<span>{escape(row.backend)} · {escape(row.model)}</span></summary>{''.join(parts)}</details>\n"
    )


def _pairs(title: str, values: Mapping[str, tuple[Any, str]]) -> str:
    if not values:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td><code>{escape(text.value(item))}</code></td>'
        f"<td>{escape(origin)}</td></tr>"
        for key, (item, origin) in values.items()
    )
    head = '<tr><th scope="col">key</th><th scope="col">value</th><th scope="col">from</th></tr>'
    return f"<h3>{escape(title)}</h3><table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _reasons(others: Mapping[str, str]) -> str:
    return _list("Not chosen", [f"{name}: {reason}" for name, reason in others.items()]).replace("h2>", "h3>")


def _files(files: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(digest)}</code></td></tr>'
        for name, digest in files.items()
    )
    return f"<h3>Files</h3><table><tbody>{rows}</tbody></table>"


# -- graph ---------------------------------------------------------------------------------------


def _graph(plan: PlanView) -> str:
    """Draw the stages in rows, each below the last of those that it needs."""
    levels = _levels(plan.stages)
    places: dict[str, tuple[int, int]] = {}
    for level, names in enumerate(levels):
        for column, name in enumerate(names):
            places[name] = (column * (_BOX[0] + _GAP[0]) + 8, level * (_BOX[1] + _GAP[1]) + 8)
    width = max(map(len, levels)) * (_BOX[0] + _GAP[0]) - _GAP[0] + 16
    height = len(levels) * (_BOX[1] + _GAP[1]) - _GAP[1] + 16
    rows = {row.address: row for row in plan.modules}
    parts = [*_edges(plan.stages, places), *_boxes(plan.stages, places, rows)]
    described = "; ".join(f"{stage.name} after {', '.join(stage.after)}" for stage in plan.stages)
    return (
        f'<div class="graph" tabindex="0" role="group" aria-label="The stage graph, scrollable"><svg role="img" '
        f'aria-label="{escape(described)}" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"{_ARROW}{''.join(parts)}</svg></div>"
    )


_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker></defs>'
)


def _levels(stages: tuple[StageView, ...]) -> list[list[str]]:
    depth = {"input": 0}
    for stage in stages:
        depth[stage.name] = 1 + max((depth.get(before, 0) for before in stage.after), default=0)
    levels: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, level in depth.items():
        levels[level].append(name)
    return levels


def _edges(stages: tuple[StageView, ...], places: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    for stage in stages:
        for before in stage.after:
            x1, y1 = places.get(before, places["input"])
            x2, y2 = places[stage.name]
            # A line that passes other rows runs beside their boxes.
            shift = 0 if y2 - y1 == _BOX[1] + _GAP[1] else _BOX[0] // 2 - 16
            start, end = (x1 + _BOX[0] // 2 + shift, y1 + _BOX[1]), (x2 + _BOX[0] // 2 + shift, y2)
            bend = max(_GAP[1] // 2, (end[1] - start[1]) // 3)
            side = 0 if not shift else _GAP[0] + 16
            curve = (
                f"M{start[0]} {start[1]}C{start[0] + side} {start[1] + bend} {end[0] + side} {end[1] - bend} "
                f"{end[0]} {end[1]}"
            )
            yield f'<path class="edge" d="{curve}" marker-end="url(#arrow)"/>'


def _boxes(
    stages: tuple[StageView, ...], places: Mapping[str, tuple[int, int]], rows: Mapping[str, ModuleView]
) -> Iterator[str]:
    yield _box(places["input"], "input", "a picture", "op")
    for stage in stages:
        row = rows.get(stage.address)
        if row is None:
            yield _box(places[stage.name], stage.name, stage.what, "op")
        else:
            box = _box(places[stage.name], stage.name, f"{row.model} · {row.backend}", "model")
            yield f'<a href="#{_identifier(row.address)}">{box}</a>'


def _box(place: tuple[int, int], name: str, what: str, kind: str) -> str:
    x, y = place
    short = what if len(what) <= 36 else what[:35] + "…"
    return (
        f'<g class="{kind}"><title>{escape(f"{name}: {what}")}</title><rect x="{x}" y="{y}" width="{_BOX[0]}" '
        f'height="{_BOX[1]}" rx="6"/><text x="{x + 10}" y="{y + 19}" class="name">{escape(name)}</text>'
        f'<text x="{x + 10}" y="{y + 36}">{escape(short)}</text></g>'
    )
