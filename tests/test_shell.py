"""What all eight commands share: streams that are closed or full, characters that nobody may print, interruption."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hpi_runtime.indexes.folder import write
from hpi_runtime.indexes.index import build
from hpi_schemas.cleaning import clean, clean_line
from hpi_schemas.tables import table_console
from hypothesis import given
from hypothesis import strategies as st
from support import children_hook
from support.classifying import ADDRESS, BIN, ROOT, change, lay_out, picture, run

COMMANDS = {
    "plan": "hpi-plan pipeline.yaml",
    "schema": "hpi-plan --get-schema",
    "config": "hpi-plan --get-config OCR",
    "snapshot": "hpi-plan pipeline.yaml --stop-after inherit",
    "show": "hpi-review show plan.json",
    "show json": "hpi-review show plan.json --json",
    "show markdown": "hpi-review show plan.json --markdown",
    "diff": "hpi-review diff plan.json other.json",
    "diff json": "hpi-review diff plan.json other.json --json",
    "why": f"hpi-review why plan.json {ADDRESS}.precision",
    "lint": "hpi-review lint plan.json --policy fp32",
    "matrix": "hpi-review matrix plan.json other.json",
    "verify": "hpi-review verify plan.json run.json",
    "target": "hpi-target",
    "run": "hpi-run plan.json --input pictures/a.png",
    "compare": "hpi-run plan.json --compare plan.json --input pictures/a.png",
    "bench": "hpi-bench plan.json --input pictures/a.png --rounds 1",
    "doctor": "hpi-doctor",
    "doctor json": "hpi-doctor --json",
    "cache": "hpi-cache list --models .",
    "index": "hpi-index show known",
    "help": "hpi-run --help",
}
# Those that write nothing here, or whose answer may be negative.
SILENT = {"cache"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shell")
    lay_out(folder)
    done = run(folder, "hpi-run", "plan.json", "--input", "pictures/a.png", "--record", "run.json")
    assert done.returncode == 0
    write(build(np.eye(2, dtype=np.float32), [f"{HOSTILE} thing", "other"]), folder / "known")
    shutil.copy(folder / "plan.json", folder / "other.json")
    change(folder / "other.json", 1, "modules", ADDRESS, "settings", "topk")
    return folder


def shell(folder: Path, line: str, redirected: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does."""
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **more}
    return subprocess.run(
        ["bash", "-c", f"{line} {redirected}"], cwd=folder, env=env, capture_output=True, text=True, check=False,
        timeout=100, errors="replace",
    )  # fmt: skip


