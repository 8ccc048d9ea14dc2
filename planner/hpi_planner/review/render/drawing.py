"""The stage graph as SVG: layers from top to bottom, sub-pipelines in lanes, no edge behind a box.

The layers are those of Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures",
1981: a stage stands one below the lowest that it needs, and an edge that passes a layer has a place of its own in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from hpi_planner.review.names import pipeline_of
from hpi_planner.review.view import ModuleView, PlanView, StageView

# In pixels; the texts are monospaced, 12 pixels high.
_LETTER, _PADDING, _LINE = 7.3, 12, 16
_GAP_X, _GAP_Y, _PASSING, _MARGIN, _TITLE = 24, 40, 20, 12, 22
_INPUT = "input"


@dataclass
class _Node:
    """A box, or the place where an edge passes a layer.

    Attributes:
        name: of the stage, or of the edge.
        lane: the sub-pipeline, empty for the top.
        layer: from the top.
        lines: of text, empty where an edge passes.
        address: of the module that runs here, empty for none.
        x, y, width, height: where it stands.
    """

    name: str
    lane: str
    layer: int
    lines: tuple[str, ...] = ()
    address: str = ""
    x: float = 0
    y: float = 0
    width: float = _PASSING
    height: float = 0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass
class _Graph:
    nodes: dict[str, _Node] = field(default_factory=dict)
    # The nodes that each edge passes, its ends among them.
    edges: list[list[str]] = field(default_factory=list)
    width: float = 0
    height: float = 0


def svg(plan: PlanView, identify: Mapping[str, str]) -> str:
    """Return the drawing, readable by a screen reader as a list of what comes after what.

    Args:
        plan: without stages its models are drawn, a lane for each sub-pipeline.
        identify: the id of the section of each module, which its box leads to.
    """
    graph = _laid_out(plan) if plan.stages else _beside(plan)
    described = "; ".join(f"{stage.name} after {', '.join(stage.after)}" for stage in plan.stages)
    described = described or "; ".join(row.address for row in plan.modules)
    parts = [*_lanes(graph), *_edges(graph), *_boxes(graph, identify)]
    size = f'width="{graph.width:.0f}" height="{graph.height:.0f}" viewBox="0 0 {graph.width:.0f} {graph.height:.0f}"'
    return f'<svg role="group" aria-label="{escape(described)}" {size}>{_ARROW}{"".join(parts)}</svg>'


_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker></defs>'
)


# -- layout --------------------------------------------------------------------------------------


def _laid_out(plan: PlanView) -> _Graph:
    graph = _Graph()
    rows = {row.address: row for row in plan.modules}
    graph.nodes[_INPUT] = _Node(_INPUT, "", 0, ("input",))
    for stage in plan.stages:
        layer = 1 + max((graph.nodes[name].layer for name in stage.after if name in graph.nodes), default=0)
        graph.nodes[stage.name] = _Node(stage.name, _lane(stage), layer, _lines(stage, rows), stage.address)
    for stage in plan.stages:
        for before in stage.after:
            graph.edges.append(_passing(graph, graph.nodes.get(before, graph.nodes[_INPUT]), graph.nodes[stage.name]))
    _place(graph)
    return graph


def _beside(plan: PlanView) -> _Graph:
    """Lay out the models of a pipeline whose stages nobody here knows: side by side, below their sub-pipelines."""
    graph = _Graph()
    below: dict[str, int] = {}
    for row in plan.modules:
        lane = ".".join(part for part in pipeline_of(row.address).split(".") if part != "SubPipelines")
        name = row.address.rpartition(".")[2]
        stage = StageView(name, "model", row.address, ())
        graph.nodes[row.address] = _Node(
            row.address, lane, below.get(lane, 0), _lines(stage, {row.address: row}), row.address
        )
        below[lane] = below.get(lane, 0) + 1
    _place(graph)
    return graph


def _lane(stage: StageView) -> str:
    """Return the sub-pipeline of a stage: what stands before the last separator of its name."""
    for separator in (": ", "/"):
        if separator in stage.name:
            return stage.name.rpartition(separator)[0]
    return ""


def _lines(stage: StageView, rows: Mapping[str, ModuleView]) -> tuple[str, ...]:
    row = rows.get(stage.address)
    name = stage.name.rpartition("/")[2].rpartition(": ")[2]
    if row is None:
        return tuple(dict.fromkeys((name, stage.what)))
    precision = f" {row.precision}" if row.precision else ""
    lines = [name, row.model, f"{row.backend}{precision}, {row.device}"]
    if row.fallback:
        lines.append(f"else {', '.join(row.fallback)}")
    if row.session:
        lines.append(f"session of {row.session.rpartition('.')[2]}")
    return tuple(lines)


def _passing(graph: _Graph, first: _Node, last: _Node) -> list[str]:
    """Return the nodes of an edge, with a new one in each layer that it passes."""
    names = [first.name]
    for layer in range(first.layer + 1, last.layer):
        name = f"{first.name} → {last.name} in {layer}"
        graph.nodes[name] = _Node(name, last.lane if last.lane == first.lane else "", layer)
        names.append(name)
    return [*names, last.name]


def _place(graph: _Graph) -> None:
    """Give every node its place: layers from top to bottom, lanes side by side."""
    for node in graph.nodes.values():
        if node.lines:
            node.width = max(map(len, node.lines)) * _LETTER + 2 * _PADDING
            node.height = len(node.lines) * _LINE + _PADDING
    layers: list[list[_Node]] = [[] for _ in range(max(node.layer for node in graph.nodes.values()) + 1)]
    for node in graph.nodes.values():
        layers[node.layer].append(node)
    lanes = list(dict.fromkeys(["", *(node.lane for node in graph.nodes.values())]))
    _order(graph, layers)
    left = float(_MARGIN)
    for lane in lanes:
        rows = [[node for node in layer if node.lane == lane] for layer in layers]
        widths = [_width(row) for row in rows]
        width = max([*widths, len(lane) * _LETTER])
        for row, own in zip(rows, widths, strict=True):
            x = left + (width - own) / 2
            for node in row:
                node.x = x
                x += node.width + _GAP_X
        left += width + 2 * _GAP_X
    graph.width = left - 2 * _GAP_X + _MARGIN
    y = float(_MARGIN + (_TITLE if len(lanes) > 1 else 0))
    for layer in layers:
        height = max(node.height for node in layer)
        for node in layer:
            node.y = y
            node.height = node.height or height
        y += height + _GAP_Y
    graph.height = y - _GAP_Y + _MARGIN


def _width(row: Sequence[_Node]) -> float:
    return sum(node.width for node in row) + _GAP_X * max(len(row) - 1, 0)


def _order(graph: _Graph, layers: list[list[_Node]]) -> None:
    """Sort each layer by the mean place of what its nodes hang on, down and up again."""
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for names in graph.edges:
        for one, other in pairwise(names):
            above.setdefault(other, []).append(one)
            below.setdefault(one, []).append(other)
    for neighbours, order in ((above, layers[1:]), (below, layers[-2::-1]), (above, layers[1:])):
        places = {node.name: place for layer in layers for place, node in enumerate(layer)}
        for layer in order:
            layer.sort(
                key=lambda node: _mean([places[name] for name in neighbours.get(node.name, ())], places[node.name])
            )
            places.update({node.name: place for place, node in enumerate(layer)})


def _mean(values: Sequence[int], otherwise: int) -> float:
    return sum(values) / len(values) if values else otherwise


# -- drawing -------------------------------------------------------------------------------------


def _lanes(graph: _Graph) -> Iterator[str]:
    for lane in dict.fromkeys(node.lane for node in graph.nodes.values() if node.lane):
        nodes = [node for node in graph.nodes.values() if node.lane == lane and node.lines]
        left, top = min(node.x for node in nodes) - _MARGIN, min(node.y for node in nodes) - _TITLE
        right = max(*(node.x + node.width for node in nodes), left + len(lane) * _LETTER) + _MARGIN
        bottom = max(node.y + node.height for node in nodes) + _MARGIN
        yield (
            f'<g class="lane"><rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" '
            f'height="{bottom - top:.0f}" rx="8"/><text x="{left + 8:.0f}" y="{top + 14:.0f}">{escape(lane)}</text></g>'
        )


def _edges(graph: _Graph) -> Iterator[str]:
    for names in graph.edges:
        nodes = [graph.nodes[name] for name in names]
        path = f"M{nodes[0].middle:.0f} {nodes[0].y + nodes[0].height:.0f}"
        for one, other in pairwise(nodes):
            start, end = one.y + one.height, other.y
            bend = (end - start) / 2
            path += (
                f"C{one.middle:.0f} {start + bend:.0f} {other.middle:.0f} {end - bend:.0f} {other.middle:.0f} {end:.0f}"
            )
            if other is not nodes[-1]:
                path += f"V{other.y + other.height:.0f}"
        yield f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>'


def _boxes(graph: _Graph, identify: Mapping[str, str]) -> Iterator[str]:
    for node in graph.nodes.values():
        if not node.lines:
            continue
        texts = "".join(_text(node, number, line) for number, line in enumerate(node.lines))
        box = (
            f'<g class="{"model" if node.address else "op"}"><rect x="{node.x:.0f}" y="{node.y:.0f}" '
            f'width="{node.width:.0f}" height="{node.height:.0f}" rx="6"/>{texts}</g>'
        )
        target = identify.get(node.address)
        yield box if target is None else f'<a href="#{target}" aria-label="{escape(" ".join(node.lines))}">{box}</a>'


def _text(node: _Node, number: int, line: str) -> str:
    x, y = node.x + _PADDING, node.y + _LINE * (number + 1)
    kind = ' class="name"' if number == 0 else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{kind}>{escape(line)}</text>'
