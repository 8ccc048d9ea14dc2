"""Candidates, measured on what their modules really get, and the plan that follows from it."""

from __future__ import annotations

import io
import itertools
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from hpi_runtime.bench import confirming, contender, hosted, profiling, replay, search, trial
from hpi_runtime.bench.native import successful
from hpi_runtime.bench.process import EndedError, Process
from hpi_runtime.bench.recorder import Samples
from hpi_runtime.errors import EngineError, InputError
from hpi_runtime.run.executor import Item
from hpi_runtime.run.plan import load as load_plan
from hpi_schemas import candidates, profile
from hpi_schemas.candidates import Candidate
from hpi_schemas.files import Outputs
from hpi_schemas.plan.model import EngineRecord
from hpi_schemas.profile import Entry
from hpi_schemas.validate import faults
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MODULE = "SubModules.ImageClassification"
# Threads and streams are given, so that there is less to measure; one, so that other tests beside this change little.
PIPELINE = """pipeline_name: image_classification
use_hpip: true
hpi_config: {backend_config: {cpu_num_threads: 1, num_streams: 1}}
SubModules:
  ImageClassification: {model_name: page_orientation, model_dir: model, topk: 2}
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [BIN / arguments[0], *arguments[1:]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8")


def measure(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    given = ("--candidates", "candidates.json", "--profile", "profile.json", "--input", "pictures")
    return run(folder, "hpi-bench", *given, *more)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def lags(record: Mapping[str, Any]) -> bool:
    """Tell whether load has made the plan's own backend too slow for a try in lower precisions."""
    ratios = [entry["ratio"]["latency"] for entry in record["entries"] if "ratio" in entry]
    return bool(2 * min(ratios) < 1.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, one of a known class, and the profile of a classifier that was measured on them."""
    folder = tmp_path_factory.mktemp("profiling")
    shutil.copytree(ROOT / "examples/ocr/page_orientation", folder / "model", ignore=shutil.ignore_patterns(".cache"))
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / "pictures").mkdir()
    receipt = cv2.imread(str(ROOT / "examples/ocr/receipt.jpg"))
    assert receipt is not None
    cv2.imwrite(str(folder / "pictures/a.png"), cv2.resize(receipt, (300, 400)))
    cv2.imwrite(str(folder / "pictures/b.png"), cv2.resize(receipt[::-1, ::-1], (300, 400)))
    done = run(folder, "hpi-plan", "pipeline.yaml", "--candidates", "candidates.json")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    # Something that cannot work, whatever the machine.
    data = load(folder / "candidates.json")
    listed = data["modules"][MODULE]["candidates"]
    other = next(place for place, item in enumerate(listed) if item["engine"]["backend"] == "onnxruntime")
    broken = json.loads(json.dumps(listed[other]))
    broken["engine"]["config"]["precision"] = "no such"
    listed.insert(other, broken)
    for item in listed:
        # One way to int8 will do here; the other takes half a minute.
        item["lower"] = [engine for engine in item["lower"] if engine["backend"] == "openvino"]
    (folder / "candidates.json").write_text(json.dumps(data))
    done = run(folder, "hpi-plan", "pipeline.yaml", "--output", "planned.json")
    answers = run(folder, "hpi-run", "planned.json", "--input", "pictures").stdout.splitlines()
    labels = [json.loads(line)["label_names"][0] for line in answers]
    truth = {"inputs": {"a.png": {"label": labels[0]}, "b.png": {"label": "another"}}}
    (folder / "pictures/truth.json").write_text(json.dumps(truth))
    for name, budget in (("begun", ("--budget", "1")), ("table", ())):
        done = measure(folder, *budget)
        assert done.returncode == 0, done.stderr
        (folder / f"{name}.txt").write_text(done.stdout)
        shutil.copy(folder / "profile.json", folder / f"{name}.json")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "own"))


# -- the commands --------------------------------------------------------------------------------


def test_a_profile_has_speed_answers_and_accuracy_of_every_kind_of_candidate(made: Path) -> None:
    profile = load(made / "profile.json")
    assert faults("profile", profile) == []
    first, *combinations = profile["combinations"]
    assert (first["ratio"], first["agreement"]) == ({"latency": 1.0, "throughput": 1.0}, {"classes": 1.0})
    assert all("ratio" in combination for combination in combinations)
    record = profile["modules"][MODULE]
    assert record["accuracy"] == {"label_share": 0.5}
    own, *others = record["entries"]
    assert own["ratio"] == {"latency": 1.0, "throughput": 1.0}
    assert own["agreement"] == {"classes": 1.0}
    backends = {entry["engine"]["backend"] for entry in others}
    assert backends == {"onnxruntime", "openvino"} or lags(record)
    judged = [entry for entry in others if "agreement" in entry]
    assert judged
    for entry in judged:
        assert entry["rounds"] >= 1
        assert entry["peak_mib"] > 0
        assert entry["accuracy"]["label_share"] in (0.0, 0.5, 1.0)


def test_a_candidate_that_cannot_be_loaded_is_kept_with_its_reason_and_the_rest_is_measured(made: Path) -> None:
    entries = load(made / "profile.json")["modules"][MODULE]["entries"]
    failed = [entry for entry in entries if entry["engine"]["config"].get("precision") == "no such"]
    assert len(failed) == 1
    assert "the candidate is not a valid plan" in failed[0]["fault"]
    assert "`precision` must be one of fp32, fp16, int8, not `no such`" in failed[0]["fault"]
    assert "no such" in (made / "table.txt").read_text()


def test_int8_is_made_and_measured_with_samples_of_what_the_module_got(made: Path) -> None:
    record = load(made / "profile.json")["modules"][MODULE]
    entries = [entry for entry in record["entries"] if entry["engine"]["config"].get("precision") == "int8"]
    assert entries or lags(record)
    for entry in entries:
        assert "ratio" in entry, entry.get("fault")
        assert entry["engine"]["config"]["calibration"] == record["calibration"]


def test_the_plan_made_with_it_runs_the_fastest_candidate_and_can_be_checked_and_proved(folder: Path) -> None:
    done = run(folder, "hpi-plan", "pipeline.yaml", "--profile", "profile.json", "--output", "plan.json", "--prove")
    assert done.returncode == 0, done.stderr
    assert "DIFFERENT" not in done.stderr
    plan, record = load(folder / "plan.json"), load(folder / "profile.json")["modules"][MODULE]
    chosen = plan["modules"][MODULE]
    usable = [
        entry["ratio"]["latency"]
        for entry in record["entries"]
        if "agreement" in entry
        and entry["agreement"]["classes"] >= 0.99
        and entry["engine"]["config"].get("precision", "fp32") == "fp32"
    ]
    # Pipelines are chosen as wholes, measured once more: of two that are about as fast, either may be the faster.
    assert chosen["profile"]["ratio"]["latency"] <= min(usable) / 0.9
    assert chosen["origin"]["engine.backend"] == "profile:latency"
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode == 0, done.stderr
    assert run(folder, "hpi-plan", "--check", "plan.json").returncode == 0
    told = run(folder, "hpi-review", "why", "plan.json", MODULE).stdout
    assert "the profile" in told
    assert (
        "profile.json, for latency, with no drop of accuracy" in run(folder, "hpi-review", "show", "plan.json").stdout
    )


def test_a_plan_is_stale_when_its_profile_changes(folder: Path) -> None:
    done = run(folder, "hpi-plan", "pipeline.yaml", "--profile", "profile.json", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    profile = load(folder / "profile.json")
    profile["modules"][MODULE]["entries"] = profile["modules"][MODULE]["entries"][:1]
    profile["combinations"] = profile["combinations"][:1]
    (folder / "profile.json").write_text(json.dumps(profile))
    done = run(folder, "hpi-plan", "--check", "plan.json")
    assert done.returncode == 1
    assert "because the profile was measured again" in done.stderr
    (folder / "profile.json").unlink()
    done = run(folder, "hpi-plan", "--check", "plan.json")
    assert done.returncode == 2
    assert "profile.json cannot be read" in done.stderr


def test_inputs_that_cannot_be_processed_are_named_and_the_others_measured(folder: Path) -> None:
    (folder / "pictures/broken.png").write_bytes(b"no picture")
    (folder / "profile.json").unlink()
    done = measure(folder, "--budget", "1")
    assert done.returncode == 1
    assert "hpi-bench: pictures/broken.png" in done.stderr
    assert load(folder / "profile.json")["inputs"]["pictures"] == 2


def test_every_third_input_is_held_back_and_one_that_cannot_be_read_costs_the_others_nothing(folder: Path) -> None:
    for name in "cdef":
        shutil.copy(folder / "pictures/a.png", folder / f"pictures/{name}.png")
    (folder / "pictures/f.png").write_bytes(b"no picture")
    (folder / "profile.json").unlink()
    done = measure(folder, "--budget", "1")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "f.png" in line] == done.stderr.splitlines()[-1:]
    found = load(folder / "profile.json")
    assert (found["inputs"]["pictures"], found["inputs"]["held_back"]) == (4, 2)
    assert found["combinations"][0]["agreement"] == {"classes": 1.0}
    assert "2 inputs held back" in done.stdout
    done = run(folder, "hpi-plan", "pipeline.yaml", "--profile", "profile.json", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    assert load(folder / "plan.json")["profile"]["held_back"] is True
    assert "2 inputs that were held back" in run(folder, "hpi-review", "show", "plan.json").stdout


def test_a_model_that_no_input_comes_to_is_not_measured_and_stays_as_it_is(models: Path, tmp_path: Path) -> None:
    lay_out_lines(tmp_path, models)
    assert run(tmp_path, "hpi-plan", "pipeline.yaml", "--candidates", "c.json").returncode == 0
    given = ("--candidates", "c.json", "--profile", "profile.json", "--input", "empty.png", "--budget", "1")
    done = run(tmp_path, "hpi-bench", *given)
    assert done.returncode == 0, done.stderr
    assert "SubModules.TextRecognition: no input comes to this model" in done.stderr
    assert list(load(tmp_path / "profile.json")["modules"]) == ["SubModules.TextDetection"]
    done = run(tmp_path, "hpi-plan", "pipeline.yaml", "--profile", "profile.json", "--output", "plan.json")
    assert done.returncode == 0, done.stderr


def lay_out_lines(folder: Path, models: Path) -> None:
    """A pipeline that reads lines, and a page without any."""
    members = {
        "TextDetection": {"module_name": "text_detection", "model_name": "PP-OCRv6_small_det"},
        "TextRecognition": {"module_name": "text_recognition", "model_name": "PP-OCRv6_small_rec"},
    }
    for node in members.values():
        (folder / node["model_name"]).symlink_to(models / node["model_name"])
        node["model_dir"] = node["model_name"]
    hpi = {"backend": "onnxruntime", "auto_config": False}
    flags = dict.fromkeys(("use_doc_preprocessor", "use_textline_orientation"), False)
    data = {
        "pipeline_name": "OCR",
        "text_type": "general",
        "use_hpip": True,
        "hpi_config": hpi,
        **flags,
        "SubModules": members,
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(data))
    cv2.imwrite(str(folder / "empty.png"), np.full((64, 64, 3), 255, np.uint8))


def test_what_was_measured_is_not_measured_again(folder: Path) -> None:
    before = (folder / "profile.json").read_bytes()
    done = measure(folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "profile.json").read_bytes() == before


def test_a_budget_ends_the_search_and_leaves_a_profile_that_can_be_used(folder: Path) -> None:
    begun = load(folder / "begun.json")["modules"][MODULE]
    assert len(begun["entries"]) == 1
    assert "agreement" in begun["entries"][0]
    assert not begun["finished"]
    assert "the same command goes on" in (folder / "begun.txt").read_text()
    assert run(folder, "hpi-plan", "pipeline.yaml", "--profile", "begun.json").returncode == 0


def test_a_module_has_as_much_of_the_budget_as_looking_at_its_candidates_costs(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").symlink_to(models)
    shutil.copy(ROOT / "tests/examples/plain_ocr.yaml", tmp_path / "pipeline.yaml")
    assert run(tmp_path, "hpi-plan", "pipeline.yaml", "--candidates", "candidates.json").returncode == 0
    took: dict[str, float] = {}
    given: dict[str, float] = {}

    def cost(self: trial.Trial, seconds: float) -> float:
        took[self._address] = seconds
        return seconds

    def spend(self: trial.Trial, seconds: float, keep: object) -> None:
        given[self._address] = seconds

    monkeypatch.setattr(trial.Trial, "cost", cost)
    monkeypatch.setattr(trial.Trial, "run", spend)
    monkeypatch.setattr(confirming.Confirmation, "run", lambda *given: None)
    setting = profiling.Setting(tmp_path / "candidates.json", [str(ROOT / "examples/ocr/receipt.jpg")], budget=10_000)
    profiling.measure(setting, tmp_path / "profile.json", Outputs([]), lambda text: None)
    first, last = given
    assert 0 < took[first] < 60
    # A quarter is kept for the pipeline as a whole.
    assert given[first] == pytest.approx(7500 * took[first] / (took[first] + took[last]), rel=0.02)
    # What the first left over, which was all of it.
    assert given[last] == pytest.approx(7500, rel=0.02)


def test_looking_costs_more_the_slower_and_the_more_candidates_and_nothing_once_it_is_done(made: Path) -> None:
    listed = candidates.read((made / "candidates.json").read_bytes(), "candidates.json").modules[MODULE]
    record = profile.read((made / "profile.json").read_bytes(), "profile.json").modules[MODULE]
    plan = load_plan(made / "planned.json")

    def begun(some: tuple[Candidate, ...]) -> trial.Trial:
        given = replace(listed, listed=some)
        return trial.Trial(plan, given, {"module": MODULE}, {}, record.calibration, lambda text: None)

    whole, shorter = begun(listed.listed), begun(listed.listed[:2])
    assert whole.cost(10.0) > whole.cost(1.0) > whole.cost(0.001) > 0
    assert shorter.cost(1.0) < whole.cost(1.0)
    whole.resume(record)
    assert whole.cost(10.0) == 0


def test_a_profile_whose_own_engine_was_killed_is_begun_anew(made: Path) -> None:
    listed = candidates.read((made / "candidates.json").read_bytes(), "candidates.json").modules[MODULE]
    record = profile.read((made / "profile.json").read_bytes(), "profile.json").modules[MODULE]
    plan = load_plan(made / "planned.json")
    killed = replace(record, entries=[replace(record.entries[0], fault="exit code -9"), *record.entries[1:]])
    found = trial.Trial(plan, listed, {"module": MODULE}, {}, record.calibration, lambda text: None)
    found.resume(killed)
    assert found.record.entries == []


def test_a_run_that_was_cut_off_goes_on_where_it_was(folder: Path) -> None:
    begun, done = (load(folder / f"{name}.json")["modules"][MODULE] for name in ("begun", "profile"))
    assert done["finished"]
    assert done["entries"][0]["loaded_ms"] == begun["entries"][0]["loaded_ms"]
    assert len({entry["engine"]["backend"] for entry in done["entries"]}) > 1


def test_a_profile_of_other_inputs_is_left_alone(folder: Path) -> None:
    before = (folder / "profile.json").read_bytes()
    (folder / "pictures/b.png").unlink()
    done = measure(folder)
    assert done.returncode == 2
    assert "profile.json is of other inputs" in done.stderr
    assert (folder / "profile.json").read_bytes() == before


def test_a_file_that_is_no_profile_is_left_alone(folder: Path) -> None:
    (folder / "profile.json").write_text("{}")
    done = measure(folder)
    assert done.returncode == 2
    assert "profile.json is there and holds no profile" in done.stderr
    assert (folder / "profile.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--candidates", "candidates.json"), "go together"),
        (("--profile", "p.json"), "go together"),
        (("--candidates", "candidates.json", "--profile", "p.json", "planned.json"), "without plans"),
        (("--candidates", "planned.json", "--profile", "p.json"), "is not a list of candidates"),
        (("--candidates", "nowhere.json", "--profile", "p.json"), "cannot be read"),
        (("--candidates", "candidates.json", "--profile", "p.json", "--module", "Nobody"), "no module Nobody"),
        (("--candidates", "candidates.json", "--profile", "nowhere/p.json"), "nowhere is no folder"),
        ((), "name a plan"),
    ],
)
def test_wrong_arguments_are_exit_code_2_with_the_reason(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    done = run(folder, "hpi-bench", *arguments, "--input", "pictures")
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "p.json").exists()


def test_a_plan_that_cannot_run_here_is_told_with_its_own_exit_code(folder: Path) -> None:
    (folder / "model/inference.onnx").write_bytes(b"another")
    (folder / "profile.json").unlink()
    done = measure(folder)
    assert done.returncode == 3
    assert "is not the file that was planned" in done.stderr
    assert not (folder / "profile.json").exists()


def test_a_candidate_that_fails_at_an_input_is_no_fast_one() -> None:
    good: Item[str] = Item("a.png")
    assert successful(iter([good])) == [good]
    with pytest.raises(EngineError, match=r"b\.png: too large"):
        successful([good, Item("b.png", error=InputError("PROCESSING_FAILED", "too large"))])


# -- measuring processes -------------------------------------------------------------------------


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """A process that answers once at its start, and to a request after as many seconds as it says."""
    (tmp_path / "slow_worker.py").write_text(
        "import json, sys, time\n"
        "print('{\"items\": 3}', flush=True)\n"
        "for line in sys.stdin:\n"
        "    time.sleep(json.loads(line)['sleep'])\n"
        "    print('{\"done\": true}', flush=True)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with Process("slow_worker", {}) as process:
        yield process


def test_a_process_that_answers_in_time_is_left_alone(slow: Process) -> None:
    assert slow.answer(60) == {"items": 3}
    assert [slow.ask({"sleep": 0}, 60) for _ in range(2)] == [{"done": True}] * 2


def test_a_process_that_is_busy_is_not_waited_for_after_an_interruption(slow: Process) -> None:
    slow.answer(60)
    assert slow._process.stdin is not None
    slow._process.stdin.write(b'{"sleep": 60}\n')
    slow._process.stdin.flush()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), slow:
        raise KeyboardInterrupt
    # Usually it has half a minute to end by itself.
    assert time.monotonic() - began < 20
    assert slow._process.returncode is not None


def test_a_process_that_hangs_is_ended(slow: Process) -> None:
    slow.answer(60)
    with pytest.raises(EndedError) as raised:
        slow.ask({"sleep": 600}, 0.2)
    assert raised.value.is_late


def test_a_candidate_that_hangs_is_a_fault_with_its_limit(slow: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contender, "_PATIENCE_SECONDS", 0.5)
    worker = contender.Contender(slow, io.BytesIO(), Entry(EngineRecord("a", {}), 1, {}), own_seconds=0.01)
    # Three inputs, each of which may take twenty times as long.
    with pytest.raises(contender.FaultError, match="no answer within 1 seconds"):
        worker.ask({"sleep": 600})


# -- the search ----------------------------------------------------------------------------------


def candidate(backend: str, threads: int = 2, batch_size: int = 6, **settings: int) -> Candidate:
    return Candidate(EngineRecord(backend, {"precision": "fp32", "threads": threads}), batch_size, settings)


def walked(candidates: list[Candidate], cost: Mapping[int, float | None], most: int = 100) -> list[int]:
    known, ratios = search.variants(candidates), dict[int, "float | None"]()
    while len(ratios) < most and (place := search.following(known, ratios)) is not None:
        ratios[place] = cost[place]
    return list(ratios)


class _Clock:
    """A clock that only work moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("deadline", "rounds"), [(0.0, 1), (19.9, 1), (20.0, 2), (35.0, 3), (1000.0, 5)])
