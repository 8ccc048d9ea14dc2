"""What commands say on stderr: text for people, or lines of JSON, from the level on that somebody wants."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hpi_schemas import messages
from hypothesis import given
from hypothesis import strategies as st
from support.classifying import BIN, lay_out

QUIET = {key: value for key, value in os.environ.items() if not key.startswith("HPI_LOG")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan, and a picture that is none beside two that are."""
    made = tmp_path_factory.mktemp("logging")
    lay_out(made)
    (made / "pictures/none.png").write_text("no picture")
    return made


def said(folder: Path, *line: str, **environment: str) -> list[str]:
    own = {**QUIET, **environment}
    done = subprocess.run([BIN / line[0], *line[1:]], cwd=folder, env=own, capture_output=True, text=True, check=False)
    return done.stderr.splitlines()


RUN = ("hpi-run", "plan.json", "--input", "pictures")


def test_lines_of_json_say_when_how_grave_who_and_what(folder: Path) -> None:
    for found in (said(folder, *RUN, "--log-format", "json"), said(folder, *RUN, HPI_LOG_FORMAT="json")):
        lines = [json.loads(line) for line in found]
        assert lines
        assert all(list(line) == ["time", "level", "command", "message"] for line in lines)
        assert {line["command"] for line in lines} == {"hpi-run"}
        assert "3 inputs, 1 failed" in lines[-1]["message"]


LOST = [("hpi-run", "none.json"), ("hpi-bundle", "show", "none.tar"), ("hpi-cache", "list", "none.json")]


@pytest.mark.parametrize("command", LOST, ids=" ".join)
def test_what_ends_a_command_is_an_error_and_always_said(folder: Path, command: tuple[str, ...]) -> None:
    (line,) = said(folder, *command, "--log-format", "json", "--log-level", "error")
    assert json.loads(line)["level"] == "error"
    assert "none" in json.loads(line)["message"]


def test_below_the_level_nothing_is_said(folder: Path) -> None:
    assert said(folder, *RUN, "--log-level", "error") == []
    assert said(folder, *RUN, HPI_LOG_LEVEL="error") == []
    assert "3 inputs, 1 failed" in said(folder, *RUN, "--log-level", "info", HPI_LOG_LEVEL="error")[-1]


def test_a_level_that_is_none_is_told_and_one_of_the_surroundings_passed_over(folder: Path) -> None:
    assert "invalid choice: 'loud'" in said(folder, *RUN, "--log-level", "loud")[-1]
    assert "3 inputs, 1 failed" in said(folder, *RUN, HPI_LOG_LEVEL="loud", HPI_LOG_FORMAT="xml")[-1]


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_message_is_one_line_of_json(message: str, name: str) -> None:
    before = dict(messages._set)
    messages._set.update({"log-format": "json", "log-level": "info"})
    try:
        line = messages.line(name, message)
    finally:
        messages._set.clear()
        messages._set.update(before)
    assert line is not None and line.count("\n") == 1
    assert json.loads(line)["message"] == message.removeprefix("warning: ")
