"""What all ten command lines share, through the installed commands."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hpi_schemas.command_line import CommandLine
from support.terminal import on_terminal

BIN = Path(sys.executable).parent
COMMANDS = (
    *("hpi-bench", "hpi-bundle", "hpi-cache", "hpi-doctor", "hpi-index", "hpi-plan"),
    *("hpi-review", "hpi-run", "hpi-serve", "hpi-target"),
)
PARTS = [
    *((name,) for name in COMMANDS),
    *(("hpi-review", part) for part in ("show", "diff", "why", "blame", "verify", "lint", "matrix")),
    *(("hpi-bundle", part) for part in ("make", "check", "show", "unpack")),
    *(("hpi-cache", part) for part in ("list", "verify", "prune")),
    *(("hpi-index", part) for part in ("build", "add", "remove", "show")),
]
PARSERS = ("hpi_planner.cli.plan_options", "hpi_runtime.cli.bench", "hpi_runtime.cli.run_options")


def run(*line: str, **options: object) -> subprocess.CompletedProcess[str]:
    found: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        [BIN / line[0], *line[1:]], capture_output=True, text=True, check=False, timeout=60, **options
    )
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_version(command: str) -> None:
    done = run(command, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{command} {version('hpi-plan')}\n", "")


@pytest.mark.parametrize("line", PARTS, ids=" ".join)
def test_every_help_lists_the_exit_codes(line: tuple[str, ...]) -> None:
    done = run(*line, "--help")
    assert done.returncode == 0
    told = " ".join(done.stdout.split())
    assert re.search(r"exit codes: 0 .*2 .*130 interrupted; 143 terminated$", told)


@pytest.mark.parametrize("line", PARTS, ids=" ".join)
def test_an_option_that_is_nearly_one_is_told_which(line: tuple[str, ...]) -> None:
    known = re.findall(r"--[a-z_-]+", run(*line, "--help").stdout)
    option = max(known, key=len)
    # What a command must have comes first to argparse.
    needed = {
        "hpi-bench": ["--input", "x"],
        "hpi-review": ["show", "x"],
        "hpi-cache": ["list"],
        "hpi-index": ["show", "x"],
    }
    given = needed.get(line[0], []) if len(line) == 1 else []
    done = run(*line, *given, option[:-1] + "x")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "unrecognized arguments" in done.stderr or "required" in done.stderr


def test_a_misspelt_option_has_a_mend() -> None:
    assert (
        "unrecognized arguments: --outptu=x; did you mean --output?" in run("hpi-plan", "a.yaml", "--outptu=x").stderr
    )
    assert "unrecognized arguments: --zzzzzz; see hpi-plan --help" in run("hpi-plan", "a.yaml", "--zzzzzz").stderr


@pytest.mark.parametrize("module", PARSERS)
def test_every_option_may_be_written_either_way(module: str) -> None:
    found = vars(importlib.import_module(module))
    parser = (found.get("parser") or found["_parser"])()
    assert isinstance(parser, CommandLine)
    tried = 0
    for option in parser._option_string_actions:
        name = option[2:]
        for other in {name.replace("-", "_"), name.replace("_", "-")} - {name}:
            assert parser._spelled(f"--{other}") == option
            assert parser._spelled(f"--{other}=a_b-c") == f"{option}=a_b-c"
            tried += 1
    assert tried


def test_either_spelling_does_the_same(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("pipeline_name: image_classification\n")
    told = {
        run("hpi-plan", "p.yaml", option, "{bakend: 1}", cwd=tmp_path).stderr
        for option in ("--hpi_config", "--hpi-config")
    }
    assert len(told) == 1
    assert "did you mean `backend`?" in told.pop()


def test_bash_completes_options_choices_and_parts(tmp_path: Path) -> None:
    def completed(command: str, *words: str) -> list[str]:
        script = tmp_path / command
        script.write_text(run(command, "--print-completion", "bash").stdout)
        line = " ".join((command, *(f"'{word}'" for word in words)))
        name = command.replace("-", "_")
        code = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _shtab_{name} x; echo ${{COMPREPLY[@]}}"
        return subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert completed("hpi-plan", "--outp") == ["--output", "--output-dir"]
    assert completed("hpi-plan", "--diagnostics", "s") == ["sarif"]
    assert "matrix" in completed("hpi-review", "m")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not here")
def test_zsh_reads_its_completion(tmp_path: Path) -> None:
    for command in COMMANDS:
        (tmp_path / "completion").write_text(run(command, "--print-completion", "zsh").stdout)
        subprocess.run(["zsh", "-n", "completion"], cwd=tmp_path, check=True)


_COLOUR = re.compile("\x1b\\[[0-9;]*3[0-7]")


def test_colours_are_for_terminals_and_never_under_no_color() -> None:
    assert _COLOUR.search(on_terminal([BIN / "hpi-doctor"]))
    assert not _COLOUR.search(on_terminal([BIN / "hpi-doctor"], environment={"NO_COLOR": "1"}))
    assert "\x1b" not in run("hpi-doctor").stdout