def test_no_round_begins_that_would_end_after_the_deadline_but_the_first(
    deadline: float, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _Clock()
    monkeypatch.setattr(contender, "time", clock)
    done = 0
    for _ in contender.repeated(5, deadline, lambda: False):
        clock.now += 10.0
        done += 1
    assert done == rounds


def test_rounds_end_when_more_would_change_nothing() -> None:
    assert len(list(contender.repeated(5, math.inf, lambda: True))) == 1


def test_the_search_begins_with_every_backend_and_then_walks_along_what_got_faster() -> None:
    candidates = [
        candidate("a"),
        candidate("a", batch_size=1),
        candidate("a", step=64),
        candidate("a", batch_size=1, step=64),
        candidate("a", threads=1),
        candidate("a", threads=1, batch_size=1, step=64),
        candidate("slow"),
        candidate("slow", threads=1),
        candidate("slow", batch_size=1),
    ]
    cost = {0: 1.0, 1: 0.8, 2: 0.9, 3: 0.5, 4: 1.1, 5: 0.4, 6: 1.9, 7: 0.1, 8: 0.1}
    # Both backends, everything changed at once, and around that; not around what is slow.
    assert walked(candidates, cost) == [0, 6, 5, 3]


def test_the_search_tries_what_else_there_is_of_a_backend_whose_first_engine_fails() -> None:
    candidates = [candidate("a"), candidate("b"), candidate("b", threads=1), candidate("b", batch_size=1)]
    assert walked(candidates, {0: 1.0, 1: None, 2: 1.5, 3: 0.1}) == [0, 1, 2]


def test_large_levers_come_first_and_are_walked_along_by_themselves() -> None:
    def lowered(batch_size: int, **settings: int) -> Candidate:
        usual = candidate("a", batch_size=batch_size, **settings)
        engines = [
            replace(usual.engine, config={**usual.engine.config, "precision": name}) for name in ("bf16", "int8")
        ]
        return replace(usual, lower=tuple(engines))

    candidates = [lowered(6), lowered(1), lowered(1, step=64), candidate("b")]
    # Of each candidate the usual precision, bf16 and int8; then b.
    cost = {0: 1.0, 1: 0.6, 2: 1.2, 3: 0.9, 4: 0.5, 5: 0.1, 6: 1.1, 7: 0.7, 8: 0.1, 9: 1.2}
    # A precision, the other backend, leaps in bf16 and in fp32, the other precision, then around the fastest by turns.
    assert walked(candidates, cost) == [0, 1, 9, 7, 6, 2, 4, 3]


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.sampled_from([0.5, 0.8, 1.2, 2.0])] * 5))
def test_where_levers_multiply_few_looks_find_the_best_with_a_lower_precision_and_without(
    levers: tuple[float, ...],
) -> None:
    candidates = []
    for threads, batch_size, step in itertools.product((2, 1), (6, 1), (0, 64, 128)):
        usual = candidate("a", threads, batch_size, **({"step": step} if step else {}))
        low = replace(usual.engine, config={**usual.engine.config, "precision": "bf16"})
        candidates.append(replace(usual, lower=(low,)))
    known = search.variants(candidates)

    def takes(item: search.Variant) -> float:
        faster = levers[3 if item.settings["step"] == 64 else 4] if item.settings else 1.0
        return (
            (0.6 if item.is_lower else 1.0)
            * (levers[0] if item.engine.config["threads"] == 1 else 1.0)
            * (levers[1] if item.batch_size == 1 else 1.0)
            * faster
        )

    cost = dict(enumerate(map(takes, known)))
    looks = walked(candidates, cost, 14)
    for is_lower in (False, True):
        alike = [place for place, item in enumerate(known) if item.is_lower == is_lower]
        assert min(cost[place] for place in alike if place in looks) == min(cost[place] for place in alike)