@cache
def usual(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """What a command gives where nothing is wrong; once, for some take seconds."""
    return shell(folder, COMMANDS[name])


@pytest.mark.fault("streams that are closed, full or ASCII")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("redirected", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("name", sorted(set(COMMANDS) - SILENT))
def test_data_that_cannot_be_written_is_never_a_success(
    folder: Path, name: str, redirected: str, unbuffered: str
) -> None:
    done = shell(folder, COMMANDS[name], redirected, PYTHONUNBUFFERED=unbuffered)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2, done.stderr
    assert "stdout" in done.stderr


@pytest.mark.fault("streams that are closed, full or ASCII")
@pytest.mark.parametrize("redirected", ["2> /dev/full", "2>&- <&-"])
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_work_goes_on_where_nobody_reads_the_messages_or_types_anything(
    folder: Path, name: str, redirected: str
) -> None:
    expected, found = usual(folder, name), shell(folder, COMMANDS[name], redirected)
    assert found.returncode == expected.returncode
    assert bool(found.stdout) == bool(expected.stdout)


@pytest.mark.fault("streams that are closed, full or ASCII")
@pytest.mark.parametrize("redirected", ["2>&-", "2> /dev/full"])
def test_a_bad_picture_is_a_record_and_the_run_goes_on_without_stderr(folder: Path, redirected: str) -> None:
    (folder / "bad.png").write_text("no picture")
    done = shell(folder, "hpi-run plan.json --input bad.png --input pictures/a.png", redirected)
    assert done.returncode == 1
    assert ["error" in json.loads(line) for line in done.stdout.splitlines()] == [True, False]


@pytest.mark.fault("streams that are closed, full or ASCII")
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_locale_without_letters_is_no_traceback(folder: Path, name: str) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    expected, found = usual(folder, name), shell(folder, COMMANDS[name], **plain)
    assert found.returncode == expected.returncode, found.stderr
    assert "Traceback" not in found.stderr


def test_a_closed_stdout_is_no_reason_where_results_go_into_files(folder: Path) -> None:
    done = shell(folder, "hpi-run plan.json --input pictures --output out --quiet", ">&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((folder / "out").rglob("*.json"))) == 2


def test_what_is_opened_never_takes_the_number_of_a_closed_stream(folder: Path) -> None:
    """Else what a native library prints would go into a plan or a result."""
    done = shell(folder, "hpi-plan pipeline.yaml --output made.json", ">&- 2>&- <&-")
    assert done.returncode == 0
    json.loads((folder / "made.json").read_text())


# -- what is shown -------------------------------------------------------------------------------

HOSTILE = "x\x1b[8m[bold]\x1b]0;owned\x07\x9b31m\u202e\u2066y"
REORDERING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
FORBIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066")


@given(st.text())
def test_cleaned_text_has_no_character_that_a_terminal_obeys(text: str) -> None:
    assert not any((char < " " and char not in "\n\t") or "\x7f" <= char <= "\x9f" for char in clean(text))
    assert not any(unicodedata.bidirectional(char) in REORDERING for char in clean(text))
    assert not any(char in clean_line(text) for char in ("\n", "\r", "\x1b", "\u202e", "\u2028"))
    assert clean(clean(text)) == clean(text)


def test_a_table_cleans_texts_that_nobody_thought_of() -> None:
    from rich.table import Table

    stream = io.StringIO()
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console = table_console(stream)
    console.print(table)
    console.print(HOSTILE)
    assert "x" in stream.getvalue()
    assert not [char for char in FORBIDDEN if char in stream.getvalue()]


@pytest.mark.fault("control characters in names and values")
@pytest.mark.parametrize(
    "name", ["show", "show markdown", "diff", "why", "matrix", "lint", "cache", "index", "run", "bench"]
)
@pytest.mark.parametrize("is_terminal", [False, True])
def test_no_command_lets_a_control_character_through(tmp_path: Path, name: str, is_terminal: bool) -> None:
    lay_out(tmp_path)
    shutil.copy(tmp_path / "plan.json", tmp_path / "other.json")
    for plan in ("plan.json", "other.json"):
        change(tmp_path / plan, HOSTILE + plan, "modules", ADDRESS, "model", "name")
        change(tmp_path / plan, {HOSTILE: HOSTILE}, "modules", ADDRESS, "settings", "topk")
        change(tmp_path / plan, {"om": HOSTILE + plan}, "target", "backends")
    (tmp_path / f"model/.cache/{HOSTILE}").mkdir(parents=True)
    write(build(np.eye(2, dtype=np.float32), [f"{HOSTILE} thing", "other"]), tmp_path / "known")
    (tmp_path / "pictures/a.png").rename(tmp_path / f"pictures/{HOSTILE}.png")
    (tmp_path / f"pictures/{HOSTILE}.jpg").write_text("no picture")
    line = COMMANDS[name].replace("pictures/a.png", "pictures")
    if is_terminal:
        line = f"script -qec '{line}' /dev/null"
    done = shell(tmp_path, line, COLUMNS="200", TERM="xterm")
    shown = done.stdout + done.stderr
    if is_terminal:
        # Colours and the moves of a progress bar are ours; text that is hidden is not.
        import re

        assert "\x1b[8m" not in shown

        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    if name in ("run",) and not is_terminal:
        shown = done.stderr
    assert not [char for char in FORBIDDEN if char in shown]
    assert "Traceback" not in shown


@pytest.mark.fault("control characters in names and values")
@pytest.mark.parametrize(
    "arguments",
    [
        ["hpi-run", f"{HOSTILE}.json", "--input", "x"],
        ["hpi-run", "plan.json", "--input", HOSTILE],
        ["hpi-run", "plan.json", "--module", HOSTILE, "--input", "pictures"],
        ["hpi-run", "plan.json", f"--{HOSTILE}"],
        ["hpi-run", "plan.json", "--input", "pictures", "--max-pages", HOSTILE],
        ["hpi-plan", f"{HOSTILE}.yaml"],
        ["hpi-plan", HOSTILE],
        ["hpi-plan", "pipeline.yaml", "-o", f"{HOSTILE}=1"],
        ["hpi-plan", "pipeline.yaml", "--device", HOSTILE],
        ["hpi-plan", "pipeline.yaml", "--hpi_config", f"{{{HOSTILE}: 1}}"],
        ["hpi-plan", "pipeline.yaml", "--target", f"{HOSTILE}.json"],
        ["hpi-plan", "pipeline.yaml", "--stop-after", HOSTILE],
        ["hpi-plan", "--check", HOSTILE],
        ["hpi-plan", "--get-config", HOSTILE],
        ["hpi-review", "show", HOSTILE],
        ["hpi-review", "why", "plan.json", HOSTILE],
        ["hpi-review", "blame", f"{HOSTILE}:1"],
        ["hpi-review", "verify", "plan.json", HOSTILE],
        ["hpi-review", "lint", "plan.json", "--policy", HOSTILE],
        ["hpi-bench", HOSTILE, "--input", "pictures"],
        ["hpi-cache", "list", HOSTILE],
        ["hpi-cache", "list", "--models", HOSTILE],
        ["hpi-index", "show", HOSTILE],
        ["hpi-index", "build", "plan.json", "--gallery", HOSTILE, "--output", "x"],
        ["hpi-index", "remove", "known", "--label", HOSTILE, "--output", "x"],
        ["hpi-doctor", HOSTILE],
        ["hpi-target", HOSTILE],
    ],
    ids=lambda arguments: " ".join(arguments).replace(HOSTILE, "X"),
)
def test_no_message_lets_a_control_character_through(folder: Path, arguments: list[str]) -> None:
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert not [char for char in FORBIDDEN if char in done.stderr + done.stdout]
    assert "Traceback" not in done.stderr
    assert "x" in done.stderr


# -- interruption --------------------------------------------------------------------------------


def interrupted(
    folder: Path, arguments: list[str], after: float, by: signal.Signals = signal.SIGINT
) -> tuple[int, str, float]:
    """Interrupt a command after its start; return its exit code, its messages, and how long it took to end."""
    job = subprocess.Popen(
        [BIN / arguments[0], *arguments[1:]], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True, preexec_fn=children_hook.interruptible,
    )  # fmt: skip
    time.sleep(after)
    began = time.monotonic()
    job.send_signal(by)
    try:
        _, errors = job.communicate(timeout=30)
    finally:
        job.kill()
    return job.returncode, errors, time.monotonic() - began


@pytest.mark.fault("interruption")
@pytest.mark.parametrize("after", [0.08, 0.12, 0.16, 0.2, 0.3, 0.5])
@pytest.mark.parametrize("command", ["hpi-run", "hpi-plan", "hpi-review", "hpi-bench"])
def test_an_interruption_in_the_first_moments_is_quiet(folder: Path, command: str, after: float) -> None:
    arguments = {
        "hpi-run": ["plan.json", "--input", "pictures"],
        "hpi-plan": ["pipeline.yaml"],
        "hpi-review": ["show", "plan.json"],
        "hpi-bench": ["plan.json", "--input", "pictures", "--rounds", "1000"],
    }[command]
    code, errors, _ = interrupted(folder, [command, *arguments], after)
    assert "Traceback" not in errors
    # Before Python runs any of our code, the signal itself ends it; or it was done already.
    assert code in (130, -signal.SIGINT, 0)


@pytest.mark.fault("interruption")
@pytest.mark.parametrize("where", ["in native code", "while it leaves"])
def test_what_is_temporary_goes_with_a_terminated_command_wherever_it_is(tmp_path: Path, where: str) -> None:
    command = tmp_path / "busy.py"
    command.write_text(BUSY)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "WHERE": where}
    code = "from hpi_schemas.console import start; start('busy', 'busy')"
    job = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (tmp_path / "ready").exists():
        time.sleep(0.01)
    time.sleep(0.2)
    job.send_signal(signal.SIGTERM)
    _, errors = job.communicate(timeout=60)
    assert (job.returncode, "Traceback" in errors) == (143 if where == "in native code" else 0, False)
    assert (tmp_path / "gone").exists()


BUSY = """
import hashlib, os, pathlib, time
from hpi_schemas.leaving import when_leaving

def tidy():
    if os.environ["WHERE"] == "while it leaves":
        pathlib.Path("ready").touch()
        time.sleep(2)
    pathlib.Path("gone").touch()

def main():
    when_leaving(tidy)
    if os.environ["WHERE"] == "in native code":
        pathlib.Path("ready").touch()
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 200_000_000)
    return 0
"""


@pytest.mark.fault("interruption")
@pytest.mark.parametrize(("by", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_a_run_inside_an_endless_model(tmp_path: Path, by: signal.Signals, expected: int) -> None:
    from support import endless

    endless.lay_out(tmp_path)
    picture(tmp_path / "a.png")
    code, errors, seconds = interrupted(tmp_path, ["hpi-run", "plan.json", "--input", "a.png"], 4.0, by)
    assert code == expected
    assert "interrupted" in errors
    assert "Traceback" not in errors
    # A second, on a machine with other work to do.
    assert seconds < 5


# -- whose code runs -----------------------------------------------------------------------------


@pytest.mark.fault("code of strangers in the current folder")
@pytest.mark.parametrize(
    "line",
    [
        "hpi-plan pipeline.yaml --prove",
        "hpi-run plan.json --input document.pdf",
        "hpi-bench plan.json --input pictures/a.png --rounds 1",
        "hpi-run half.json --prepare-only",
    ],
)
def test_modules_that_lie_in_the_current_folder_are_never_run(tmp_path: Path, line: str) -> None:
    from PIL import Image

    lay_out(tmp_path)
    Image.open(tmp_path / "pictures/a.png").save(tmp_path / "document.pdf")
    shutil.copy(tmp_path / "plan.json", tmp_path / "half.json")
    step = {"options": {}, "produces": "inference.onnx", "step": "to_fp16", "tool": "onnxconverter-common"}
    change(tmp_path / "half.json", [step], "modules", ADDRESS, "engine", "prepare")
    change(tmp_path / "half.json", "fp16", "modules", ADDRESS, "engine", "config", "precision")
    for name in (
        "json",
        "runpy",
        "numpy",
        "yaml",
        "pypdfium2",
        "onnx",
        "hpi_runtime",
        "hpi_schemas",
        "logging",
        "site",
    ):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    done = shell(tmp_path, line)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


# -- processes and threads -----------------------------------------------------------------------

FORKED = """
import os, sys
from hpi_runtime import load_plan
pipeline = load_plan("plan.json")
next(iter(pipeline.predict("pictures/a.png")))
child = os.fork()
if not child:
    try:
        list(pipeline.predict(["pictures/a.png", "pictures/b.png"]))
    except Exception as fault:
        print(type(fault).__name__, fault, flush=True)
    pipeline.close()
    with load_plan("plan.json") as own:
        print(len(list(own.predict(["pictures/a.png", "pictures/b.png"]))), flush=True)
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.fault("forks and threads")
def test_a_pipeline_after_a_fork_says_so_and_one_loaded_after_it_works(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=folder, capture_output=True, text=True, timeout=100, check=True
    )
    first, second, code = done.stdout.splitlines()
    assert first == "PlanError the pipeline was loaded before this process was forked; load the plan after the fork"
    assert second == "2"
    assert code == "7"


ITERATED = """
import os
from hpi_runtime import load_plan
pipeline = load_plan("plan.json")
begun = pipeline.predict(["pictures/a.png", "pictures/b.png"] * 20)
next(begun)
waiting = pipeline.predict(["pictures/a.png", "pictures/b.png"])
child = os.fork()
if not child:
    for results in (begun, waiting):
        try:
            list(results)
        except Exception as fault:
            print(type(fault).__name__, fault, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.fault("forks and threads")
def test_results_that_were_asked_for_before_a_fork_say_so_after_it(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ITERATED], cwd=folder, capture_output=True, text=True, timeout=100, check=True
    )
    said = "PlanError the pipeline was loaded before this process was forked; load the plan after the fork"
    assert done.stdout.splitlines() == [said, said]


THREADLESS = """
import sys, threading
from hpi_runtime import load_plan
from hpi_runtime.errors import RunnerError
allowed = int(sys.argv[1])
start = threading.Thread.start
def limited(thread):
    global allowed
    allowed -= 1
    if allowed < 0:
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = limited
try:
    with load_plan("plan.json") as pipeline:
        print(len(list(pipeline.predict(["pictures/a.png"] * 4))))
except RunnerError as fault:
    print(fault)
"""


@pytest.mark.fault("forks and threads")
@pytest.mark.parametrize("allowed", range(6))
def test_a_thread_that_cannot_be_started_ends_the_run_and_never_hangs_it(folder: Path, allowed: int) -> None:
    command = [sys.executable, "-c", THREADLESS, str(allowed)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "the system starts no more threads" in done.stdout or done.stdout == "4\n"


# -- users without a home ------------------------------------------------------------------------


@pytest.mark.fault("environments that lack something")
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_user_whom_nobody_knows_and_who_has_no_home_can_work(folder: Path, name: str) -> None:
    if os.geteuid():
        pytest.skip("only root can be another user")
    expected = usual(folder, name)
    unknown = f"setpriv --reuid 54321 --clear-groups {COMMANDS[name]}"
    folder.chmod(0o777)
    found = shell(folder, f"env -u HOME {unknown}")
    if found.returncode == 126 or "Permission denied" in found.stderr:
        pytest.skip("this environment is not open to other users")
    assert "Traceback" not in found.stderr
    assert found.returncode == expected.returncode, found.stderr


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("line", [COMMANDS["run"], COMMANDS["bench"]])
def test_no_library_reports_or_keeps_anything_of_a_run(folder: Path, tmp_path: Path, line: str, backend: str) -> None:
    """Both keep a number of the machine, and report what runs, unless they are told not to."""
    chosen = f"--use_hpip --hpi_config '{{backend: {backend}, auto_config: false}}'"
    assert shell(folder, f"hpi-plan pipeline.yaml {chosen} --output {backend}.json").returncode == 0
    line = line.replace("plan.json", f"{backend}.json")
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    for name in ("CI", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        # In continuous integration it reports nothing by itself.
        env.pop(name, None)
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# -- processes of ours ---------------------------------------------------------------------------


@pytest.mark.fault("interruption")
def test_a_process_of_ours_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; from hpi_schemas.children import command;"
        "print(subprocess.Popen(command('support.waiting'), stdout=subprocess.DEVNULL).pid, flush=True);"
        "import os, time; time.sleep(1); os._exit(0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    child, deadline = Path("/proc") / done.stdout.strip(), time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def is_running(process: Path) -> bool:
    """Tell whether there is such a process that has not ended; nobody may have asked for its exit code."""
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.fault("interruption")
def test_a_process_of_ours_says_nothing_when_everybody_is_interrupted(folder: Path) -> None:
    for after in (0.5, 0.9, 1.3):
        job = subprocess.Popen(
            [BIN / "hpi-bench", "plan.json", "--input", "pictures", "--rounds", "10000"], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=children_hook.interruptible,
        )  # fmt: skip
        time.sleep(after)
        os.killpg(job.pid, signal.SIGINT)
        _, errors = job.communicate(timeout=30)
        assert "Traceback" not in errors


def test_a_current_folder_that_is_gone_is_no_traceback(folder: Path, tmp_path: Path) -> None:
    plan = folder / "plan.json"
    for line in (f"hpi-review show {plan}", f"hpi-run {plan} --input {folder}/pictures/a.png", "hpi-plan p.yaml"):
        gone = tmp_path / "gone"
        gone.mkdir()
        done = shell(folder, f"cd {gone}; rmdir {gone}; {line}")
        assert "Traceback" not in done.stderr
