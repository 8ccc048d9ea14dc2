"""hpi-bench: measure plans side by side."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hpi_schemas.cleaning import clean_line
from hpi_schemas.command_line import CommandLine, positive_number
from hpi_schemas.console import DONE, FAILED, NEGATIVE, UNSATISFIED, WRONG, emit, say
from hpi_schemas.packages import install
from hpi_schemas.tables import drawing_console

from hpi_runtime.cli.inputs import input_names
from hpi_runtime.cli.telling import told
from hpi_runtime.errors import PlanError
from hpi_runtime.progress import LOG

if TYPE_CHECKING:
    from hpi_schemas.files import Outputs

    from hpi_runtime.bench.driver import Progress
    from hpi_runtime.inputs.media import Medium

_ROUNDS = 5
# How often it says what it does where nothing is drawn.
_SAY_SECONDS = 60.0
_BUDGET = 1800
_NOTES = """\
Every plan runs in a process of its own. A first pass is the cold one; then, in every round, each input
goes through every plan alone, and all inputs in one go. With a truth.json beside the inputs, or --truth,
error rates are measured too.
With --candidates, the plan runs once and what its modules get is kept; then every candidate runs on it in a process of
its own, in turn with the plan's engine. The profile is written as it grows; the same command goes on where it stopped.
examples:
  hpi-bench plan.json other.json --input pictures/
  hpi-bench --candidates c.json --profile profile.json --input pictures/
"""
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "some inputs failed, or a plan's process was killed",
    WRONG: "a plan, the command line or the inputs are wrong",
    UNSATISFIED: "this machine does not satisfy a plan",
    FAILED: "prepare or loading an engine failed",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    return told("hpi-bench", lambda: _run(options))


def _parser() -> CommandLine:
    description = "Measure plans side by side on the same inputs: latency, throughput, stages, memory."
    parser = CommandLine("hpi-bench", description, _EXIT_CODES, _NOTES)
    add = parser.add_argument
    add("plans", nargs="*", metavar="PLAN", help="a plan.json; the first is what the others are compared with")
    add("--candidates", metavar="FILE", help="instead of plans: what `hpi-plan --candidates` wrote")
    add("--profile", metavar="FILE", help="with --candidates: where the figures go, for `hpi-plan --profile`")
    budget_help = "with --candidates: seconds that it may take, roughly; default: %(default)s"
    add("--budget", type=positive_number, default=_BUDGET, metavar="SECONDS", help=budget_help)
    inputs_help = "picture, PDF, CSV file or video, as the plan takes; a folder, glob or URL; repeatable"
    add("--input", action="append", default=[], required=True, metavar="X", help=inputs_help)
    add("--rounds", type=positive_number, default=_ROUNDS, metavar="N", help="default: %(default)s")
    add("--module", metavar="ADDRESS", help="run one module alone")
    add("--truth", metavar="FILE", help="what is on the pictures; default: truth.json in the folder of --input")
    add("--json", action="store_true", help="write the figures as JSON to stdout, instead of tables")
    add("--plot", metavar="FILE", help="draw what each plan spends its time on into a PNG, SVG or PDF")
    add("--root", metavar="DIR", help="where relative model folders start; default: beside the plan's YAML")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models, one folder per name")
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.candidates is not None or options.profile is not None:
        return _profile(options)
    if not options.plans:
        raise PlanError("name a plan, or `--candidates FILE --profile FILE`; see hpi-bench --help")
    return _compare(options)


def _profile(options: argparse.Namespace) -> int:
    from hpi_schemas.profile import write

    from hpi_runtime.bench import profiling, show
    from hpi_runtime.inputs import media

    if options.candidates is None or options.profile is None or options.plans or options.plot is not None:
        raise PlanError("--candidates FILE and --profile FILE go together, without plans and without --plot")
    candidates = Path(options.candidates)
    _, plan = profiling.load(candidates, options.root, options.models)
    inputs = input_names("hpi-bench", options.input, media.of(plan.plan))
    truth = _truth(options)
    setting = profiling.Setting(candidates, inputs, options.root, options.models, truth, options.module, options.budget)
    with _progress(None) as progress:
        outputs = _outputs(options, inputs)
        found, failed = profiling.measure(setting, Path(options.profile), outputs, progress)
    if options.json:
        emit(write(found))
    else:
        show.profile(found)
    for line in failed:
        say("hpi-bench", line)
    return NEGATIVE if failed else DONE


def _compare(options: argparse.Namespace) -> int:
    from hpi_schemas.canonical import dumps

    from hpi_runtime.bench import driver, figures, plot, show

    inputs = input_names("hpi-bench", options.input, _medium(options))
    outputs = _outputs(options, inputs)
    if options.plot is not None:
        plot.check(Path(options.plot), outputs)
    setting = driver.Setting(options.root, options.models, options.module, _truth(options))
    with _progress(len(options.plans) + 1 + 2 * options.rounds) as progress:
        measured = driver.measure([Path(name) for name in options.plans], inputs, options.rounds, setting, progress)
    if options.json:
        emit(dumps(figures.report(measured, options.rounds)))
    else:
        show.show(measured)
    if options.plot is not None:
        plot.plot(measured, Path(options.plot), outputs)
    return NEGATIVE if any(item.failed for item in measured) else DONE


def _medium(options: argparse.Namespace) -> Medium:
    """Return what the inputs of all plans are.

    Raises:
        PlanError: a plan cannot be read, has no such module, or takes something else than the others.
    """
    from hpi_runtime.inputs import media
    from hpi_runtime.run.plan import load

    root = None if options.root is None else Path(options.root)
    found: dict[str, Medium] = {}
    for name in options.plans:
        plan = load(Path(name), root, [Path(folder) for folder in options.models])
        if options.module is not None:
            plan.module(options.module)
        found[name] = media.of(plan.plan, options.module)
    (first, medium), *others = found.items()
    for name, other in others:
        if other != medium:
            raise PlanError(f"{first} takes {medium.named} and {name} {other.named}: they cannot be compared")
    return medium


def _outputs(options: argparse.Namespace, inputs: Sequence[str]) -> Outputs:
    """Return what may be written over: nothing that is measured or measured on."""
    from hpi_schemas.files import Outputs

    named = (*options.plans, options.candidates, options.truth)
    return Outputs([*(name for name in named if name is not None), *inputs])


def _truth(options: argparse.Namespace) -> str | None:
    """Return the path of the truth, None if there is none."""
    from hpi_runtime.judge import truth

    if options.truth is None:
        beside = [Path(name) / truth.FILE for name in options.input if (Path(name) / truth.FILE).is_file()]
        if not beside:
            return None
        path = beside[0]
    else:
        path = Path(options.truth)
    truth.load(path)
    try:
        import rapidfuzz  # noqa: F401 (workers need it)
    except ImportError:
        raise PlanError(f"error rates need rapidfuzz: {install('bench')}") from None
    return str(path)


@contextmanager
def _progress(total: int | None) -> Iterator[Progress]:
    """Show a bar on a terminal, and elsewhere say now and then what is being done."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = drawing_console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=console is None) as bar:
        task, told = bar.add_task("", total=total), time.monotonic()

        def progress(what: str) -> None:
            nonlocal told
            bar.update(task, advance=1, description=clean_line(what))
            if console is None and time.monotonic() - told >= _SAY_SECONDS:
                told = time.monotonic()
                LOG.info("%s", what)

        yield progress
