"""A session answers single inputs from any thread; streams of known length close their batches by count alone."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_runtime import BusyError, Pipeline, PlanError, Session, load_plan, read_plan
from hpi_runtime.engines.base import Arrays
from hpi_runtime.run import module_stage
from hpi_runtime.run.grouping import Grouper
from hpi_runtime.run.native import NativePipeline
from support.classifying import lay_out


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (90 + seed % 7, 120, 3), np.uint8)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan whose module takes four pictures at a time."""
    folder = tmp_path_factory.mktemp("session")
    lay_out(folder)
    text = (folder / "plan.json").read_text().replace('"batch_size": 1', '"batch_size": 4')
    (folder / "plan.json").write_text(text)
    return folder / "plan.json"


@pytest.fixture
def pipeline(plan: Path) -> Iterator[Pipeline]:
    with load_plan(plan) as loaded:
        yield loaded


def answers(results: Any) -> list[Any]:
    return [(result["label_names"], result["scores"]) for result in results]


def near(found: Any, expected: Any) -> None:
    """Compare answers of batches of other sizes: the same but for the last digits."""
    for (labels, scores), (wanted, numbers) in zip(found, expected, strict=True):
        assert labels == wanted
        assert scores == pytest.approx(numbers, abs=1e-4)


# -- sessions ------------------------------------------------------------------------------------


def test_inputs_from_many_threads_get_their_own_answers(pipeline: Pipeline) -> None:
    pictures = [noise(seed) for seed in range(40)]
    expected = answers(result for picture in pictures for result in pipeline.predict(picture))
    with Session(pipeline) as session, ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(session.submit, pictures))
        found = [future.result(60) for future in futures]
    assert [len(results) for results in found] == [1] * 40
    near(answers(results[0] for results in found), expected)


def test_an_input_of_an_asyncio_program_is_awaited(pipeline: Pipeline) -> None:
    async def served(session: Session) -> list[Any]:
        tasks = [asyncio.wrap_future(session.submit(noise(seed))) for seed in range(6)]
        return [results[0] for results in await asyncio.gather(*tasks)]

    with Session(pipeline) as session:
        found = asyncio.run(served(session))
    near(answers(found), answers(result for seed in range(6) for result in pipeline.predict(noise(seed))))


def test_pages_of_a_document_come_in_order_and_a_bad_input_is_its_own(pipeline: Pipeline, tmp_path: Path) -> None:
    pages = [noise(seed) for seed in range(9)]
    cv2.imwritemulti(str(tmp_path / "pages.tiff"), pages)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with Session(pipeline) as session:
        bad = session.submit(tmp_path / "bad.png")
        document = session.submit(tmp_path / "pages.tiff")
        nowhere = session.submit(tmp_path / "nowhere.png")
        assert bad.result(60)[0]["error"]["code"] == "IMAGE_UNREADABLE"
        assert nowhere.result(60)[0].is_failed
        found = document.result(60)
    assert [result["page_index"] for result in found] == list(range(9))
    near(answers(found), answers(pipeline.predict(pages)))


def test_one_input_alone_is_answered_without_waiting_for_others(pipeline: Pipeline) -> None:
    with Session(pipeline, max_wait=60) as session:
        # Nothing else is on its way: the batch of four is not waited for.
        assert len(session.submit(noise(1)).result(30)) == 1


def test_a_session_that_is_full_says_so_and_has_room_again(pipeline: Pipeline) -> None:
    gate = threading.Event()

    class Slow:
        """A file that is read when the gate opens."""

        def read(self, _: int) -> bytes:
            assert gate.wait(30)
            return cv2.imencode(".png", noise(1))[1].tobytes()

    with Session(pipeline, max_waiting=3) as session:
        futures = [session.submit(Slow()) for _ in range(3)]
        with pytest.raises(BusyError, match="3 inputs are under way"):
            session.submit(noise(2))
        gate.set()
        for future in futures:
            future.result(30)
        assert session.submit(noise(2)).result(30)


