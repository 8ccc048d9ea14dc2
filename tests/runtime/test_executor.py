import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest
from hpi_runtime.errors import InputError
from hpi_runtime.run.executor import Item, Worker, each, execute_one
from hpi_runtime.run.stream import execute as execute_chains


def execute(source: Any, workers: Any, depth: int = 2, size: int = 1) -> Any:
    """Send items through one chain."""
    return execute_chains(source, [workers], depth, size)


def stream_of(source: Iterator[Item[int]], workers: list[Worker]) -> Generator[Item[int], None, None]:
    yield from execute(source, workers)


def items(count: int) -> Iterator[Item[int]]:
    return (Item(number, {"n": number}) for number in range(count))


def add(number: int) -> Worker:
    def work(item: Item[int]) -> None:
        item.values["n"] += number

    return each(work)


def test_results_keep_the_order_of_the_inputs() -> None:
    def slow_for_some(item: Item[int]) -> None:
        time.sleep(0.002 if item.source % 3 == 0 else 0)

    found = [
        item.values["n"] for item in execute(items(50), [each(slow_for_some), add(1), each(slow_for_some), add(10)])
    ]
    assert found == [number + 11 for number in range(50)]


def test_stages_overlap() -> None:
    met = threading.Barrier(2, timeout=5)

    def meet(source: int) -> Worker:
        def work(item: Item[int]) -> None:
            if item.source == source:
                met.wait()

        return each(work)

    # The second item is in the first worker while the first is in the second, or the barrier breaks.
    assert all(item.error is None for item in execute(items(4), [meet(1), meet(0)]))


def test_one_bad_item_gives_one_error_and_the_others_go_on() -> None:
    def fail(item: Item[int]) -> None:
        if item.source == 2:
            raise InputError("BAD", "two is bad")
        if item.source == 4:
            raise ZeroDivisionError("four")

    found = list(execute(items(6), [each(fail), add(1)]))
    assert [item.error and item.error.code for item in found] == [None, None, "BAD", None, "PROCESSING_FAILED", None]
    assert str(found[4].error) == "ZeroDivisionError: four"
    assert [item.values["n"] for item in found] == [1, 2, 2, 4, 4, 6]


def test_only_a_few_items_are_in_flight() -> None:
    made = 0

    def counted() -> Iterator[Item[int]]:
        nonlocal made
        for item in items(1000):
            made += 1
            yield item

    stream = stream_of(counted(), [add(1), add(1)])
    next(stream)
    time.sleep(0.2)
    assert made < 15
    stream.close()


def test_a_consumer_that_stops_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    stream = stream_of(items(1000), [add(1)])
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_an_error_of_the_source_is_raised_behind_the_results_before_it() -> None:
    def broken() -> Iterator[Item[int]]:
        yield from items(3)
        raise RuntimeError("the disk is gone")

    stream = execute(broken(), [add(1)])
    assert [next(stream).source for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="the disk is gone"):
        next(stream)


def test_one_item_goes_through_in_the_callers_thread_and_stops_at_its_first_error() -> None:
    threads: list[str] = []

    def note(item: Item[int]) -> None:
        threads.append(threading.current_thread().name)

    def fail(item: Item[int]) -> None:
        raise InputError("BAD", "it is bad")

    item = execute_one(next(items(1)), [each(note), add(3), each(fail), each(note)])
    assert item.error is not None
    assert (item.values["n"], item.error.code) == (3, "BAD")
    assert threads == [threading.current_thread().name]


def test_groups_are_filled_in_order_and_the_last_one_may_be_smaller() -> None:
    sizes: list[int] = []

    def note(group: Sequence[Item[int]]) -> None:
        sizes.append(len(group))

    found = execute(items(7), [note, add(1)], size=3)
    assert [item.values["n"] for item in found] == [1, 2, 3, 4, 5, 6, 7]
    assert sizes == [3, 3, 1]


def test_an_item_with_an_error_leaves_its_group_and_keeps_its_place() -> None:
    seen: list[list[int]] = []

    def fail(item: Item[int]) -> None:
        if item.source == 1:
            raise InputError("BAD", "one is bad")

    def note(group: Sequence[Item[int]]) -> None:
        seen.append([item.source for item in group])

    found = list(execute(items(4), [each(fail), note], size=2))
    assert [item.source for item in found] == [0, 1, 2, 3]
    assert [item.error is None for item in found] == [True, False, True, True]
    assert seen == [[0], [2, 3]]


def test_a_worker_that_fails_as_a_whole_fails_its_group_alone() -> None:
    def fail(group: Sequence[Item[int]]) -> None:
        if group[0].source == 0:
            raise ZeroDivisionError("group")

    found = list(execute(items(4), [fail], size=2))
    assert [item.error and str(item.error) for item in found] == [*["ZeroDivisionError: group"] * 2, None, None]


def test_what_came_before_an_error_of_the_source_is_not_lost_in_a_group_that_is_not_full() -> None:
    def broken() -> Iterator[Item[int]]:
        yield from items(2)
        raise RuntimeError("the disk is gone")

    stream = execute(broken(), [add(1)], size=4)
    assert [next(stream).source for _ in range(2)] == [0, 1]
    with pytest.raises(RuntimeError, match="the disk is gone"):
        next(stream)


LEAVING = """
import atexit, threading, time
left = []
atexit.register(lambda: print(len(left), any(thread.is_alive() for thread in left)))
from hpi_runtime.run.executor import Item, each
from hpi_runtime.run.stream import execute
endless = (Item(number, {}) for number in iter(int, 1))
stream = execute(endless, [[each(lambda item: time.sleep(0.01)), each(lambda item: None)]])
next(stream)
left += [thread for thread in threading.enumerate() if thread.name.startswith("hpi-")]
"""


@pytest.mark.fault("forks and threads")
def test_a_program_that_leaves_in_the_middle_of_a_stream_ends_its_threads_first() -> None:
    # A thread that comes back from native code after Python's end aborts the process, now and then.
    done = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == ["3", "False"]
