import threading
import time
from collections.abc import Generator, Iterator

import pytest
from hpi_runtime.errors import InputError
from hpi_runtime.executor import Item, Worker, execute


def stream_of(source: Iterator[Item[int]], workers: list[Worker]) -> Generator[Item[int], None, None]:
    yield from execute(source, workers)


def items(count: int) -> Iterator[Item[int]]:
    return (Item(number, {"n": number}) for number in range(count))


def add(number: int) -> Worker:
    def work(item: Item[int]) -> None:
        item.values["n"] += number

    return work


def test_results_keep_the_order_of_the_inputs() -> None:
    def slow_for_some(item: Item[int]) -> None:
        time.sleep(0.002 if item.source % 3 == 0 else 0)

    found = [item.values["n"] for item in execute(items(50), [slow_for_some, add(1), slow_for_some, add(10)])]
    assert found == [number + 11 for number in range(50)]


def test_stages_overlap() -> None:
    met = threading.Barrier(2, timeout=5)

    def meet(source: int) -> Worker:
        def work(item: Item[int]) -> None:
            if item.source == source:
                met.wait()

        return work

    # The second item is in the first worker while the first is in the second, or the barrier breaks.
    assert all(item.error is None for item in execute(items(4), [meet(1), meet(0)]))


def test_one_bad_item_gives_one_error_and_the_others_go_on() -> None:
    def fail(item: Item[int]) -> None:
        if item.source == 2:
            raise InputError("BAD", "two is bad")
        if item.source == 4:
            raise ZeroDivisionError("four")

    found = list(execute(items(6), [fail, add(1)]))
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
