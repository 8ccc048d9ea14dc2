"""The differences between the inputs of two plans, each to be brought into the first by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hpi_schemas import credentials
from hpi_schemas.target import Target, from_json

from hpi_planner.compile import Request
from hpi_planner.review.both_models import BothModels
from hpi_planner.review.inputs import Inputs
from hpi_planner.review.paths import ABSENT, is_same
from hpi_planner.review.said import Spot
from hpi_planner.syntax.overrides import Override
from hpi_planner.syntax.tree import Path, Tree, dotted

# Brings one difference into a request.
Exchange = Callable[[Request], Request]


class SourceEdit(NamedTuple):
    """One difference of two YAMLs.

    Attributes:
        path: of the value.
        value: that of the second, ``ABSENT`` where it has none.
    """

    path: Path
    value: Any


SOURCE, OVERRIDE, TARGET, MODEL, PROFILE, RULES = "source", "override", "target", "model", "profile", "rules"


# Two of them are never the same one: values may be equal, and need not be hashable.
@dataclass(frozen=True, eq=False)
class InputChange:
    """One difference between the inputs of two plans.

    Attributes:
        kind: ``source``, ``override``, ``target``, ``model`` or ``profile``.
        what: the dotted key of the YAML, the token of the override, the fact of the target, the module's address.
        old, new: the values; ``ABSENT`` where there is none.
        spot: of the new value in the YAML, or of the old one where it is gone; None for other kinds.
    """

    kind: str
    what: str
    old: Any
    new: Any
    spot: Spot | None = None


# A difference, and what brings it into a request.
Step = tuple[InputChange, Exchange | SourceEdit]


def both_models(before: Inputs, after: Inputs) -> BothModels:
    """Return what knows the models of two plans, those of the first where both have one in the same folder."""
    return BothModels(before.plan, after.plan, before.folders(), after.folders())


def exchanges(before: Inputs, after: Inputs) -> Iterator[Step]:
    """Yield every difference between the inputs of two plans, and what brings it into the request of the first."""
    yield from _of_source(before, after)
    yield from _of_overrides(before, after)
    yield from _of_target(before, after)
    yield from _of_models(before, after)
    yield from _of_profile(before, after)


def _of_profile(before: Inputs, after: Inputs) -> Iterator[tuple[InputChange, Exchange]]:
    """Yield the profile and how to decide by it, together: one makes no sense without the other."""
    old, new = before.profile, after.profile
    if old == new:
        return
    one, other = (None if each is None else each.file for each in (old, new))
    told = InputChange(PROFILE, "profile", one, other)
    if old is not None and new is not None and old.digest == new.digest:
        for what, first, second in (
            ("--optimize", old.optimize, new.optimize),
            ("--max-accuracy-drop", old.max_accuracy_drop, new.max_accuracy_drop),
        ):
            told = InputChange(PROFILE, what, first, second) if first != second else told
    yield told, lambda request: replace(request, profile=after.profile)


def _of_source(before: Inputs, after: Inputs) -> Iterator[Step]:
    first, second = before.plan.plan.source, after.plan.plan.source
    trees = before.tree(), after.tree()
    old, new = trees
    if old is not None and new is not None:
        for path, one, other in leaves(old.value, new.value):
            is_gone = other is ABSENT
            below = _single(one if is_gone else other)
            held, name = (old, before.name) if is_gone else (new, after.name)
            told = (*path, *below)
            span = held.key_span(told) if is_gone else held.span(told)
            one_value, other_value = (
                item if item is ABSENT else credentials.hidden(told, item)
                for item in (_under(one, below), _under(other, below))
            )
            spot = Spot(name, span.line, span.column)
            yield InputChange(SOURCE, dotted(told), one_value, other_value, spot), SourceEdit(path, other)
    if (first.file, first.builtin) != (second.file, second.builtin):
        where = (first.file or first.builtin, second.file or second.builtin)
        yield (
            InputChange(SOURCE, "the YAML's name", *where),
            lambda request: replace(request, source=replace(second, overrides=(), profile=None)),
        )


def leaves(old: Any, new: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Yield the values in which two YAMLs differ, by their paths; what is absent in one is one value."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*new, *old)):
            yield from leaves(old.get(key, ABSENT), new.get(key, ABSENT), (*path, key))
    elif not is_same(old, new):
        yield path, old, new


def _single(value: Any) -> Path:
    """Return the keys that lead to the one value of a mapping of mappings with one key each."""
    path: Path = ()
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        path = (*path, key)
    return path


def _under(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key] if isinstance(value, dict) else ABSENT
    return value


def _edited(tree: Tree, edits: Sequence[SourceEdit]) -> bytes:
    """Return a YAML with other values at some paths."""
    import yaml

    dumper = type("_Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    whole = tree.value
    for edit in edits:
        whole = _with(whole, edit.path, edit.value)
    text: str = yaml.dump(whole, Dumper=dumper, allow_unicode=True, sort_keys=False)
    return text.encode()


def exchanged(request: Request, taken: Sequence[Exchange | SourceEdit], tree: Tree | None) -> Request:
    """Return a request with some of the differences.

    Args:
        request: of the first plan.
        taken: the differences.
        tree: its YAML, None if that cannot be read.
    """
    edits = [item for item in taken if isinstance(item, SourceEdit)]
    if edits and tree is not None:
        # All at once: reading and writing the YAML takes longer than all else.
        request = replace(request, data=_edited(tree, edits))
    for item in taken:
        if not isinstance(item, SourceEdit):
            request = item(request)
    return request


def _with(container: Any, path: Path, value: Any) -> Any:
    """Return a container with another value at a path; mappings that lack on the way are made."""
    if not path:
        return value
    own = container if isinstance(container, dict) else {}
    below = _with(own.get(path[0]), path[1:], value)
    return {key: item for key, item in {**own, path[0]: below}.items() if item is not ABSENT}


def _of_overrides(before: Inputs, after: Inputs) -> Iterator[tuple[InputChange, Exchange]]:
    old, new = before.plan.overrides, after.plan.overrides
    if set(old) == set(new):
        if old != new:
            told = InputChange(OVERRIDE, "the order of the overrides", ABSENT, ABSENT)
            yield told, lambda request: replace(request, overrides=new)
        return
    gone = [item for item in old if item not in new]
    for layer in (item for item in new if item not in old):
        same = next((item for item in gone if (item.flag, item.path) == (layer.flag, layer.path)), None)
        if same is None:
            yield InputChange(OVERRIDE, layer.token, ABSENT, _said(layer)), _adding(layer, new)
        else:
            gone.remove(same)
            yield InputChange(OVERRIDE, layer.token, _said(same), _said(layer)), _replacing(same, layer)
    for layer in gone:
        yield InputChange(OVERRIDE, layer.token, _said(layer), ABSENT), _removing(layer)


def _said(layer: Override) -> str:
    return layer.text.partition("=")[2] if layer.flag is None else layer.text


def _adding(layer: Override, order: Sequence[Override]) -> Exchange:
    """Return what adds an override, at its place among those of the new plan."""

    def add(request: Request) -> Request:
        given = request.overrides
        later = tuple(item for item in order if item in given or item == layer)
        return replace(request, overrides=(*(item for item in given if item not in order), *later))

    return add


def _replacing(old: Override, new: Override) -> Exchange:
    return lambda request: replace(request, overrides=tuple(new if item == old else item for item in request.overrides))


def _removing(layer: Override) -> Exchange:
    return lambda request: replace(request, overrides=tuple(item for item in request.overrides if item != layer))


def _of_target(before: Inputs, after: Inputs) -> Iterator[tuple[InputChange, Exchange]]:
    old, new = before.machine(), after.machine()
    for path, one, other in leaves(old, new):
        if ABSENT in (one, other):
            # A plan has the facts that its decisions read: what only one of two has is no difference of machines.
            continue

        def exchanged(request: Request, path: Path = path, other: Any = other) -> Request:
            target = from_json(_with(request.target().to_json(), path, other))
            return replace(request, target=lambda: target)

        yield InputChange(TARGET, ".".join(path), one, other), exchanged


def both_targets(before: Inputs, after: Inputs) -> Target:
    """Return the target of the first of two plans, with what only the second tells of its machine."""
    return from_json(_merged(before.machine(), after.machine()))


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _merged(first[key], second[key])
        if isinstance(first.get(key), dict) and isinstance(second.get(key), dict)
        else first.get(key, second.get(key))
        for key in {**second, **first}
    }


def _of_models(before: Inputs, after: Inputs) -> Iterator[tuple[InputChange, Exchange]]:
    reader = both_models(before, after)
    for address in reader.exported_again():

        def exchanged(request: Request, address: str = address) -> Request:
            assert isinstance(request.reader, BothModels)
            return replace(request, reader=request.reader.with_new(address))

        yield (
            InputChange(MODEL, address, reader.digests(before.plan, address), reader.digests(after.plan, address)),
            (exchanged),
        )
