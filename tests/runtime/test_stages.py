import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.run.executor import Item, execute_one
from hpi_runtime.run.module_stage import Loaded
from hpi_runtime.run.runner import INFERENCE, POSTPROCESS, PREPROCESS, Runner
from hpi_runtime.run.stages import group_size, workers
from hpi_runtime.run.stream import execute as execute_chains
from hpi_runtime.tasks.base import Arrays as Roles
from hpi_runtime.tasks.base import Feeds, Task
from hpi_schemas.device import CPU
from hpi_schemas.plan.model import Graph, Stage
from hpi_schemas.tasks.binding import Binding

GRAPH = Graph({"one": Stage({"image": "input.images"}, module="M", many=True)}, ("one",), {"n": "one.n"}, "res")
BINDING = Binding({"image": "x"}, {"numbers": "y"})


def execute(source: Any, workers: Any, depth: int = 2, size: int = 1) -> Any:
    """Send items through one chain."""
    return execute_chains(source, [workers], depth, size)


class Doubling(Engine):
    """Doubles a number, and notes who runs when."""

    name = "doubling"

    def _load(self) -> None:
        self.inputs, self.outputs = (Tensor("x", np.dtype(np.float32), (None,)),), ("y",)
        self.running = self.most = 0
        self.gate: threading.Barrier | None = None
        self._lock = threading.Lock()

    def _run(self, arrays: Arrays) -> Arrays:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        if self.gate is not None:
            self.gate.wait()
        if arrays["x"][0] < 0:
            raise ValueError("negative")
        with self._lock:
            self.running -= 1
        return {"y": arrays["x"] * 2}

    def _close(self) -> None:
        pass

    def actual(self) -> dict[str, Any]:
        return {"device": "cpu"}

    @property
    def streams(self) -> int:
        return int(self.config["num_streams"])


class Numbers(Task):
    """A batch of each number; the next one is made when ``ready`` says so."""

    ready: threading.Event | None = None

    def feeds(self, values: Mapping[str, Sequence[Any]]) -> Feeds:
        return Feeds(self._batches(values["image"]), None)

    def _batches(self, images: Sequence[Any]) -> Iterator[Roles]:
        for place, number in enumerate(images):
            if place and self.ready is not None:
                assert self.ready.wait(5), "the first batch does not run before the second is made"
            yield {"image": np.array([number], np.float32)}

    def read(self, outputs: Iterable[Roles], context: Any) -> dict[str, list[Any]]:
        return {"n": [float(output["numbers"][0]) for output in outputs]}


def engine(streams: int) -> Doubling:
    return Doubling(Path(), ("x",), {"num_streams": streams}, CPU)


def items(*numbers: list[float]) -> Iterator[Item[Any]]:
    return (Item(None, {"input.images": each}) for each in numbers)


def test_an_engine_runs_as_many_batches_side_by_side_as_it_has_streams() -> None:
    doubling = engine(2)
    # Breaks, and fails the items, unless two are in there at a time.
    doubling.gate = threading.Barrier(2, timeout=5)
    with Runner("M", doubling, BINDING, None, None) as runner:
        chain = workers(GRAPH, {"M": Loaded(Numbers({}, {}, 1), runner)}, None)
        found = [item.values["one.n"] for item in execute(items([1, 2, 3, 4], [5], [6]), chain)]
    assert found == [[2, 4, 6, 8], [10], [12]]
    assert doubling.most == 2


def test_an_engine_with_one_stream_runs_one_batch_at_a_time_in_order() -> None:
    doubling = engine(1)
    seen: list[float] = []
    with Runner(
        "M", doubling, BINDING, lambda _address, arrays, _outputs: seen.append(float(arrays["x"][0])), None
    ) as runner:
        chain = workers(GRAPH, {"M": Loaded(Numbers({}, {}, 1), runner)}, None)
        assert len(list(execute(items([1, 2, 3], [4, 5]), chain))) == 2
    assert (doubling.most, seen) == (1, [1, 2, 3, 4, 5])


def test_the_first_batch_of_a_picture_runs_while_its_second_is_made() -> None:
    module = Numbers({}, {}, 1)
    module.ready = threading.Event()
    ready = module.ready
    with Runner("M", engine(1), BINDING, lambda *_: ready.set(), None) as runner:
        chain = workers(GRAPH, {"M": Loaded(module, runner)}, None)
        (item,) = execute(items([1, 2]), chain)
    assert item.error is None
    assert item.values["one.n"] == [2, 4]