def test_an_input_that_has_not_begun_can_be_cancelled(pipeline: Pipeline) -> None:
    gate, begun = threading.Event(), threading.Event()

    class Slow:
        def read(self, _: int) -> bytes:
            begun.set()
            assert gate.wait(30)
            return cv2.imencode(".png", noise(1))[1].tobytes()

    with Session(pipeline, max_waiting=2, readers=1) as session:
        first, second = session.submit(Slow()), session.submit(noise(2))
        assert begun.wait(30)
        assert second.cancel()
        gate.set()
        assert first.result(30)
        assert not first.cancel()
        # Its place is free again.
        assert session.submit(noise(3)).result(30)


def test_a_list_is_not_one_input(pipeline: Pipeline) -> None:
    with Session(pipeline) as session, pytest.raises(TypeError, match="one input at a time"):
        session.submit([noise(1)])


def test_a_closed_session_and_a_closed_pipeline_take_nothing(plan: Path) -> None:
    with load_plan(plan) as pipeline:
        with Session(pipeline) as session:
            future = session.submit(noise(1))
        # Closing waits for what is under way.
        assert future.done() or future.result(30)
        with pytest.raises(PlanError, match="the session is closed"):
            session.submit(noise(1))
        other = Session(pipeline)
    with pytest.raises(PlanError, match="the pipeline is closed"):
        other.submit(noise(1))
    other.close()


def test_what_a_callback_raises_harms_nobody_else(pipeline: Pipeline) -> None:
    with Session(pipeline) as session:
        first = session.submit(noise(1))
        first.add_done_callback(lambda _: 1 / 0)
        assert first.result(30)
        assert session.submit(noise(2)).result(30)


@pytest.mark.parametrize("closed", ["session", "pipeline"])
@pytest.mark.parametrize("bad", [False, True])
def test_a_callback_may_close_what_calls_it(plan: Path, closed: str, bad: bool) -> None:
    pipeline = load_plan(plan)
    session = Session(pipeline)
    seen = threading.Event()

    def close(_: Any) -> None:
        (session if closed == "session" else pipeline).close()
        seen.set()

    # An input that cannot be read is answered in another thread than one that can.
    first = session.submit("nowhere.png" if bad else noise(0))
    first.add_done_callback(close)
    rest: list[Any] = []
    with suppress(PlanError):
        rest.extend(session.submit(noise(seed)) for seed in range(1, 40))
    assert seen.wait(30)
    for future in rest:
        # What was under way is answered, be it by saying that the pipeline was closed.
        assert len(future.result(30)) == 1
    with pytest.raises(PlanError, match="is closed"):
        session.submit(noise(1))
    session.close()
    pipeline.close()
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("hpi-") for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("hpi-")]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"max_waiting": 0}, ValueError),
        ({"max_waiting": -1}, ValueError),
        ({"max_waiting": True}, TypeError),
        ({"readers": 0}, ValueError),
        ({"readers": 1.5}, TypeError),
        ({"max_wait": -1}, ValueError),
        ({"max_wait": float("nan")}, ValueError),
        ({"max_wait": "x"}, TypeError),
        ({"limits": None}, TypeError),
    ],
)
def test_an_argument_that_a_session_cannot_have_is_named(
    pipeline: Pipeline, given: dict[str, Any], fault: type[Exception]
) -> None:
    (name,) = given
    with pytest.raises(fault, match=f"`{name}` must be"):
        Session(pipeline, **given)


def test_a_session_needs_a_pipeline() -> None:
    with pytest.raises(TypeError, match="`pipeline` must be a Pipeline"):
        Session("plan.json")  # type: ignore[arg-type]


# -- streams -------------------------------------------------------------------------------------


def test_an_endless_source_is_answered_at_once(pipeline: Pipeline) -> None:
    gate = threading.Event()

    def endless() -> Iterator[np.ndarray]:
        yield noise(1)
        gate.wait(60)

    stream = pipeline.predict(endless())
    began = time.monotonic()
    assert next(stream)["scores"]
    assert time.monotonic() - began < 30
    gate.set()
    assert list(stream) == []


