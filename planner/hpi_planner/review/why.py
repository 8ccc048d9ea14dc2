"""Why a value of a plan is what it is: the winner, the losers, and the pass that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas import yaml_data
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.plan import write
from hpi_schemas.plan.origin import Origin

from hpi_planner.compile import Request, compile
from hpi_planner.diagnostics import render
from hpi_planner.diagnostics.model import Span
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir
from hpi_planner.paddlex import legal_keys
from hpi_planner.review import view
from hpi_planner.review.causes import at
from hpi_planner.review.changes import ABSENT
from hpi_planner.review.plans import ReviewedPlan, ReviewError
from hpi_planner.review.text import value
from hpi_planner.select.reasons import WHY
from hpi_planner.syntax.compose import YamlTextError, compose
from hpi_planner.syntax.overrides import Override
from hpi_planner.syntax.tree import Tree, dotted

# What each pass writes into a module of a plan; the first that fits.
_PASSES = (
    ("engine", "select"),
    ("not_chosen", "select"),
    ("device", "bind_target"),
    ("model.name", "inherit"),
    ("model", "locate"),
    ("", "inherit"),
)
# Keys whose origin has another name.
_RECORDED_AS = {"model.name": "model_name", "model.dir": "model_dir"}


@dataclass(frozen=True)
class Candidate:
    """One place that says something about a key.

    Attributes:
        place: for people, with line and column where there is a source.
        value: what it says.
        excerpt: the source line with a caret, empty without a source.
        wins: this one counts.
    """

    place: str
    value: Any
    excerpt: str
    wins: bool


@dataclass(frozen=True)
class Answer:
    """Why a key of a module has its value.

    Attributes:
        address, key: what was asked about.
        value: its value in the plan.
        origin: the recorded origin, for people; empty if none is recorded.
        derived_by: the pass that wrote it.
        candidates: every place that says something about it, the deepest level first; empty without the source.
        not_chosen: backends and why not, for questions about the backend.
    """

    address: str
    key: str
    value: Any
    origin: str
    derived_by: str
    candidates: tuple[Candidate, ...]
    not_chosen: Mapping[str, str]


def why(plan: ReviewedPlan, question: str, request: Request | None) -> Answer:
    """Answer ``ADDRESS[.KEY]``; without a key it is about the backend.

    Args:
        plan: the plan.
        question: what was asked.
        request: what the plan was made from, None where the source is not at hand.

    Raises:
        ReviewError: the plan has no such module or key.
    """
    address, key = _split(plan, question)
    record, document = plan.modules[address], write.module(plan.modules[address])
    path = _path_of(document, key)
    if path is None:
        keys = [".".join(path) for path in _paths(document) if path[0] not in ("origin", "not_chosen")]
        raise ReviewError(f"`{address}` has no `{key}`; {did_you_mean(key, keys)}")
    recorded = record.origins.get(_RECORDED_AS.get(key, key))
    is_backend = key == "engine.backend"
    return Answer(
        address=address,
        key=key,
        value=at(document, path),
        origin="" if recorded is None else view.origin(recorded, plan.plan.source),
        derived_by=next(name for prefix, name in _PASSES if key.startswith(prefix)),
        candidates=() if request is None else tuple(_candidates(request, address, recorded, key)),
        not_chosen={name: WHY.get(code, code) for name, code in record.not_chosen.items()} if is_backend else {},
    )


def question_at(plan: ReviewedPlan, line: int) -> str:
    """Return ``ADDRESS.KEY`` of a line of the plan, counted from 1.

    Raises:
        ReviewError: the line belongs to no module.
    """
    try:
        tree, _ = compose(str(plan.place), plan.text)
    except YamlTextError as fault:
        raise ReviewError(fault.diagnostic.message) from None
    path = _path_at(tree, line)
    if len(path) < 2 or path[0] != "modules":
        raise ReviewError(f"{plan.place}:{line} belongs to no module; lines below `modules` have an answer")
    return ".".join(map(str, path[1:]))


def told(answer: Answer) -> str:
    """Write an answer for a terminal."""
    lines = [f"{answer.address}.{answer.key} = {value(answer.value)}"]
    lines.append(f"  from {answer.origin or 'the plan alone'}; derived by the pass `{answer.derived_by}`")
    for candidate in answer.candidates:
        verdict = "wins" if candidate.wins else "loses"
        lines.append(f"  {verdict}: {value(candidate.value)} at {candidate.place}")
        lines.extend(f"    {line}" for line in candidate.excerpt.splitlines())
    lines.extend(f"  not {name}: {reason}" for name, reason in answer.not_chosen.items())
    return "\n".join(lines) + "\n"


def _split(plan: ReviewedPlan, question: str) -> tuple[str, str]:
    for address in sorted(plan.modules, key=len, reverse=True):
        if question == address:
            return address, "engine.backend"
        if question.startswith(f"{address}."):
            key = question[len(address) + 1 :]
            record = write.module(plan.modules[address])
            known = (key, f"engine.{key}", f"engine.config.{key}", f"settings.{key}", key.replace("model_", "model."))
            return address, next((item for item in known if _path_of(record, item) is not None), key)
    addresses = list(plan.modules)
    near = did_you_mean(question, addresses)
    raise ReviewError(f"the plan has no module `{question}`; {near}")


def _path_of(record: Any, key: str) -> tuple[str, ...] | None:
    """Return the path of a dotted key, whose parts may hold dots themselves, None if there is none."""
    if not isinstance(record, Mapping):
        return None
    if key in record:
        return (key,)
    for name, below in record.items():
        rest = _path_of(below, key[len(name) + 1 :]) if key.startswith(f"{name}.") else None
        if rest is not None:
            return (name, *rest)
    return None


def _paths(record: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, item in record.items():
        if isinstance(item, dict) and item:
            yield from _paths(item, (*path, key))
        else:
            yield (*path, key)


def _path_at(tree: Tree, line: int) -> tuple[Any, ...]:
    """Return the path of the last key that starts at or before a line, at the depth of that line."""
    path: tuple[Any, ...] = ()
    shadow = tree.shadow
    while True:
        inside = [
            key
            for key, child in shadow.children.items()
            if shadow.keys.get(key, child.span).line <= line <= child.span.end_line
        ]
        if not inside:
            return path
        # Of neighbours that touch the line, the one that starts on it.
        key = max(inside, key=lambda name: shadow.keys.get(name, shadow.children[name].span).line)
        if not isinstance(key, str):
            return path
        path, shadow = (*path, key), shadow.children[key]


# -- candidates ----------------------------------------------------------------------------------


def _candidates(request: Request, address: str, recorded: Origin | None, key: str) -> Iterator[Candidate]:
    """Yield every place in the source and the overrides that says something about a key."""
    ir = compile(request, "override")
    bare = compile(request, "read")
    if ir.tree is None or bare.tree is None:
        return
    own = _recorded_key(recorded, request) or _own_key(key)
    if own is None:
        return
    for node in _levels(tuple(address.split(".")), own[0] in legal_keys.INHERITED):
        path = (*node, *own)
        for index, layer in reversed(list(enumerate(request.overrides))):
            yield from _from_override(ir, index, layer, path, recorded)
        if bare.tree.has(path):
            span = bare.tree.span(path)
            yield Candidate(
                _place(span),
                bare.tree.get(path),
                _excerpt(bare, span),
                recorded == Origin(plan_origin.FILE, dotted(path)),
            )


def _recorded_key(recorded: Origin | None, request: Request) -> tuple[str, ...] | None:
    """Return the key of the YAML that a recorded origin names, without the level that it stands at."""
    if recorded is None:
        return None
    path: tuple[str, ...] = tuple(recorded.name.split(".")) if recorded.kind == plan_origin.FILE else ()
    number = recorded.override
    if number is not None and number < len(request.overrides):
        path = tuple(map(str, request.overrides[number].path))
    place = next((index for index, name in enumerate(path) if name in legal_keys.INHERITED), None)
    return None if place is None else path[place:]


def _own_key(key: str) -> tuple[str, ...] | None:
    """Return the key of the YAML that a key of the plan usually comes from."""
    parts = tuple(key.split("."))
    if parts[0] == "settings":
        return parts[1:] or None
    if parts[:2] == ("engine", "backend"):
        return ("hpi_config", "backend")
    if parts[:2] == ("engine", "config"):
        return ("hpi_config", "backend_config", *parts[2:])
    if key in _RECORDED_AS:
        return (_RECORDED_AS[key],)
    return parts if parts[0] in (*legal_keys.INHERITED, "batch_size", "model_dir") else None


def _levels(path: tuple[str, ...], handed_down: bool) -> Iterator[tuple[str, ...]]:
    """Yield the module, and where keys are handed down, every level above it."""
    yield path
    if handed_down:
        for end in range(len(path) - 2, -1, -2):
            yield path[:end]


def _from_override(
    ir: Ir, index: int, layer: Override, path: tuple[str, ...], recorded: Origin | None
) -> Iterator[Candidate]:
    whole = tuple(map(str, layer.path))
    if path[: len(whole)] != whole or layer.flag == "device":
        return
    token = layer.token
    text = layer.text.partition("=")[2] if layer.flag is None else layer.text
    if at({"value": yaml_data.load(text)}, ("value", *path[len(whole) :])) is ABSENT:
        return
    own = Origin(plan_origin.OVERRIDE, str(index))
    span = Span(str(own), 1, 1, 1, len(token) + 1)
    said = token.partition("=")[2] if "=" in token else layer.text
    yield Candidate(f"<command line> `{token}`", said, _excerpt(ir, span), recorded == own)


def _place(span: Span) -> str:
    return f"{span.source}:{span.line}:{span.column}"


def _excerpt(ir: Ir, span: Span) -> str:
    return render.excerpt(span, ir.texts)