def test_a_precision_that_cannot_be_measured_is_not_tried_again() -> None:
    usual = candidate("a")
    lower = replace(usual.engine, config={**usual.engine.config, "precision": "bf16"})
    candidates = [replace(usual, lower=(lower,)), replace(candidate("a", batch_size=1), lower=(lower,))]
    assert walked(candidates, {0: 1.0, 1: None, 2: 0.5, 3: 0.1}) == [0, 1, 2]


def test_the_search_ends_where_nothing_can_be_measured() -> None:
    assert walked([candidate("a"), candidate("b")], {0: None, 1: None}) == [0, 1]


def test_finalists_are_the_plans_own_and_the_fastest_of_each_kind_either_way() -> None:
    def entry(latency: float, throughput: float, precision: str = "fp32", **settings: int) -> Entry:
        ratio = {"latency": latency, "throughput": throughput}
        return Entry(EngineRecord("a", {"precision": precision}), 1, settings, ratio=ratio)

    entries = [
        entry(1.0, 1.0),
        entry(0.9, 0.8),
        entry(0.7, 0.9),
        entry(0.5, 0.5, step=64),
        entry(0.6, 0.6, step=128),
        entry(0.3, 0.3, "int8"),
        replace(entry(0.1, 0.1), fault="it crashed"),
    ]
    # The plan's own, and then by turns in a lower precision and in the usual one.
    assert search.finalists(entries) == [0, 5, 3, 2, 1]
    # A look cannot tell the fourth from the third that differs in shapes.
    assert search.finalists([*entries, entry(0.53, 0.53, step=96)]) == [0, 5, 3, 7, 2, 1]


