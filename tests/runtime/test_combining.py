"""Which candidates of all modules are measured together, and on which inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpi_runtime.bench.combining import combinations
from hpi_runtime.bench.confirming import divided, missing
from hpi_schemas.plan.model import EngineRecord
from hpi_schemas.profile import Combination, Entry, Inputs, ModuleProfile, Profile
from hpi_schemas.target import Target
from hypothesis import given
from hypothesis import strategies as st


def entry(
    ratio: float, agreement: float | None = 1.0, precision: str = "fp32", throughput: float | None = None
) -> Entry:
    """Return what was measured of a candidate: its time as a part of the plan's own, and the share of equal results."""
    return Entry(
        EngineRecord("a", {"precision": precision}),
        1,
        {},
        milliseconds={"latency": 10 * ratio, "throughput": 10 * (throughput or ratio)},
        ratio={"latency": ratio, "throughput": throughput or ratio},
        agreement=None if agreement is None else {"texts": agreement},
    )


def module(*others: Entry, milliseconds: float = 10.0) -> ModuleProfile:
    own = entry(1.0)
    own.milliseconds = {"latency": milliseconds, "throughput": milliseconds}
    return ModuleProfile(candidates="", files={}, precision="fp32", entries=[own, *others])


def chosen(**modules: ModuleProfile) -> list[tuple[int, ...]]:
    return [tuple(places.values()) for places in combinations(modules)]


def test_the_plans_own_comes_first_then_what_loses_nothing_then_what_is_faster() -> None:
    one = module(entry(0.9), entry(0.5, 0.99, "bf16"))
    other = module(entry(0.8), entry(0.4, 0.98, "bf16"))
    assert chosen(one=one, other=other) == [(0, 0), (1, 1), (2, 2), (2, 1)]


def test_what_is_fastest_one_by_one_and_in_one_go_is_measured_both() -> None:
    assert chosen(one=module(entry(0.5, throughput=1.1), entry(1.1, throughput=0.5))) == [(0,), (1,), (2,)]


def test_where_first_results_count_nothing_else_does() -> None:
    slow, soon = entry(0.5), entry(2.0)
    for item, ratio in ((slow, 1.5), (soon, 0.5)):
        item.ratio = {**(item.ratio or {}), "cold": ratio}
    found = module(slow, soon)
    found.entries[0].milliseconds = {"cold": 900.0}
    assert combinations({"one": found}, ("cold",)) == [{"one": 0}, {"one": 2}]


def test_what_has_no_time_of_the_kind_that_counts_is_left_out() -> None:
    assert combinations({"one": module(entry(0.5))}, ("cold",)) == [{"one": 0}]


def test_the_gain_of_a_module_counts_by_the_time_that_it_takes() -> None:
    # One per cent of the pipeline is not worth an answer in a hundred.
    small = module(entry(0.5, 0.99, "bf16"), milliseconds=2.0)
    large = module(entry(0.5, 0.99, "bf16"), milliseconds=98.0)
    assert chosen(small=small, large=large) == [(0, 0), (0, 1)]


def test_what_is_slower_and_no_more_accurate_than_another_is_not_measured() -> None:
    assert chosen(one=module(entry(0.5, 0.99, "bf16"), entry(0.6, 0.98, "int8"))) == [(0,), (1,)]


def test_what_loses_more_than_anybody_allows_was_not_judged_or_failed_is_left_out() -> None:
    broken = entry(0.1)
    broken.fault = "it crashed"
    assert chosen(one=module(entry(0.2, 0.9, "int8"), entry(0.2, None, "bf16"), broken)) == [(0,)]


def test_of_a_plan_whose_own_engine_was_not_judged_nothing_else_is_needed() -> None:
    own = Entry(EngineRecord("a", {}), 1, {}, fault="it crashed")
    assert chosen(one=ModuleProfile("", {}, "fp32", [own])) == [(0,)]


ratios = st.floats(0.1, 2.0)
shares = st.floats(0.9, 1.0)
precisions = st.sampled_from(["fp32", "bf16", "int8"])
modules = st.lists(st.builds(entry, ratios, shares, precisions), max_size=6).map(lambda found: module(*found))


@given(st.lists(modules, min_size=1, max_size=17))
def test_there_are_never_many_and_each_once_however_many_modules_there_are(found: list[ModuleProfile]) -> None:
    some = chosen(**{f"m{place}": item for place, item in enumerate(found)})
    assert some[0] == (0,) * len(found)
    assert len(some) == len(set(some)) <= 13


def test_what_was_measured_together_is_not_missing() -> None:
    found = Profile(Inputs("", 1, None, 0), Target("linux", "x86_64", 2), {"one": module(entry(0.5))})
    assert [item["one"] for item in missing(found)] == [0, 1]
    found.combinations.append(Combination(entries={"one": 0}))
    assert [item["one"] for item in missing(found)] == [1]


def names(count: int) -> list[str]:
    return [str(Path(f"{place}.png")) for place in range(count)]


def test_every_third_input_is_held_back_where_there_are_enough() -> None:
    seen, held_back = divided(names(7))
    assert held_back == ["2.png", "5.png"]
    assert sorted([*seen, *held_back]) == names(7)
    few: Any = divided(names(5))
    assert few == (names(5), [])
