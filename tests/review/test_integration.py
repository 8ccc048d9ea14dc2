"""Plans in git, pre-commit and pull requests, as far as that runs on one machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
import yaml
from cmarkgfm.cmark import Options as cmarkgfm_options
from hpi_schemas.canonical import dumps

ROOT = Path(__file__).parents[2]
DETECTION = "SubModules.TextDetection"
BIN = Path(sys.executable).parent


@pytest.fixture
def repository(folder: Path, plan: Any) -> Path:
    """A git repository with a committed plan, and then a change of pipeline and plan in the working tree."""
    plan("plan.json")
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "add", "pipeline.yaml", "plan.json")
    _git(folder, "commit", "-qm", "one")
    text = (folder / "pipeline.yaml").read_text()
    (folder / "pipeline.yaml").write_text(text.replace("thresh: 0.3", "thresh: 0.2"))
    plan("plan.json")
    return folder


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **more}


def _action(repository: Path, **inputs: str) -> tuple[int, str, str]:
    """Run the script of the GitHub Action; return its exit code, what it wrote as outputs, and its messages."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (script,) = (step["run"] for step in action["runs"]["steps"] if step.get("id") == "review")
    output = repository / "github_output"
    output.unlink(missing_ok=True)
    given = dict.fromkeys(("FAIL_ON", "EVIDENCE", "ACCEPT_EVIDENCE", "RECORDS", "PERMALINK"), "")
    env = _environment(PLANS="plan*.json", BASE="main", GITHUB_OUTPUT=str(output), HPI_HOME="/none", **given)
    env |= inputs
    # GitHub runs `shell: bash` like this.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True, check=False)
    return done.returncode, output.read_text() if output.exists() else "", done.stderr


def test_the_action_comments_on_what_changed(repository: Path) -> None:
    code, outputs, messages = _action(repository)
    assert code == 0, messages
    assert "stale=false\n" in outputs
    assert "### `plan.json`: 1 change" in outputs
    assert "`thresh` 0.3 → 0.2, because pipeline.yaml:14 says so." in outputs
    assert "`settings.thresh`" in outputs


def test_the_action_fails_on_a_stale_plan_and_on_an_impact(repository: Path) -> None:
    assert _action(repository, FAIL_ON="numerics")[0] == 1
    text = (repository / "pipeline.yaml").read_text()
    (repository / "pipeline.yaml").write_text(text.replace("thresh: 0.2", "thresh: 0.1"))
    code, outputs, messages = _action(repository)
    assert code == 1
    assert "stale=true\n" in outputs
    assert "plan.json is stale" in messages


def test_the_action_shows_a_plan_that_is_new(repository: Path, plan: Any) -> None:
    plan("plan-new.json", "--no-use_hpip")
    code, outputs, _ = _action(repository, PLANS="plan-new.json")
    assert code == 0
    assert "`: new" in outputs
    assert "# OCR" in outputs


def test_the_action_tells_what_a_request_takes_away(repository: Path) -> None:
    _git(repository, "mv", "plan.json", "elsewhere.json")
    code, outputs, messages = _action(repository)
    assert code == 0, messages
    assert "### `plan.json`: gone" in outputs
    assert _action(repository, PLANS="nothing.json")[0] == 2


def test_the_action_tells_of_a_plan_that_was_left_behind(repository: Path) -> None:
    _git(repository, "commit", "-qam", "two")
    text = (repository / "pipeline.yaml").read_text()
    (repository / "pipeline.yaml").write_text(text.replace("thresh: 0.2", "thresh: 0.1"))
    code, outputs, _ = _action(repository)
    assert code == 1
    assert "### `plan.json`: stale" in outputs
    assert "`thresh` 0.2 → 0.1" in outputs
    (repository / "pipeline.yaml").write_text(text.replace("thresh: 0.2", "thrash: [0.1"))
    code, outputs, _ = _action(repository)
    assert code == 2
    assert "The YAML does not compile." in outputs


def test_the_action_compares_a_plan_that_was_renamed(repository: Path) -> None:
    _git(repository, "mv", "plan.json", "plan-prod.json")
    code, outputs, messages = _action(repository)
    assert code == 0, messages
    assert "### `plan-prod.json`: 1 change" in outputs
    assert "`thresh` 0.3 → 0.2" in outputs
    assert ": gone" not in outputs