def test_no_more_are_measured_thoroughly_than_there_is_memory_for() -> None:
    entries = [
        Entry(EngineRecord("a", {"precision": name}), 1, {}, ratio={"latency": part * one, "throughput": part / one})
        for name, part in (("fp32", 1.0), ("bf16", 0.9), ("fp16", 0.8), ("int8", 0.7))
        for one in (0.8, 0.84, 1.2, 1.25)
    ]
    assert len(search.finalists(entries)) == 8


# -- what a module gets --------------------------------------------------------------------------


def plan() -> Any:
    return load_plan(ROOT / "examples/ocr/plan.json")


def test_after_a_fault_those_that_were_measured_with_it_are_measured_anew() -> None:
    engine = EngineRecord("onnxruntime", {})
    chosen = [Entry(engine, size, {}, agreement={"texts": 1.0}, ratio={"latency": 1.0}) for size in (1, 2, 3)]
    trial._fail(contender.FaultError("it ended", chosen[1]), chosen)
    assert [entry.agreement for entry in chosen] == [None, None, None]
    assert [entry.fault for entry in chosen] == [None, "it ended", None]


@pytest.mark.parametrize(("precision", "share"), [("fp32", 1.0), ("bf16", 0.9999)])
def test_what_is_near_enough_in_a_lower_precision_is_not_the_same(precision: str, share: float, tmp_path: Path) -> None:
    answers = Item("a.png", {"calls": [[np.ones((1, 3), np.float32)]]})
    one, other = (hosted.results([answers], tmp_path) for _ in range(2))
    assert hosted.agreement(one, other, precision) == {"outputs": share}