def test_lists_make_the_same_batches_however_slow_the_stages_are(
    plan: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for seed in range(11):
        cv2.imwrite(str(tmp_path / f"{seed:02}.png"), noise(seed))
    dice, real = random.Random(7), (module_stage.ModuleStage._submit, module_stage.ModuleStage._read)

    def delayed(method: Any) -> Any:
        def work(*arguments: Any) -> Any:
            time.sleep(dice.uniform(0, 0.02))
            return method(*arguments)

        return work

    found = []
    for methods in (real, *[tuple(map(delayed, real))] * 2):
        monkeypatch.setattr(module_stage.ModuleStage, "_submit", methods[0])
        monkeypatch.setattr(module_stage.ModuleStage, "_read", methods[1])
        shapes: list[tuple[int, ...]] = []
        note = partial(_note, shapes)
        with NativePipeline(read_plan(plan), observe=note) as pipeline:
            lines = [result.to_line() for result in pipeline.predict(str(tmp_path))]
        found.append((sorted(shapes), lines))
    assert found[0] == found[1] == found[2]
    assert [shape[0] for shape in found[0][0]] == [3, 4, 4]


def _note(shapes: list[tuple[int, ...]], _: str, arrays: Arrays, __: Arrays) -> None:
    shapes.append(next(iter(arrays.values())).shape)


def test_two_streams_at_once_keep_to_themselves(pipeline: Pipeline) -> None:
    pictures = [noise(seed) for seed in range(12)]
    expected = [result.to_line() for result in pipeline.predict(pictures)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: [result.to_line() for result in pipeline.predict(pictures)], range(3)))
    assert found == [expected] * 3


def test_closing_while_a_stream_runs_gives_error_records_and_no_hang(plan: Path) -> None:
    pipeline = load_plan(plan)

    def closing() -> Iterator[np.ndarray]:
        for seed in range(30):
            if seed == 12:
                threading.Thread(target=pipeline.close).start()
                time.sleep(0.3)
            yield noise(seed)

    results = list(pipeline.predict(closing()))
    assert len(results) == 30
    assert [result.is_failed for result in results[-10:]] == [True] * 10
    assert "closed" in results[-1]["error"]["message"]


def test_a_pipeline_that_nobody_closes_leaves_no_thread_behind(plan: Path) -> None:
    before = threading.active_count()
    pipeline = load_plan(plan)
    assert len(list(pipeline.predict([noise(1), noise(2)]))) == 2
    assert threading.active_count() > before
    del pipeline
    gc.collect()
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_a_stream_that_is_left_in_the_middle_does_not_hold_up_the_next(pipeline: Pipeline) -> None:
    for _ in range(5):
        stream = pipeline.predict(noise(seed) for seed in range(1000))
        next(stream)
        del stream
    assert len(list(pipeline.predict([noise(1), noise(2), noise(3)]))) == 3


# -- groups --------------------------------------------------------------------------------------


def test_without_a_limit_of_time_only_full_groups_go_and_the_rest_when_told() -> None:
    sent: list[list[int]] = []
    grouper: Grouper[int] = Grouper(lambda group: sent.append(list(group)), 3, None)
    for number in range(7):
        grouper.add(number)
    time.sleep(0.05)
    assert sent == [[0, 1, 2], [3, 4, 5]]
    grouper.flush()
    assert sent[-1] == [6]


def test_the_oldest_member_waits_no_longer_than_it_may() -> None:
    sent: list[tuple[float, list[int]]] = []
    began = time.monotonic()
    grouper: Grouper[int] = Grouper(lambda group: sent.append((time.monotonic() - began, list(group))), 3, 0.1)
    for number in range(4):
        grouper.add(number)
    while len(sent) < 2:
        time.sleep(0.01)
    grouper.close()
    (early, first), (late, second) = sent
    assert (first, second) == ([0, 1, 2], [3])
    assert early < 0.09 < 0.1 <= late