class Sums(Numbers):
    """One batch of all numbers."""

    def feeds(self, values: Mapping[str, Sequence[Any]]) -> Feeds:
        return Feeds([{"image": np.array(values["image"], np.float32)}], None)


def test_the_only_batch_of_a_picture_that_is_alone_runs_in_the_thread_of_the_caller() -> None:
    threads: list[str] = []
    with Runner("M", engine(1), BINDING, lambda *_: threads.append(threading.current_thread().name), None) as runner:
        loaded = {"M": Loaded(Sums({}, {}, 1), runner)}
        (item,) = items([1, 2])
        execute_one(item, workers(GRAPH, loaded, None, is_alone=True))
        assert item.values["one.n"] == [2]
        list(execute(items([1, 2]), workers(GRAPH, loaded, None)))
    assert threads[0] == threading.current_thread().name
    assert threads[1].startswith("hpi-M")


def test_a_batch_that_fails_fails_its_own_picture_alone() -> None:
    with Runner("M", engine(2), BINDING, None, None) as runner:
        chain = workers(GRAPH, {"M": Loaded(Numbers({}, {}, 1), runner)}, None)
        found = list(execute(items([1], [2, -1, 3], [4]), chain))
    assert [item.error and str(item.error) for item in found] == [None, "ValueError: negative", None]


def numbered(*numbers: float) -> Iterator[Item[Any]]:
    return (Item(None, {"input.image": number}) for number in numbers)


def classified(numbers: Sequence[float], bad: float | None = None) -> tuple[list[Any], list[tuple[int, ...]]]:
    """Send single pictures through in groups of three; return what came out and the shapes that the engine saw."""
    graph = replace(GRAPH, stages={"one": Stage({"image": "input.image"}, module="M")})
    shapes: list[tuple[int, ...]] = []
    with Runner("M", engine(1), BINDING, lambda _, arrays, __: shapes.append(arrays["x"].shape), None) as runner:
        loaded: dict[str, Loaded] = {"M": Loaded(Stacked({"bad": bad}, {}, 3), runner)}
        chain = workers(graph, loaded, None)
        found = list(execute(numbered(*numbers), chain, size=group_size(graph, loaded)))
    return [item.values["one.n"] if item.error is None else str(item.error) for item in found], shapes


class Stacked(Numbers):
    """One batch of all numbers; refuses a bad one."""

    def feeds(self, values: Mapping[str, Sequence[Any]]) -> Feeds:
        if self.config["bad"] in values["image"]:
            raise ValueError("bad")
        return Feeds([{"image": np.array(values["image"], np.float32)}], None)

    def read(self, outputs: Iterable[Roles], context: Any) -> dict[str, list[Any]]:
        return {"n": [float(number) for output in outputs for number in output["numbers"]]}


def test_pictures_of_several_inputs_share_a_batch() -> None:
    assert classified([1, 2, 3, 4, 5, 6, 7]) == ([2, 4, 6, 8, 10, 12, 14], [(3,), (3,), (1,)])


def test_a_picture_that_cannot_be_made_ready_leaves_its_batch_and_the_others_go_on() -> None:
    assert classified([1, 2, 3, 4], bad=2) == ([2, "ValueError: bad", 6, 8], [(1,), (1,), (1,)])


def test_a_picture_that_the_engine_refuses_fails_alone() -> None:
    # The whole batch fails with its first number; alone, the others do not.
    found, shapes = classified([-1, 2, 3, 4])
    assert found == ["ValueError: negative", 4, 6, 8]
    assert shapes == [(1,), (1,), (1,)]


def test_a_timer_hears_of_every_step_and_waiting_is_no_work() -> None:
    heard: list[tuple[str, str, float]] = []

    def slow(*_: Any) -> None:
        time.sleep(0.05)

    def measure(name: str, kind: str, seconds: float, _: Any) -> None:
        heard.append((name, kind, seconds))

    with Runner("M", engine(1), BINDING, slow, measure) as runner:
        list(execute(items([1, 2]), workers(GRAPH, {"M": Loaded(Numbers({}, {}, 1), runner)}, measure)))
    assert sorted((name, kind) for name, kind, _ in heard) == [
        ("M", INFERENCE),
        ("M", INFERENCE),
        ("M", POSTPROCESS),
        ("M", PREPROCESS),
    ]
    assert max(seconds for _, _, seconds in heard) < 0.05
