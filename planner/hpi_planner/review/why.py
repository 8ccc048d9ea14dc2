"""Why a value of a plan is what it is: the winner, the losers, and the pass that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas.plan import write
from hpi_schemas.plan.model import Plan

from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.review.names import Names
from hpi_planner.review.paths import at, path_of, paths_of
from hpi_planner.review.plans import ReviewedPlan, ReviewError
from hpi_planner.review.said import RECORDED_AS, Said, Sources
from hpi_planner.review.view import elsewhere
from hpi_planner.review.wording import listed, value
from hpi_planner.review.words import Words
from hpi_planner.syntax.compose import YamlTextError, compose
from hpi_planner.syntax.tree import Tree

# What each pass writes into a module of a plan; the first that fits.
_PASSES = (
    ("engine", "select"),
    ("not_chosen", "select"),
    ("device", "bind_target"),
    ("session", "share"),
    ("model.name", "inherit"),
    ("model", "locate"),
    ("", "inherit"),
)
_BACKEND = "engine.backend"
# That anybody reads in a message.
_MOST_NAMES = 20
# What can be asked about besides modules, and which pass writes it.
_WHOLE = {
    "graph": "schedule",
    "host": "host",
    "target": "bind_target",
    "pipeline": "inherit",
    "replicas": "bind_target",
    "external": "select",
    "source": "read",
    "rules": "freeze",
}


@dataclass(frozen=True)
class Answer:
    """Why a key of a plan has its value.

    Attributes:
        what: was asked about.
        value: its value in the plan.
        origin: where it comes from, for people; empty if nothing is known.
        derived_by: the pass that wrote it.
        said: every place that says something about it, the deepest level first; empty without the source.
        not_chosen: backends and why not, for questions about the backend.
    """

    what: str
    value: Any
    origin: str
    derived_by: str
    said: tuple[Said, ...] = ()
    not_chosen: Mapping[str, str] | None = None


def why(plan: ReviewedPlan, question: str, sources: Sources | None, before: ReviewedPlan | None = None) -> Answer:
    """Answer ``ADDRESS[.KEY]``, or a key of the rest of the plan; of a module alone it is about the backend.

    Args:
        plan: the plan.
        question: what was asked; short names of modules will do where they are unique.
        sources: what the plan was made from, None where that is not at hand.
        before: an older plan, for what is gone from this one.

    Raises:
        ReviewError: the plan has no such module or key.
    """
    names = Names((*plan.modules, *plan.plan.external))
    found = _split(names, question)
    if found is not None and found[0] in plan.modules:
        return _of_module(plan, *found, sources)
    if found is not None:
        return _of_external(plan, *found, sources)
    if question.partition(".")[0] in _WHOLE:
        return _of_the_rest(plan, question, sources)
    setting = _of_pipelines(plan, question, sources)
    if setting is not None:
        return setting
    gone = None if before is None else _split(Names(before.modules), question)
    if before is not None and gone is not None:
        return _gone(plan, before, gone[0], sources)
    several = names.all(question.partition(".")[0])
    if len(several) > 1:
        shorts = listed([f"`{names.short(address)}`" for address in several])
        raise ReviewError(f"`{question}` may be {shorts}; name one of them")
    near = names.near(question)
    known = [*map(names.short, names.addresses), *_WHOLE]
    help = f"did you mean `{near}`?" if near is not None else "`hpi-review show` lists its modules"
    help = did_you_mean(question, known) if near is None and len(known) <= _MOST_NAMES else help
    older = "" if before is not None else "; of what is gone, `--before OLD` knows"
    raise ReviewError(f"the plan has no module `{question}`; {help}{older}")


def question_at(plan: ReviewedPlan, line: int) -> str:
    """Return ``ADDRESS.KEY`` of a line of the plan, counted from 1.

    Raises:
        ReviewError: nothing can be said about it.
    """
    try:
        tree, _ = compose(str(plan.place), plan.text)
    except YamlTextError as fault:
        raise ReviewError(fault.diagnostic.message) from None
    path = _path_at(tree, line)
    if len(path) > 1 and path[0] == "modules":
        return ".".join(map(str, path[1:]))
    if path and path[0] in _WHOLE:
        return ".".join(map(str, path))
    raise ReviewError(f"{plan.place}:{line} belongs to no module; lines below `modules` have an answer")


def told(answer: Answer) -> str:
    """Write an answer for a terminal."""
    lines = [f"{answer.what} = {value(answer.value)}"]
    lines.append(f"  why: {answer.origin or 'the plan alone says so'}; derived by the pass `{answer.derived_by}`")
    for item in answer.said:
        verdict = "wins" if item.wins else "loses"
        lines.append(f"  {verdict}: {value(item.value)} at {item.place}")
        lines.extend(f"    {line}" for line in item.excerpt.splitlines())
    lines.extend(f"  not {name}: {reason}" for name, reason in (answer.not_chosen or {}).items())
    return "\n".join(lines) + "\n"


# -- modules -------------------------------------------------------------------------------------


def _of_module(plan: ReviewedPlan, address: str, key: str, sources: Sources | None) -> Answer:
    record = plan.modules[address]
    document, words = write.module(record), Words(plan.plan, sources)
    known = (key, f"engine.{key}", f"engine.config.{key}", f"settings.{key}", key.replace("model_", "model."))
    key = next((item for item in known if path_of(document, item) is not None), key)
    path = path_of(document, key)
    if path is None:
        keys = [".".join(path) for path in paths_of(document) if path[0] not in ("origin", "not_chosen")]
        raise ReviewError(f"`{address}` has no `{key}`; {did_you_mean(key, keys)}")
    recorded = record.origins.get(RECORDED_AS.get(key, key))
    is_backend = key == _BACKEND
    origin = words.backend(address) if is_backend else words.origin(recorded)
    return Answer(
        what=f"{address}.{key}",
        value=at(document, path),
        origin=words.device() if key == "device" and not origin else origin,
        derived_by=next(name for prefix, name in _PASSES if key.startswith(prefix)),
        said=() if sources is None else tuple(sources.of_module(address, key, recorded)),
        not_chosen=words.not_chosen(address) if is_backend else None,
    )


def _of_external(plan: ReviewedPlan, address: str, key: str, sources: Sources | None) -> Answer:
    item = plan.plan.external[address]
    told = elsewhere(item, plan.plan)
    if key in (_BACKEND, "kind"):
        return Answer(address, item.kind.replace("_", " "), told, "select")
    known = {"model_name": item.model_name, "dir": item.dir, "files": dict(item.files)}
    if key not in known:
        raise ReviewError(f"`{address}` has no `{key}`; {did_you_mean(key, known)}")
    said = () if sources is None else tuple(sources.of_key((*address.split("."), key)))
    winner = next((one.place for one in said if one.wins), told)
    return Answer(f"{address}.{key}", known[key], winner, "select", said)


def _split(names: Names, question: str) -> tuple[str, str] | None:
    """Return the module and the key that a question is about, None if it is about no module."""
    parts = question.split(".")
    for end in range(len(parts), 0, -1):
        address = names.find(".".join(parts[:end]))
        if address is not None:
            return address, ".".join(parts[end:]) or _BACKEND
    return None


def _gone(plan: ReviewedPlan, before: ReviewedPlan, address: str, sources: Sources | None) -> Answer:
    """Say until when a module was there, and what switches it off."""
    engine = before.modules[address].engine.backend
    return Answer(
        what=address,
        value=None,
        origin=f"it was there until {before.place}, on {engine}; {plan.place} has it no longer",
        derived_by="inherit",
        said=() if sources is None else tuple(_switches(before.plan, address, sources)),
    )


def _switches(plan: Plan, address: str, sources: Sources) -> Iterator[Said]:
    """Yield who says something about the keys that switch a module, or a pipeline that it stands in, on or off."""
    steps = address.split(".")
    for end in range(0, len(steps), 2):
        above = tuple(steps[:end])
        for flag in _switches_of(plan, above, sources):
            if sources.value((*above, flag)) is False:
                yield from sources.of_key((*above, flag))


# -- the rest of a plan --------------------------------------------------------------------------


def _of_pipelines(plan: ReviewedPlan, question: str, sources: Sources | None) -> Answer | None:
    """Answer a question about a setting or a switch of a pipeline: of the top one by its name alone."""
    name, _, key = question.rpartition(".")
    for address, settings in plan.plan.pipeline.settings.items():
        path = (*filter(None, address.split(".")), key)
        switches = _switches_of(plan.plan, path[:-1], sources)
        if name not in (address, address.rpartition(".")[2]) or not (key in settings or key in switches):
            continue
        said = () if sources is None else tuple(sources.of_key(path))
        given = switches.get(key) if sources is None or not said else sources.value(path)
        winner = next((item.place for item in said if item.wins), None)
        where = winner or f"the default for the pipeline {address.rpartition('.')[2] or plan.plan.pipeline.name}"
        return Answer(".".join(path), settings.get(key, given), where, "inherit", said)
    return None


def _switches_of(plan: Plan, path: tuple[str, ...], sources: Sources | None) -> Mapping[str, bool]:
    """Return the keys of a pipeline that switch its members on, with what their absence means."""
    from hpi_planner.paddlex import definitions

    name = plan.pipeline.name if not path or sources is None else sources.value((*path, "pipeline_name"))
    return definitions.load(name).flags if isinstance(name, str) and definitions.is_paddlexs(name) else {}


def _of_the_rest(plan: ReviewedPlan, question: str, sources: Sources | None) -> Answer:
    path = path_of(plan.document, question)
    if path is None:
        top = question.partition(".")[0]
        below = plan.document.get(top)
        keys = [f"{top}.{key}" for key in below] if isinstance(below, Mapping) else [top]
        raise ReviewError(f"the plan has no `{question}`; {did_you_mean(question, keys)}")
    if path[:2] == ("pipeline", "settings") and len(path) > 3:
        found = _of_pipelines(plan, ".".join(filter(None, (path[2], *path[3:]))), sources)
        if found is not None:
            return found
    return Answer(question, at(plan.document, path), _origin(plan.plan, path), _WHOLE[path[0]])


def _origin(plan: Plan, path: tuple[str, ...]) -> str:
    """Say where a value of the rest of a plan comes from."""
    top = path[0]
    if top == "graph":
        stage = None if plan.graph is None or len(path) < 3 else plan.graph.stages.get(path[2])
        name = f"the pipeline {plan.pipeline.name}, as hpi-plan wires it"
        if stage is not None and stage.module is not None:
            return f"{name}: this stage runs {stage.module}"
        return f"{name}: this stage is the operation {stage.op}" if stage is not None and stage.op else name
    if top == "target":
        return "the machine that the plan was made for: a decision read this fact of it"
    if top == "host":
        asked = next((token for token in plan.source.overrides if token.startswith("--host=")), None)
        return "hpi-run has no stages of its own for this pipeline" if asked is None else f"`{asked}` says so"
    if top == "replicas":
        return "the device that was asked for names several"
    if top == "external":
        return "no backend of hpi-plan runs it"
    return "what hpi-plan was given" if top == "source" else "hpi-plan itself"


# -- paths ---------------------------------------------------------------------------------------


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