def test_a_plan_that_changed_and_is_stale_is_both(repository: Path, plan: Any) -> None:
    text = (repository / "pipeline.yaml").read_text()
    (repository / "pipeline.yaml").write_text(text.replace("thresh: 0.2", "thresh: 0.1"))
    plan("plan-new.json")
    (repository / "pipeline.yaml").write_text(text.replace("thresh: 0.2", "thresh: 0.7"))
    code, outputs, _ = _action(repository)
    assert code == 1
    assert "### `plan.json`: 1 change" in outputs
    assert "### `plan.json`: stale" in outputs
    assert "### `plan-new.json`: new" in outputs
    assert "### `plan-new.json`: stale" in outputs


def test_a_plan_whose_yaml_a_request_takes_away_is_told(repository: Path) -> None:
    _git(repository, "commit", "-qam", "two")
    (repository / "pipeline.yaml").unlink()
    code, outputs, _ = _action(repository)
    assert code == 2
    assert "### `plan.json`: cannot be checked" in outputs


def test_a_plan_with_the_marks_of_a_merge_is_said_to_be_one(repository: Path) -> None:
    text = (repository / "plan.json").read_text()
    (repository / "plan.json").write_text(f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
    code, outputs, messages = _action(repository)
    assert code == 2
    assert "has the marks of a merge that was not settled; compile the plan again" in outputs + messages


def test_the_action_tells_of_ten_plans_in_one_comment(repository: Path, plan: Any) -> None:
    names = [f"plan-{number}.json" for number in range(10)]
    for number, name in enumerate(names):
        plan(name, "-o", f"SubModules.TextRecognition.batch_size={number + 1}")
    _git(repository, "add", ".")
    _git(repository, "commit", "-qm", "ten")
    for name in names:
        plan(name, "-o", "SubModules.TextRecognition.batch_size=20")
    (repository / names[3]).write_text("{}")
    code, outputs, messages = _action(repository, PLANS="plan-?.json")
    assert code == 2
    assert outputs.count("json`: 1 change") == 9
    assert outputs.count("`: cannot be read") == 1
    assert "plan-3.json" in messages
    comment = outputs.partition("comment<<")[2]
    assert len(comment) < 65_536
    assert comment.count("<details>") == comment.count("</details>")


def test_places_are_links_into_the_commit_of_the_request_which_may_be_a_forks(repository: Path) -> None:
    base = "https://github.com/a-fork/ocr/blob/0123456789012345678901234567890123456789"
    _, outputs, _ = _action(repository, PERMALINK=base)
    assert f"[pipeline.yaml:14]({base}/pipeline.yaml#L14) says so" in outputs
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (step,) = (step for step in action["runs"]["steps"] if step.get("id") == "review")
    assert "head.repo.full_name" in step["env"]["PERMALINK"]
    assert "head.sha" in step["env"]["PERMALINK"]


def test_nothing_of_the_checkout_stands_in_for_the_base(repository: Path) -> None:
    commit = _git(repository, "rev-parse", "main").strip()
    for place in (f"{commit}:.", "main:."):
        (repository / place).mkdir()
        (repository / place / "plan.json").write_bytes((repository / "plan.json").read_bytes())
    (repository / "main:plan.json").write_bytes((repository / "plan.json").read_bytes())
    for base in (commit, "main"):
        code, outputs, messages = _action(repository, BASE=base, FAIL_ON="numerics")
        assert code == 1, messages
        assert "`thresh` 0.3 → 0.2" in outputs
    done = subprocess.run(
        [BIN / "hpi-review", "diff", "main:plan.json", "plan.json"], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "is a file here, and may mean the revision `main`" in done.stderr


@pytest.mark.parametrize("count", [40, 300])
def test_many_new_plans_hide_no_change(repository: Path, count: int) -> None:
    for number in range(count):
        (repository / f"plan-{number + 100}.json").write_bytes((repository / "plan.json").read_bytes())
    code, outputs, messages = _action(repository, FAIL_ON="numerics")
    assert code == 1, messages
    comment = outputs.partition("comment<<")[2]
    assert len(comment) < 66_000
    rows = re.findall(r"^\| `(.*?)` \| (.*?) \|$", comment, re.MULTILINE)
    assert rows[0] == ("plan.json", "1 change, numerics")
    assert "TextDetection**: `thresh` 0.3 → 0.2" in comment
    assert comment.count("```") % 2 == 0
    assert comment.count("<details>") == comment.count("</details>")


def test_a_plan_that_came_for_another_that_went_is_no_way_past_the_gate(repository: Path, plan: Any) -> None:
    text = (repository / "pipeline.yaml").read_text()
    (repository / "plan.json").unlink()
    (repository / "other.yaml").write_text(text.replace("thresh: 0.2", "thresh: 0.01"))
    plan("plan2.json", pipeline="other.yaml")
    code, outputs, _ = _action(repository, FAIL_ON="numerics")
    assert code == 1
    # Of the same pipeline, and so the same plan by another name.
    assert "`thresh` 0.3 → 0.01" in outputs


@pytest.mark.parametrize("what", ["pipeline.yaml", "plan.json"])
def test_what_leads_out_of_the_checkout_is_not_read(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, what: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "credentials"
    outside.write_text("https://user:ghp_SECRET@github.com\n")
    (repository / what).unlink()
    (repository / what).symlink_to(outside)
    code, outputs, messages = _action(repository)
    assert code == 2
    assert "SECRET" not in outputs + messages
    assert "leads out of" in messages + outputs


def test_what_strangers_name_is_no_command_to_the_runner(repository: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (script,) = (step["run"] for step in action["runs"]["steps"] if step.get("id") == "review")
    before = script.partition("hpi-plan --trust-models")[0]
    assert 'echo "::stop-commands::$quiet"' in before
    assert "trap 'echo \"::$quiet::\"' EXIT" in before


def _edited(repository: Path, *keys: str, value: Any) -> None:
    document = json.loads((repository / "plan.json").read_text())
    place = document
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = value
    (repository / "plan.json").write_text(dumps(document))


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("modules", DETECTION, "origin", "engine.backend"), "rule:cpu_x64/nope"),
        (("modules", DETECTION, "origin", "engine.backend"), "rule:/"),
        (("external", "a."), {"kind": "a", "model_name": "b"}),
        (("target", "device"), "banana:-1"),
        (("modules", DETECTION, "settings", "thresh"), _deep(900)),
        (("modules", DETECTION, "model", "dir"), "models/evil"),
        (("must_understand",), ["evil"]),
    ],
    ids=["rule", "rule-without-name", "no-name", "device", "deep", "folder", "feature"],
)
def test_a_plan_that_lies_is_not_said_to_be_fine(repository: Path, keys: tuple[str, ...], value: Any) -> None:
    _git(repository, "commit", "-qam", "two")
    _edited(repository, *keys, value=value)
    code, outputs, messages = _action(repository)
    assert code in (1, 2), outputs
    assert "Traceback" not in messages
    assert "✓" not in outputs


def test_credentials_of_a_yaml_are_in_no_comment(repository: Path, plan: Any) -> None:
    text = (repository / "pipeline.yaml").read_text()
    secret = "chat: {api_key: sk-SECRET, base_url: 'https://u:SECRET@h/x?token=SECRET'}\n"
    (repository / "pipeline.yaml").write_text(f"{text}{secret}")
    plan("plan.json")
    _, outputs, messages = _action(repository)
    assert "SECRET" not in outputs
    assert "SECRET" not in messages


def test_a_base_that_was_not_fetched_is_said(repository: Path) -> None:
    code, _, messages = _action(repository, BASE="0" * 40)
    assert code == 2
    assert "fetch-depth: 0" in messages


HOSTILE = [
    "@octocat",
    "#1",
    "org/repo#2",
    "https://example.com/x",
    "www.example.com",
    "[x](https://example.com)",
    "![x](https://example.com/y.png)",
    "<img src=x onerror=alert(1)>",
    "</details><h1>x</h1>",
    "`</code><script>x</script>",
    "a|b|c",
    "&lt;b&gt;",
    "# heading",
    "- [ ] task",
    "mailto:a@example.com",
    "\\`x`",
]


@pytest.mark.parametrize("name", [" ".join(HOSTILE[start::4]) for start in range(4)])
def test_no_name_of_a_yaml_or_a_plan_makes_anything_but_text_of_a_comment(repository: Path, name: str) -> None:
    before = set(_tags(_action(repository)[1]))
    text = (repository / "plan.json").read_text()
    hostile = json.dumps(name)[1:-1]
    (repository / "plan.json").write_text(
        text.replace("PP-OCRv5_mobile_det", hostile).replace('"thresh"', f'"{hostile}"')
    )
    code, outputs, messages = _action(repository)
    assert code in (1, 2), messages
    assert set(_tags(outputs)) <= before | {"pre", "svg"}
    assert _links(outputs) == []
    assert "@octocat" not in _outside_code(outputs)


def _rendered(outputs: str) -> str:
    comment = re.sub(r"\n?end-of-comment-\w+\n?", "\n", outputs.partition("comment<<")[2])
    # As GitHub does, but that what it forbids is kept, to be seen here.
    return str(cmarkgfm.github_flavored_markdown_to_html(comment, options=cmarkgfm_options.CMARK_OPT_UNSAFE))


def _tags(outputs: str) -> list[str]:
    return re.findall(r"<([a-z0-9]+)", _rendered(outputs))


def _links(outputs: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"]*)"', _rendered(outputs))


def _outside_code(outputs: str) -> str:
    return re.sub(r"<(code|pre)[^>]*>.*?</\1>", "", _rendered(outputs), flags=re.DOTALL)


def test_what_renders_comments_finds_what_it_looks_for() -> None:
    outputs = "comment<<x\n\n<img src=x> [a](https://example.com) @octocat\n"
    assert set(_tags(outputs)) >= {"img", "a"}
    assert _links(outputs) == ["https://example.com"]
    assert "@octocat" in _outside_code(outputs)


def test_the_action_runs_no_code_of_the_checkout(repository: Path) -> None:
    """What a pull request puts beside its plans: modules of the names that pip, venv and our commands import."""
    for name in ("pip/__main__.py", "venv/__main__.py", "json.py", "yaml.py", "hpi_planner/__init__.py", "site.py"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(f"open({str(repository / 'ran')!r}, 'w')\nraise SystemExit(0)\n")
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (install,) = (step["run"] for step in action["runs"]["steps"] if step["name"] == "install hpi-plan")
    # Without an index the installation cannot succeed; what matters is what it runs until then.
    env = _environment(ACTION_PATH=str(ROOT), HPI_HOME=str(repository / "home"), PIP_NO_INDEX="1")
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", install], cwd=repository, env=env, capture_output=True)
    assert done.returncode != 0
    assert (repository / "home/bin/pip").exists()
    assert _action(repository)[0] == 0
    assert not (repository / "ran").exists()


def test_a_plan_that_is_called_like_an_option_is_a_plan(repository: Path) -> None:
    (repository / "plan.json").rename(repository / "--root=plan.json")
    code, outputs, messages = _action(repository, PLANS="*plan.json")
    assert code == 0, messages
    assert "### `--root=plan.json`: 1 change" in outputs


def test_the_action_says_that_no_plan_matches(repository: Path) -> None:
    code, _, messages = _action(repository, PLANS="nothing*.json")
    assert code == 2
    assert "no plan matches" in messages


def test_the_hook_finds_a_stale_plan(repository: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    local = {"repos": [{"repo": "local", "hooks": [{**hook, "language": "system"}]}]}
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump(local))
    _git(repository, "add", "plan.json")
    command: list[str | Path] = [BIN / "pre-commit", "run", "--all-files"]

    def run() -> subprocess.CompletedProcess[str]:
        home = str(repository / "pre-commit")
        return subprocess.run(
            command, cwd=repository, env=_environment(PRE_COMMIT_HOME=home), capture_output=True, text=True, check=False
        )

    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    text = (repository / "pipeline.yaml").read_text()
    (repository / "pipeline.yaml").write_text(text.replace("thresh: 0.2", "thresh: 0.1"))
    done = run()
    assert done.returncode == 1
    assert "plan.json is stale" in done.stdout


def test_the_manifest_of_hooks_is_valid() -> None:
    command: list[str | Path] = [BIN / "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_git_shows_plans_as_tables_where_it_is_told_to(repository: Path) -> None:
    (repository / ".gitattributes").write_text("plan*.json diff=hpi-plan\n")
    _git(repository, "config", "diff.hpi-plan.textconv", f"{BIN / 'hpi-review'} show --markdown")
    text = (repository / "pipeline.yaml").read_text()
    (repository / "pipeline.yaml").write_text(text.replace("use_hpip: true", "use_hpip: false"))
    subprocess.run(
        [BIN / "hpi-plan", "pipeline.yaml", "--target", "target.json", "--output", "plan.json"],
        cwd=repository, check=True, capture_output=True,
    )  # fmt: skip
    shown = _git(repository, "diff", "plan.json")
    assert "+| `SubModules.TextDetection` | `PP-OCRv5_mobile_det` | `cpu` | `onnxruntime` |" in shown
    (repository / "pipeline.yaml").write_text(text.replace("thresh: 0.2", "thresh: 0.7"))
    subprocess.run(
        [BIN / "hpi-plan", "pipeline.yaml", "--target", "target.json", "--output", "plan.json"],
        cwd=repository, check=True, capture_output=True,
    )  # fmt: skip
    assert "+- `settings.thresh`: `0.7`" in _git(repository, "diff", "plan.json")
