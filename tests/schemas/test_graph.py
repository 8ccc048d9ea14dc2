"""What flows in a graph fits where it flows, or the plan is refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hpi_schemas import ops, tasks
from hpi_schemas.plan.graph import GraphError, typed
from hpi_schemas.plan.model import Graph, Stage
from hpi_schemas.values import Value, read

TASKS = {"D": "text_detection", "L": "layout_detection", "R": "text_recognition", "X": "abacus"}
DETECT = Stage({"image": "input.image"}, module="D")
CROP = Stage({"image": "input.image", "polys": "d.dt_polys"}, op="crop_lines")
READ = Stage({"image": "crop.crops"}, module="R", many=True)


def graph(stages: Mapping[str, Stage], outputs: Mapping[str, str] | None = None) -> Graph:
    return Graph(stages, tuple(stages), outputs or {})


def test_types_follow_the_wires() -> None:
    types = typed(graph({"d": DETECT, "crop": CROP, "r": READ}), TASKS)
    assert str(types["d.dt_polys"]) == "polygons"
    assert str(types["crop.crops"]) == "a list of picture"
    assert str(types["r.rec_text"]) == "a list of text"
    assert "r.result" not in types


def test_a_graph_for_each_element_gives_lists() -> None:
    inner = graph({"r": Stage({"image": "input.image"}, module="R")}, {"text": "r.rec_text", "all": "r.result"})
    types = typed(graph({"d": DETECT, "crop": CROP, "e": Stage({"image": "crop.crops"}, each=inner)}), TASKS)
    assert str(types["e.text"]) == "a list of text"
    found = types["e.all"]
    assert found is not None
    assert list(found.fields) == ["rec_text", "rec_score", "columns"]


def test_what_an_unknown_task_gives_may_be_anything() -> None:
    stages = {"x": Stage({"pages": "input.image"}, module="X"), "crop": Stage(CROP.inputs, op="crop_lines")}
    types = typed(graph({**stages, "crop": Stage({"image": "x.a", "polys": "x.b"}, op="crop_lines")}), TASKS)
    assert str(types["crop.polys"]) == "polygons"
    assert "x.a" not in types


WRONG: list[tuple[dict[str, Stage], str]] = [
    ({"d": Stage({"image": "nowhere.image"}, module="D")}, "needs `nowhere.image`, which no stage before it gives"),
    ({"d": Stage({"image": "input.page"}, module="D")}, "needs `input.page`, which is no port of `input`"),
    ({"d": DETECT, "crop": Stage({**CROP.inputs, "polys": "d.polys"}, op="crop_lines")}, "is no port of `d`"),
    ({"d": Stage({"picture": "input.image"}, module="D")}, "has no port `picture`"),
    ({"d": Stage({}, module="D")}, "nothing flows into `image` of the stage `d`"),
    ({"d": Stage({"image": "input.image"}, module="D", many=True)}, "takes a list of picture at `image`, and picture"),
    (
        {"d": DETECT, "crop": CROP, "r": Stage({"image": "crop.crops"}, module="R")},
        "takes picture at `image`, and a list",
    ),
    (
        {"d": DETECT, "crop": Stage({**CROP.inputs, "polys": "d.dt_scores"}, op="crop_lines")},
        "takes polygons at `polys`",
    ),
    ({"d": DETECT, "crop": Stage({"image": "input.image"}, op="crop_lines")}, "nothing flows into `polys`"),
    ({"d": DETECT, "crop": Stage(CROP.inputs, op="crop_lines", params={"x": 1})}, "has no parameter `x`"),
    ({"d": DETECT, "r": Stage({"crops": "d.dt_polys"}, op="turn_lines")}, "takes a list of picture at `crops`"),
    ({"m": Stage({"image": "input.image"}, module="M")}, "which the plan does not have"),
    ({"e": Stage({"image": "input.image"}, each=graph({}))}, "runs for each element of `image`, which is picture"),
    (
        {"d": DETECT, "crop": CROP, "e": Stage({"image": "crop.crops"}, each=graph({}, {"x": "input.y"}))},
        "`graph.outputs.x` needs `input.y`",
    ),
]


@pytest.mark.fault("plans whose parts do not fit together")
@pytest.mark.parametrize(("stages", "reason"), WRONG, ids=[item[1] for item in WRONG])
def test_what_does_not_fit_is_told(stages: dict[str, Stage], reason: str) -> None:
    with pytest.raises(GraphError) as told:
        typed(graph(stages), TASKS)
    assert reason in str(told.value)


@pytest.mark.fault("plans whose parts do not fit together")
@pytest.mark.parametrize(
    ("params", "reason"),
    [({}, "lacks its parameter `score_thresh`"), ({"score_thresh": "x"}, "must be of type number")],
)
def test_parameters_are_those_of_the_op(params: Any, reason: str) -> None:
    turn = Stage(
        {"crops": "crop.crops", "class_ids": "c.class_ids", "scores": "c.scores"}, op="turn_lines", params=params
    )
    classify = Stage({"image": "crop.crops"}, module="C", many=True)
    stages = {"d": DETECT, "crop": CROP, "c": classify, "t": turn}
    with pytest.raises(GraphError, match=reason):
        typed(graph(stages), {**TASKS, "C": "textline_orientation"})


@pytest.mark.parametrize("name", ops.names())
def test_every_op_has_a_function_and_kinds_that_are_known(name: str) -> None:
    from hpi_runtime import kinds
    from hpi_runtime import ops as functions

    contract = ops.find(name)
    assert contract is not None
    assert functions.find(name) is not None
    for value in (
        *contract.takes.values(),
        *contract.gives.values(),
        *contract.gives.get("result", Value("x")).fields.values(),
    ):
        assert kinds.find(value.kind)


@pytest.mark.parametrize("task", tasks.load_all())
def test_every_task_has_a_class_and_kinds_that_are_known(task: str) -> None:
    from hpi_runtime import kinds
    from hpi_runtime import tasks as classes

    contract = tasks.find(task)
    assert contract is not None
    assert classes.find(task) is not None
    for value in (*contract.takes.values(), *contract.gives.values()):
        assert kinds.find(value.kind)
        assert set(value.beside.values()) <= set(contract.gives)


def test_a_value_is_written_in_few_words() -> None:
    assert read("picture") == Value("picture")
    assert read(["picture"]) == Value("picture", many=True)
    assert read({"kind": ["text"], "optional": True, "at": "polys"}) == Value(
        "text", many=True, optional=True, beside={"at": "polys"}
    )