@pytest.mark.parametrize(("batch", "runs", "chosen"), [(6, 10, [0, 5]), (1, 3, [0, 1, 2]), (50, 3, [0]), (6, 1, [0])])
def test_of_what_a_host_runs_a_look_takes_some_runs(batch: int, runs: int, chosen: list[int]) -> None:
    calls = [{"x": np.full((batch, 3), number, np.float32), "scale": np.float32(1)} for number in range(runs)]
    (cut,) = hosted.cut(Item("p.png", {"calls": calls}), 12).values.values()
    assert [int(call["x"][0, 0]) for call in cut] == chosen


def test_the_part_of_the_recogniser_goes_to_the_result_and_needs_no_picture() -> None:
    part = replay.part(plan(), "SubModules.TextRecognition")
    assert part.graph.order == ("read", "result")
    assert part.result == "result.result"
    assert not any(ref.endswith(".image") for ref in part.refs)


def test_the_part_of_the_detector_ends_before_the_next_module() -> None:
    part = replay.part(plan(), "SubModules.TextDetection")
    assert part.graph.order == ("detect", "order", "lines")
    assert part.result is None
    assert all(ref.endswith(".image") for ref in part.refs)


def test_samples_are_spread_evenly_over_a_run_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpi_runtime.bench.recorder._MOST_SAMPLES", 10)
    samples = Samples()
    for number in range(1000):
        samples.add(np.array([number]))
    kept = [int(array[0]) for array in samples.kept]
    assert 5 <= len(kept) <= 10
    assert len({after - before for before, after in pairwise(kept)}) == 1
    assert kept[0] == 0
    assert kept[-1] > 800
