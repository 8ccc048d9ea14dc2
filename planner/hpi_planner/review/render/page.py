"""A plan as a page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import groupby
from typing import Any

from hpi_planner.review.names import Names, pipeline_of
from hpi_planner.review.render import drawing
from hpi_planner.review.render.frame import TOOLS, bullets, coded, framed, identifier, name, prose, table
from hpi_planner.review.view import ModuleView, PlanView

_COLUMNS = ("module", "model", "backend", "device", "threads", "batch", "why")


def page(plan: PlanView, title: str) -> str:
    """Return the page; ``title`` is the name of the plan."""
    names = Names(row.address for row in plan.modules)
    external = [f"{names.short(key)}: {item.kind.replace('_', ' ')}" for key, item in plan.external.items()]
    body = [
        bullets("To note", plan.warnings),
        "<h2>What runs</h2>",
        graph(plan),
        '<h2 id="models">Models</h2>',
        _models(plan, names),
        "<h2>Why these backends</h2>",
        _reasons(plan, names),
        "<h2>Details</h2>",
        TOOLS,
        *(_details(row, names) for row in plan.modules),
        bullets("External", external),
    ]
    return framed(f"{plan.title} — {title}", plan.title, plan.summary, plan.facts, "\n".join(filter(None, body)))


def graph(plan: PlanView) -> str:
    """Return the drawing of the stages, or who runs the pipeline without any."""
    told = ""
    if not plan.stages:
        who = "PaddleX runs this pipeline by its own code" if plan.host else "hpi-run has no stages for this pipeline"
        told = f"<p>{who}; these are its models, below the sub-pipelines that they stand in.</p>"
    if not plan.stages and not plan.modules:
        return told
    ids = {row.address: identifier(row.address) for row in plan.modules}
    label = "The stage graph, scrollable"
    drawn = drawing.svg(plan, ids)
    return f'{told}<div class="graph scroll" tabindex="0" role="group" aria-label="{label}">{drawn}</div>'


def _models(plan: PlanView, names: Names) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in _COLUMNS)
    ordered = sorted(plan.modules, key=lambda row: pipeline_of(row.address))
    numbers = {reason: number for number, reason in enumerate(dict.fromkeys(row.reason for row in ordered), 1)}
    bodies = []
    for pipeline, rows in groupby(ordered, key=lambda row: pipeline_of(row.address)):
        shown = "".join(_row(row, names, numbers) for row in rows)
        title = f'<tr><th colspan="{len(_COLUMNS)}" scope="rowgroup">{name(_pipeline(pipeline))}</th></tr>'
        bodies.append(f'<tbody class="group">{title if pipeline else ""}{shown}</tbody>')
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="The table of models, scrollable">'
        f'<table class="models"><thead><tr>{head}</tr></thead>{"".join(bodies)}</table></div>'
    )


def _pipeline(address: str) -> str:
    return address.replace("SubPipelines.", "")


def _row(row: ModuleView, names: Names, numbers: Mapping[str, int]) -> str:
    link = f'<a href="#{identifier(row.address)}">{name(names.short(row.address))}</a>'
    threads = f"{row.threads} threads" if row.threads else ""
    engine = f"{row.backend} {row.precision}".strip()
    why = f'<a href="#why-{numbers[row.reason]}">reason {numbers[row.reason]}</a>'
    cells = (name(row.model), name(engine), name(row.device), threads, f"batch {row.batch}", why)
    return f'<tr><th scope="row">{link}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>\n'


def _reasons(plan: PlanView, names: Names) -> str:
    """List every reason once, with the modules that it holds for."""
    groups: dict[str, list[str]] = {}
    for row in sorted(plan.modules, key=lambda row: pipeline_of(row.address)):
        groups.setdefault(row.reason, []).append(names.short(row.address))
    items = "".join(
        f'<li id="why-{number}">{prose(reason)} <span>({", ".join(map(name, same))})</span></li>'
        for number, (reason, same) in enumerate(groups.items(), 1)
    )
    return f"<ol>{items}</ol>"


def _details(row: ModuleView, names: Names) -> str:
    session = [f"that of {names.short(row.session)}: same model, engine and device"] if row.session else []
    parts = [
        _pairs("Options of the engine", row.config),
        bullets("Not chosen", [f"{backend}: {reason}" for backend, reason in row.others.items()], 3),
        bullets("Before the first run", row.prepare, 3),
        bullets("Falls back on", row.fallback, 3),
        bullets("Session", session, 3),
        _pairs("Settings", row.settings),
        _files(row.files),
    ]
    return (
        f'<details class="module part" id="{identifier(row.address)}"><summary>{name(row.address)} '
        f"<span>{name(row.backend)} · {name(row.model)}</span></summary>{''.join(parts)}</details>\n"
    )


def _pairs(title: str, values: Mapping[str, tuple[Any, str]]) -> str:
    if not values:
        return ""
    rows = [(name(key), coded(item), prose(origin)) for key, (item, origin) in values.items()]
    return f"<h3>{escape(title)}</h3>{table(('key', 'value', 'from'), rows, title)}"


def _files(files: Mapping[str, str]) -> str:
    rows = [(name(file), coded(digest)) for file, digest in files.items()]
    return f"<h3>Files</h3>{table(('file', 'digest'), rows, 'Files')}" if rows else ""
