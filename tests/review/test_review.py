"""hpi-review: show, diff, why and blame, as people type them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hpi_planner.review import origins, plans, report
from hpi_planner.review.differences import compared
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.render import comment, markdown, mermaid, page
from hpi_planner.review.risk import Context
from hpi_planner.review.view import view
from hpi_schemas.impact import Impact
from hpi_schemas.plan.model import Plan
from hpi_schemas.plan.read import read
from support import tiny_onnx, txtar

PAIR = (("old.json", ()), ("new.json", ("--no-use_hpip",)))
CASES = Path(__file__).parents[1] / "cases"


def _golden_plans() -> list[Any]:
    texts = ((path.stem, txtar.split(path.read_text())[1].get("after freeze", "")) for path in sorted(CASES.iterdir()))
    return [pytest.param(read(text.encode(), name), id=name) for name, text in texts if text.strip()]


# -- show ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", _golden_plans())
def test_every_golden_plan_can_be_shown_in_every_form(plan: Plan) -> None:
    shown = view(plan)
    text = markdown.show(shown)
    drawn = page.page(shown, "plan.json")
    for address, record in plan.modules.items():
        assert address in text
        assert record.model.name in drawn
    assert mermaid.flowchart(shown).startswith("flowchart LR\n")
    assert "http://" not in drawn
    assert "https://" not in drawn


def test_show_names_every_model_with_its_backend_and_the_reason(run: Any, plan: Any) -> None:
    done = run("hpi-review", "show", plan("plan.json"))
    assert done.returncode == 0
    assert done.stdout.startswith("OCR: 3 models (")
    assert re.search(r"TextDetection +PP-OCRv5_mobile_det +cpu +\w+ +fp32 +2 +1", done.stdout)
    assert "TextDetection: openvino, PaddleX's ranking for x86-64 CPUs (its table of Paddle 3.1.1): " in done.stdout
    assert "; openvino is the first of them that can be had" in done.stdout


def test_show_as_data_is_json(run: Any, plan: Any) -> None:
    shown = json.loads(run("hpi-review", "show", plan("plan.json"), "--json").stdout)
    assert shown["modules"][0]["address"] == "SubModules.TextDetection"


def test_a_stale_plan_is_shown_and_compared_and_said_to_be_stale(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    text = (folder / "pipeline.yaml").read_text()
    (folder / "pipeline.yaml").write_text(text.replace("thresh: 0.3", "thresh: 0.2"))
    shown = run("hpi-review", "show", "plan.json")
    assert shown.returncode == 0
    assert shown.stdout.startswith("OCR: 3 models")
    assert "plan.json is stale" in shown.stderr
    assert "plan.json is stale" in run("hpi-review", "diff", "plan.json", plan("new.json")).stderr


def test_what_a_plan_risks_is_noted(folder: Path, run: Any, plan: Any) -> None:
    config = "{backend: openvino, on_failure: [onnxruntime], backend_config: {precision: bf16}}"
    shown = run("hpi-review", "show", plan("plan.json", "-o", f"SubModules.TextDetection.hpi_config={config}")).stdout
    assert "runs in bf16: its numbers differ from fp32" in shown
    assert "falls back on onnxruntime if openvino cannot be prepared or loaded" in shown


def test_names_of_a_yaml_cannot_break_out_of_a_page(plan: Any, folder: Path, run: Any) -> None:
    text = (folder / plan("plan.json")).read_text()
    hostile = text.replace("PP-OCRv5_mobile_det", "</script><img src=x>|`#quot;\\n```\\n# @someone [x](y)\\u001b[31m")
    (folder / "hostile.json").write_text(hostile)
    assert run("hpi-review", "show", "hostile.json", "--html", "page.html").returncode == 0
    assert "<img" not in (folder / "page.html").read_text()
    for arguments in (["show", "hostile.json", "--markdown"], ["diff", "plan.json", "hostile.json", "--markdown"]):
        shown = run("hpi-review", *arguments).stdout
        outside = re.sub(r"`[^`\n]*`", "", re.sub(r"```mermaid\n.*?\n```\n", "", shown, flags=re.DOTALL))
        assert not {"<img", "@someone", "```", "\x1b"} & {
            item for item in ("<img", "@someone", "```", "\x1b") if item in outside
        }
    assert "<img" not in run("hpi-review", "show", "hostile.json", "--mermaid").stdout
    assert "\x1b" not in run("hpi-review", "show", "hostile.json").stdout


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium here; .ci/run installs it")
def test_the_page_works_in_a_browser(folder: Path, run: Any, plan: Any) -> None:
    run("hpi-review", "show", plan("plan.json"), "--html", "page.html")
    script = (
        "<script>search.value='openvino 0.3'; search.dispatchEvent(new Event('input'));"
        "document.getElementById('open').click();"
        "document.title = [].map.call(document.querySelectorAll('details.module'), "
        "d => +!d.hidden + '' + +d.open).join() + ' ' + document.getElementById('count').textContent;</script>"
    )
    page = folder / "page.html"
    page.write_text(page.read_text().replace("</body>", f"{script}</body>"))
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless", "--no-sandbox", f"--user-data-dir={profile}", "--virtual-time-budget=3000"]
        command += ["--enable-logging=stderr", "--dump-dom", f"file://{page}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    assert re.search(r"<title>11,01,01 1 of 3</title>", done.stdout)


# -- diff ----------------------------------------------------------------------------------------


def test_a_plan_does_not_differ_from_itself(run: Any, plan: Any) -> None:
    done = run("hpi-review", "diff", plan("plan.json"), "plan.json", "--fail-on", "cosmetic")
    assert done.returncode == 0
    assert re.match(r"✓ What changed\? +nothing\n", done.stdout)


@pytest.mark.parametrize(
    ("path", "impact"),
    [
        ("modules.M.engine.backend", Impact.NUMERICS),
        ("modules.M.engine.config.precision", Impact.NUMERICS),
        ("modules.M.engine.config.cpu_num_threads", Impact.PERFORMANCE),
        ("modules.M.device", Impact.NUMERICS_POSSIBLE),
        ("modules.M.model.files.inference.onnx", Impact.NUMERICS),
        ("modules.M.model.dir", Impact.COSMETIC),
        ("modules.M.origin.use_hpip", Impact.COSMETIC),
        ("modules.M.settings.thresh", Impact.NUMERICS),
        ("target.cuda", Impact.COSMETIC),
        ("rules", Impact.COSMETIC),
    ],
)
def test_each_key_has_the_impact_that_it_risks(path: str, impact: Impact) -> None:
    def plan(value: Any) -> dict[str, Any]:
        result: dict[str, Any] = {"modules": {"M": {"engine": {"backend": "openvino"}}}}
        place = result
        keys = path.split(".", 4)
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
        return result

    (change,) = compared(plan("a"), plan("b"), Context())
    assert change.impact == impact


def test_another_batch_size_changes_answers_where_the_task_says_so(run: Any, plan: Any) -> None:
    plan("old.json")
    # Lines are padded to the widest of their batch.
    for module, label in (("TextRecognition", "numerics"), ("TextDetection", "performance")):
        plan("new.json", "-o", f"SubModules.{module}.batch_size=9")
        done = run("hpi-review", "diff", "old.json", "new.json", "--all")
        assert [line.split()[0] for line in done.stdout.splitlines() if "  batch_size  " in line] == [label]


@pytest.mark.parametrize(
    ("kind", "name", "used", "impact"),
    [
        ("backends", "openvino", {"openvino"}, Impact.NUMERICS_POSSIBLE),
        ("backends", "tensorrt", {"openvino"}, Impact.COSMETIC),
        ("hosts", "paddlex", {"openvino", "paddlex"}, Impact.NUMERICS),
        ("tools", "paddle2onnx", {"openvino", "paddle2onnx"}, Impact.NUMERICS_POSSIBLE),
        ("tools", "paddle2onnx", {"openvino"}, Impact.COSMETIC),
    ],
)
def test_another_version_risks_what_the_plan_does_with_it(kind: str, name: str, used: set[str], impact: Impact) -> None:
    old, new = ({"target": {kind: {name: version}}} for version in ("1.0", "2.0"))
    (change,) = compared(old, new, Context(frozenset(used)))
    assert change.impact == impact


@pytest.mark.parametrize(
    ("config", "impact"),
    [({}, Impact.COSMETIC), ({"device_name": "NPU"}, Impact.DEVICE), ({"device_name": "GPU"}, Impact.DEVICE)],
)
def test_a_device_differs_only_where_another_one_runs(config: dict[str, str], impact: Impact) -> None:
    old, new = ({"modules": {"M": {"engine": {"config": each}}}} for each in (config, {"device_name": "CPU"}))
    (change,) = compared(old, new, Context())
    assert change.impact == impact


@pytest.mark.parametrize(
    ("old", "new", "cards", "impact"),
    [
        ("gpu:0", "gpu:1", ("A10", "A10"), Impact.DEVICE),
        ("gpu:0", "gpu:1", ("A10", "L4"), Impact.NUMERICS_POSSIBLE),
        ("cpu", "gpu:0", ("A10",), Impact.NUMERICS_POSSIBLE),
    ],
)
def test_another_model_of_a_device_may_round_otherwise(
    old: str, new: str, cards: tuple[str, ...], impact: Impact
) -> None:
    before, after = ({"modules": {"M": {"device": device}}} for device in (old, new))
    (change,) = compared(before, after, Context(cards=(cards, cards)))
    assert change.impact == impact
    if old != "cpu":
        one, other = ({"replicas": [int(device[-1])]} for device in (old, new))
        assert compared(one, other, Context(cards=(cards, cards)))[0].impact == impact


def test_null_absent_and_default_are_three_things(run: Any, plan: Any) -> None:
    (change,) = compared({"modules": {}, "x": {}}, {"modules": {}, "x": {"key": None}}, Context())
    assert change.old is ABSENT
    assert change.new is None
    assert compared({"modules": {}, "x": 1}, {"modules": {}, "x": True}, Context()) != []


def test_causes_are_found_by_compiling_again(folder: Path, run: Any, plan: Any) -> None:
    plan("old.json")
    text = (folder / "pipeline.yaml").read_text()
    (folder / "new.yaml").write_text(text.replace("thresh: 0.3", "thresh: 0.2"))
    (folder / "models/rec/inference.onnx").write_bytes(tiny_onnx.model("x float32 N 3 48 W"))
    target = json.loads((folder / "target.json").read_text())
    target["cores"] = 1
    (folder / "small.json").write_text(json.dumps(target))
    plan("new.json", "-o", "SubModules.TextRecognition.batch_size=1", pipeline="new.yaml", target="small.json")
    done = run("hpi-review", "diff", "old.json", "new.json", "--json")
    found = {(item["address"], item["key"]): item for item in json.loads(done.stdout)}
    assert found["SubModules.TextDetection", "settings.thresh"]["causes"] == ["source"]
    assert found["SubModules.TextRecognition", "batch_size"]["causes"] == ["override"]
    assert found["SubModules.TextRecognition", "model.files.inference.onnx"]["causes"] == ["model"]
    assert found["", "target.cores"]["causes"] == ["target"]
    assert all(item["cause_known"] for item in found.values())
    assert done.stderr == ""


def test_without_the_sources_causes_are_guessed_and_marked(folder: Path, run: Any, plan: Any) -> None:
    plan("old.json")
    plan("new.json", "-o", "SubModules.TextRecognition.batch_size=1")
    (folder / "pipeline.yaml").unlink()
    done = run("hpi-review", "diff", "old.json", "new.json", "--all")
    assert "batch_size" in done.stdout
    assert "[override?]" in done.stdout
    assert "not at hand" in done.stderr


def test_fail_on_counts_this_impact_and_greater_ones(run: Any, plan: Any) -> None:
    plan("old.json")
    plan("new.json", "-o", "SubModules.TextDetection.batch_size=2")
    for level, code in (("numerics", 0), ("device", 0), ("performance", 1), ("cosmetic", 1)):
        assert run("hpi-review", "diff", "old.json", "new.json", "--fail-on", level).returncode == code


def test_a_module_that_came_or_went_is_one_change(run: Any, plan: Any) -> None:
    plan("old.json")
    plan("new.json", "-o", "use_textline_orientation=false")
    found = json.loads(run("hpi-review", "diff", "old.json", "new.json", "--json").stdout)
    assert [item["key"] for item in found if item["address"] == "SubModules.TextLineOrientation"] == ["(module)"]


def test_a_comment_has_a_table_and_folded_details_and_fits_its_limit(run: Any, plan: Any) -> None:
    plan("old.json")
    plan("new.json", "--no-use_hpip")
    shown = run("hpi-review", "diff", "old.json", "new.json", "--markdown").stdout
    assert shown.startswith("### `new.json`: 1 change\n")
    assert "| impact | where | what |" in shown
    assert shown.count("<details>") == shown.count("</details>") > 1


def test_a_long_comment_ends_at_a_whole_line_and_says_so(folder: Path, run: Any, plan: Any) -> None:
    old, new = (plans.load(str(folder / plan(name, *arguments))) for name, arguments in PAIR)
    nothing = origins.Origins(None, None)
    found = report.report(old, new, nothing, nothing)
    whole = comment.comment(found)
    assert comment.comment(found, limit=len(whole)) == whole
    for limit in range(600, len(whole), 97):
        short = comment.comment(found, limit=limit)
        assert short == comment.comment(found, limit=limit)
        assert len(short) <= limit
        assert short.count("<details>") == short.count("</details>")
        assert "`hpi-review diff --all`" in short
        kept = short[: short.index("\n\n*…")].removesuffix("\n\n</details>")
        assert kept.splitlines() == whole.splitlines()[: len(kept.splitlines())]


def test_plans_and_their_sources_may_come_from_revisions(folder: Path, run: Any, plan: Any) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    plan("plan.json")
    git("init", "-q", "-b", "main")
    git("add", "pipeline.yaml", "plan.json")
    git("commit", "-qm", "one")
    text = (folder / "pipeline.yaml").read_text()
    (folder / "pipeline.yaml").write_text(text.replace("thresh: 0.3", "thresh: 0.2"))
    plan("plan.json")
    done = run("hpi-review", "diff", "main:plan.json", "plan.json")
    assert done.stderr == ""
    assert "TextDetection: `thresh` 0.3 → 0.2, because pipeline.yaml:14 says so." in done.stdout
    missing = run("hpi-review", "diff", "main:nothing.json", "plan.json")
    assert missing.returncode == 2
    assert "main:nothing.json cannot be read" in missing.stderr


# -- why and blame -------------------------------------------------------------------------------


def test_why_shows_the_winner_and_every_loser_with_their_places(run: Any, plan: Any) -> None:
    plan(
        "plan.json",
        "--hpi_config",
        "{backend: openvino}",
        "-o",
        "SubModules.TextDetection.hpi_config.backend=onnxruntime",
    )
    answer = run("hpi-review", "why", "plan.json", "SubModules.TextDetection.engine.backend").stdout
    assert "SubModules.TextDetection.engine.backend = onnxruntime" in answer
    assert "derived by the pass `select`" in answer
    assert (
        "wins: onnxruntime at the command line, `-o SubModules.TextDetection.hpi_config.backend=onnxruntime`" in answer
    )
    assert 'loses: {"backend": "openvino"} at the command line, `--hpi_config={backend: openvino}`' in answer
    assert (
        "not openvino: another was asked for: onnxruntime, by `-o SubModules.TextDetection.hpi_config.backend" in answer
    )


def test_why_points_into_the_yaml(run: Any, plan: Any) -> None:
    answer = run("hpi-review", "why", plan("plan.json"), "SubModules.TextDetection.thresh").stdout
    assert "wins: 0.3 at pipeline.yaml:14:13" in answer
    assert "14 |     thresh: 0.3" in answer


def test_a_deeper_use_hpip_beats_the_one_above(folder: Path, run: Any, plan: Any) -> None:
    text = (folder / "pipeline.yaml").read_text()
    (folder / "pipeline.yaml").write_text(text.replace("    thresh: 0.3\n", "    thresh: 0.3\n    use_hpip: false\n"))
    answer = run("hpi-review", "why", plan("plan.json"), "SubModules.TextDetection.use_hpip").stdout
    assert "wins: false at pipeline.yaml:15:15" in answer
    assert "loses: true at pipeline.yaml:3:11" in answer


def test_an_engine_of_paddlex_is_explained_by_its_own_keys(folder: Path, run: Any, plan: Any) -> None:
    text = (
        (folder / "pipeline.yaml")
        .read_text()
        .replace("use_hpip: true\n", "engine_config: {hpi: {backend: openvino}}\n")
    )
    (folder / "pipeline.yaml").write_text(
        text.replace("    thresh: 0.3\n", "    thresh: 0.3\n    engine: onnxruntime\n")
    )
    plan("plan.json", "--engine", "hpi")
    answer = run("hpi-review", "why", "plan.json", "SubModules.TextRecognition").stdout
    assert "wins: openvino at pipeline.yaml:3:32" in answer
    answer = run("hpi-review", "why", "plan.json", "SubModules.TextDetection").stdout
    assert "wins: onnxruntime at pipeline.yaml:15:13" in answer
    assert "loses: hpi at the command line, `--engine=hpi`" in answer


def test_without_the_source_the_winner_and_its_origin_are_shown(folder: Path, run: Any, plan: Any) -> None:
    plan("plan.json")
    (folder / "pipeline.yaml").unlink()
    done = run("hpi-review", "why", "plan.json", "SubModules.TextDetection.thresh")
    assert done.returncode == 0
    assert "why: the YAML at `SubModules.TextDetection.thresh`" in done.stdout
    assert "wins" not in done.stdout
    assert "not at hand" in done.stderr


def test_blame_answers_for_a_line_of_the_plan(folder: Path, run: Any, plan: Any) -> None:
    lines = (folder / plan("plan.json")).read_text().splitlines()
    modules = lines.index('  "modules": {')
    number = next(index for index, line in enumerate(lines, 1) if index > modules and '"thresh": 0.3' in line)
    answer = run("hpi-review", "blame", f"plan.json:{number}").stdout
    assert answer.startswith("SubModules.TextDetection.settings.thresh = 0.3")
    assert run("hpi-review", "blame", "plan.json:1").returncode == 2
    assert run("hpi-review", "blame", "plan.json").returncode == 2


def test_digests_and_whole_groups_can_be_asked_about(run: Any, plan: Any) -> None:
    plan("plan.json")
    for key in ("model.files.inference.yml", "settings", "hpi_config", "model.dir", "model_name"):
        done = run("hpi-review", "why", "plan.json", f"SubModules.TextLineOrientation.{key}")
        assert done.returncode == 0, done.stderr
    answer = run("hpi-review", "why", "plan.json", "SubModules.TextDetection.model.name").stdout
    assert "wins: PP-OCRv5_mobile_det at pipeline.yaml:12:17" in answer


def test_a_matrix_and_a_graph_take_names_as_text(folder: Path, run: Any, plan: Any) -> None:
    text = (folder / plan("plan.json")).read_text()
    hostile = "x | <img src=x> [c](https://e.example) %%{init: {'theme':'base'}}%%"
    (folder / "hostile.json").write_text(
        text.replace('"thresh"', json.dumps(hostile)).replace("PP-OCRv5_mobile_det", hostile)
    )
    table = run("hpi-review", "matrix", "plan.json", "hostile.json", "--markdown").stdout
    assert "<img" not in re.sub(r"`[^`\n]*`", "", table)
    assert "%%{" not in run("hpi-review", "show", "hostile.json", "--mermaid").stdout


def test_of_two_long_lists_the_entries_that_differ_are_told() -> None:
    from hpi_planner.review.wording import arrow

    one = [f"class number {number}" for number in range(40)]
    other = [*one[:17], "another", *one[18:]]
    assert arrow(one, other) == "a list of 40, [17]: class number 17 → a list of 40, [17]: another"


def test_a_page_never_replaces_what_is_no_page(folder: Path, run: Any, plan: Any) -> None:
    before = (folder / plan("plan.json")).read_bytes()
    assert run("hpi-review", "show", "plan.json", "--html", "plan.json").returncode == 2
    assert (folder / "plan.json").read_bytes() == before
    for _ in range(2):
        assert run("hpi-review", "show", "plan.json", "--html", "page.html").returncode == 0


def test_the_only_input_that_differs_is_the_cause(folder: Path, run: Any, plan: Any) -> None:
    target = json.loads((folder / "target.json").read_text())
    target["backends"]["openvino"] = None
    (folder / "other.json").write_text(json.dumps(target))
    plan("old.json")
    plan("new.json", target="other.json")
    found = json.loads(run("hpi-review", "diff", "old.json", "new.json", "--json").stdout)
    assert {tuple(item["causes"]) for item in found} == {("target",)}


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("SubModules.TextDetektion", "did you mean `SubModules.TextDetection`"),
        ("SubModules.TextDetection.thres", "thresh"),
    ],
)
def test_a_question_about_nothing_gets_a_suggestion(run: Any, plan: Any, question: str, message: str) -> None:
    done = run("hpi-review", "why", plan("plan.json"), question)
    assert done.returncode == 2
    assert message in done.stderr
