"""Plans as types: what is written can be read, and what is read is written as it was."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hpi_schemas.plan import origin
from hpi_schemas.plan.read import PlanReadError, from_json, read
from hpi_schemas.plan.write import write
from support import txtar

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "examples").glob("*/plan*.json"))


def golden() -> list[tuple[str, str]]:
    cases = sorted((ROOT / "tests/cases").glob("*.txtar"))
    texts = ((path.stem, txtar.split(path.read_text(encoding="utf-8"))[1].get("after freeze", "")) for path in cases)
    return [(name, text) for name, text in texts if text.strip()]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_committed_plan_is_written_as_it_was_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert write(read(text.encode(), path.name)) == text


@pytest.mark.parametrize(("name", "text"), golden(), ids=[name for name, _ in golden()])
def test_a_golden_plan_is_written_as_it_was_read(name: str, text: str) -> None:
    assert write(read(text.encode(), name)) == text


def test_there_are_plans_to_read() -> None:
    assert len(COMMITTED) >= 6
    assert len(golden()) >= 7


def whole() -> Any:
    return json.loads((ROOT / "examples/ocr/plan.json").read_text(encoding="utf-8"))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@pytest.mark.slow
@pytest.mark.parametrize("value", [None, True, -1, 2.5, "", "a:b", [], {}, {"a": {}}, [[]]])
def test_whatever_stands_in_a_place_is_read_or_refused_in_words(value: Any) -> None:
    """No other exception than the one for people, wherever a plan is damaged."""
    data = whole()
    for path in places(data):
        if not path:
            continue
        changed = copy.deepcopy(data)
        here = changed
        for key in path[:-1]:
            here = here[key]
        here[path[-1]] = value
        try:
            found = from_json(changed, "plan.json")
        except PlanReadError as fault:
            assert str(fault).startswith("plan.json ")
        else:
            write(found)


@pytest.mark.parametrize("kind", origin.KINDS)
def test_an_origin_is_read_as_it_was_written(kind: str) -> None:
    found = origin.Origin(kind, "a:b.c#d")
    assert origin.parse(str(found)) == found


def test_an_override_has_a_number_and_nothing_else_has() -> None:
    assert origin.parse("override:12").override == 12
    assert origin.parse("override:x").override is None
    assert origin.parse("rule:12").override is None
