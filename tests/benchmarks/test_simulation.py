"""The simulation of more cores gives what is known to be true without one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from simulation import Layout, Stage, layouts, throughput

STAGES = [Stage(0.1), Stage(0.4, 0.9, is_engine=True), Stage(0.5, 0.8, is_engine=True)]
MANY = 400


def test_a_core_does_one_thing_after_the_other_however_many_processes_want_it() -> None:
    for processes in (1, 2, 3):
        assert throughput(STAGES, Layout(processes), 1) == pytest.approx(1.0)


def test_processes_that_do_not_disturb_each_other_double_what_one_does() -> None:
    one = throughput(STAGES, Layout(1), 3)
    assert throughput(STAGES, Layout(2), 6) == pytest.approx(2 * one)


def test_a_row_of_stages_is_as_fast_as_its_slowest() -> None:
    assert throughput(STAGES, Layout(), 3, pictures=MANY) == pytest.approx(1 / 0.5, rel=0.01)


def test_more_threads_shorten_what_they_share_and_nothing_else() -> None:
    (stage,) = stages = [Stage(1.0, 0.6, is_engine=True)]
    assert throughput(stages, Layout(1, 4), 4) == pytest.approx(1 / (0.4 + 0.6 / 4))
    assert throughput([Stage(stage.seconds)], Layout(1, 4), 4) == pytest.approx(1.0)


def test_streams_work_on_as_many_pictures_with_a_part_of_the_threads_each() -> None:
    stages = [Stage(1.0, 0.6, is_engine=True)]
    assert throughput(stages, Layout(1, 4, 2), 4) == pytest.approx(2 / (0.4 + 0.6 / 2))


def test_runs_of_one_model_slow_each_other() -> None:
    assert throughput(STAGES, Layout(2), 2, 0.25) < throughput(STAGES, Layout(2), 2)
    assert throughput([Stage(1.0)], Layout(2), 2, 0.25) == pytest.approx(2 / 1.25)


def test_runs_of_different_models_do_not() -> None:
    assert throughput(STAGES, Layout(), 2, 0.25) == throughput(STAGES, Layout(), 2)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=4), st.sampled_from([1, 2, 4]), st.floats(0.0, 0.2))
def test_no_layout_does_more_than_all_cores_can(seconds: list[float], cores: int, contention: float) -> None:
    stages = [Stage(value, 0.5, is_engine=True) for value in seconds]
    for layout in layouts(cores):
        assert throughput(stages, layout, cores, contention, 5) <= cores / sum(seconds) + 1e-6
