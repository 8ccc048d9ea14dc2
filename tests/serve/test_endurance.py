"""A server for days: memory stays, and a rolling restart loses no request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from support.classifying import lay_out

from serve.asking import ROUTE, Served, encoded, serving

pytestmark = pytest.mark.full
REQUESTS, SETTLED = 10_000, 500
CLIENTS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("endurance")
    lay_out(made)
    return made


def memory(server: Served) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.timeout(900)
def test_ten_thousand_requests_a_tenth_of_them_bad_leave_no_memory_behind(folder: Path) -> None:
    good = {"image": encoded(folder / "pictures/a.png"), "visualize": False}
    kinds = [good] * 8 + [{**good, "topk": 1}, {"image": "AAAA"}]

    def ask(server: Served, number: int) -> int:
        return server.post(ROUTE, kinds[number % 10]).status

    with serving(folder, "plan.json") as server, ThreadPoolExecutor(CLIENTS) as pool:
        statuses = list(pool.map(lambda number: ask(server, number), range(SETTLED)))
        settled = memory(server)
        statuses += pool.map(lambda number: ask(server, number), range(SETTLED, REQUESTS))
        assert statuses.count(200) == REQUESTS * 9 // 10
        assert statuses.count(422) == REQUESTS // 10
        assert memory(server) <= 1.05 * settled


@pytest.mark.timeout(300)
def test_a_rolling_restart_loses_none_of_a_thousand_requests(folder: Path) -> None:
    body = {"image": encoded(folder / "pictures/a.png"), "visualize": False}
    lock = threading.Lock()

    with ExitStack() as stack:
        servers: list[Served] = []
        numbers = count()

        def start() -> None:
            place = folder / f"server-{next(numbers)}"
            place.mkdir()
            found = stack.enter_context(serving(place, str(folder / "plan.json"), "--drain-seconds", "1"))
            with lock:
                servers.append(found)

        def ask(_: int) -> int:
            with lock:
                # As a balancer does: the newest that says that it is ready.
                ready: Iterator[Served] = (item for item in reversed(servers) if item.get("/ready").status == 200)
                server = next(ready)
            return server.post(ROUTE, body).status

        start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = [pool.submit(ask, number) for number in range(1000)]
            for _ in range(3):
                start()
                with lock:
                    old = servers.pop(0)
                old.process.terminate()
                assert old.process.wait(30) == 0
            assert [each.result() for each in asked] == [200] * 1000