def test_what_sending_raised_in_the_time_is_heard_by_whoever_adds_next() -> None:
    def send(_: Any) -> None:
        raise ValueError("nowhere to go")

    grouper: Grouper[int] = Grouper(send, 2, 0.01)
    grouper.add(1)
    with pytest.raises(ValueError, match="nowhere to go"):
        for _ in range(100):
            time.sleep(0.02)
            grouper.add(2)
    grouper.close()


def test_a_callback_that_exits_does_not_stop_the_pipeline(pipeline: Pipeline) -> None:
    def leave(_: object) -> None:
        raise SystemExit(3)

    with Session(pipeline) as session:
        future = session.submit(noise(1))
        # One that comes too late is called here.
        with suppress(SystemExit):
            future.add_done_callback(leave)
        future.result(30)
        assert len(session.submit(noise(9)).result(30)) == 1


def test_a_callback_that_exits_after_a_failure_keeps_no_other_input_waiting(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, failed = threading.Event(), threading.Event()

    def read(*_: object) -> Any:
        begin.wait(30)
        raise RuntimeError("the reader failed")

    def leave(_: object) -> None:
        failed.set()
        raise SystemExit(3)

    with Session(pipeline, max_wait=60) as session:
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "read", read)
            session.submit(noise(1)).add_done_callback(leave)
            begin.set()
            assert failed.wait(30)
        assert len(session.submit(noise(9)).result(30)) == 1


def test_an_abandoned_input_goes_no_further_and_the_others_are_answered(
    monkeypatch: pytest.MonkeyPatch, plan: Path
) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    finish = module_stage.ModuleStage.finish
    finished = []

    def slow(self: Any, items: Any) -> None:
        begun.set()
        assert goes_on.wait(10)
        finished.append(len(items))
        finish(self, items)

    monkeypatch.setattr(module_stage.ModuleStage, "finish", slow)
    with load_plan(plan) as pipeline, Session(pipeline) as session:
        # Together they would share a batch, and what others wait for goes on.
        first = session.submit(noise(1))
        assert begun.wait(10)
        left = session.submit(noise(2))
        while not left.running():
            time.sleep(0.01)
        session.abandon(left)
        goes_on.set()
        assert len(first.result(10)) == 1
        with pytest.raises(CancelledError):
            left.result(10)
        assert len(session.submit(noise(3)).result(10)) == 1
        # One that is done stays as it is.
        session.abandon(first)
        assert len(first.result()) == 1
    assert len(finished) == 2


def test_a_session_keeps_nothing_of_what_is_done(plan: Path) -> None:
    with load_plan(plan) as pipeline, Session(pipeline) as session:
        futures = [session.submit(noise(number)) for number in range(8)]
        held = [weakref.ref(future) for future in futures]
        assert all(len(future.result(10)) == 1 for future in futures)
        session.abandon(futures[0])
        del futures
        deadline = time.monotonic() + 10
        while any(found() is not None for found in held):
            gc.collect()
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_pages_of_one_abandoned_document_in_one_batch_cost_nobody_else_anything(plan: Path, tmp_path: Path) -> None:
    pages = [noise(number)[:90] for number in range(3)]
    done, data = cv2.imencodemulti(".tif", pages)
    assert done
    (tmp_path / "pages.tif").write_bytes(data.tobytes())
    # Four pictures share a batch, and a batch waits for a second to be filled.
    with load_plan(plan) as pipeline, Session(pipeline, max_wait=1.0, readers=1) as session:
        for how in (session.abandon, Future.cancel):
            left = session.submit(str(tmp_path / "pages.tif"))
            how(left)
            kept = session.submit(noise(5))
            assert len(kept.result(20)) == 1
            assert left.cancelled() or isinstance(left.exception(5), CancelledError)
        assert len(session.submit(noise(6)).result(20)) == 1
