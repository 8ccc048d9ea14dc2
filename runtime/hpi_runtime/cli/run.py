"""hpi-run: execute a plan."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hpi_schemas.cleaning import clean_line
from hpi_schemas.command_line import CommandLine, positive_number
from hpi_schemas.console import (
    DONE,
    FAILED,
    NEGATIVE,
    UNSATISFIED,
    WRONG,
    data_stream,
    guarded,
    need_stdout,
    say,
    write_all,
)

from hpi_runtime.cli.course import Course
from hpi_runtime.cli.inputs import input_names
from hpi_runtime.cli.secrets import read_secrets
from hpi_runtime.cli.telling import telling
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.limits import Limits

if TYPE_CHECKING:
    from hpi_schemas.files import Outputs
    from hpi_schemas.run_record import RunRecord

    from hpi_runtime.results.result import Result
    from hpi_runtime.results.writer import Writer
    from hpi_runtime.run.pipeline import Pipeline
    from hpi_runtime.run.plan import LocatedPlan
    from hpi_runtime.run.record import Recorder

_NAME = "hpi-run"
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "some inputs failed, or --compare found other answers",
    WRONG: "plan, command line or inputs are wrong",
    UNSATISFIED: "this machine does not satisfy the plan",
    FAILED: "prepare or loading an engine failed",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)

    def work() -> int:
        with telling(_NAME), data_stream() as lines:
            return _run(options, lines)

    return guarded(_NAME, work)


def _parser() -> CommandLine:
    description = "Execute a plan made by hpi-plan on pictures; results are JSON Lines on stdout."
    parser = CommandLine(_NAME, description, _EXIT_CODES)
    add = parser.add_argument
    add("plan", metavar="PLAN", help="a plan.json")
    inputs_help = "picture, folder, glob, PDF or http(s) URL; - reads a list from stdin; repeatable"
    add("--input", action="append", default=[], metavar="X", help=inputs_help)
    add("--module", metavar="ADDRESS", help="run one module alone")
    add("--output", metavar="DIR", help="write a JSON file per picture or page there, instead of lines to stdout")
    add("--save-images", metavar="DIR", nargs="?", const="", help="draw results into DIR (or --output)")
    overwrite_help = "replace files in those folders that are no older results; what the run reads never is"
    add("--overwrite", action="store_true", help=overwrite_help)
    predict_help = "arguments of `predict` as a JSON object; of a hosted pipeline, PaddleX's own, such as its prompt"
    add("--predict", metavar="JSON", help=predict_help)
    secret_help = "a credential of a service, by the path of its key in the plan's host; repeatable"
    add("--secret", action="append", default=[], metavar="PATH=env:NAME|file:PATH", help=secret_help)
    add("--root", metavar="DIR", help="where relative model folders start; default: beside the plan's YAML")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models, one folder per name")
    add("--prepare-only", action="store_true", help="convert and build what the plan needs, and stop")
    add("--record", metavar="FILE", help="write what really ran there; hpi-review verify compares it with the plan")
    name_help = "leave the host name out of the record"
    add("--no-machine-name", action="store_true", help=name_help)
    compare_help = "run this plan too, and compare numbers and results; exit code 1 outside the tolerances"
    add("--compare", metavar="PLAN", help=compare_help)
    limits = Limits()
    add(
        "--max-pixels",
        type=positive_number,
        default=limits.pixels,
        metavar="N",
        help="refuse larger pictures; default: %(default)s",
    )
    add(
        "--max-pages",
        type=positive_number,
        default=limits.pages,
        metavar="N",
        help="and longer PDFs; default: %(default)s",
    )
    for option, default, what in (
        ("--max-page-seconds", limits.page_seconds, "end the drawing of a page of a PDF that takes longer"),
        ("--max-url-seconds", limits.url_seconds, "and the fetching of a URL"),
    ):
        add(option, type=positive_number, default=default, metavar="N", help=f"{what}; default: {default:g}")
    redirects_help = "follow URLs that redirect to another host inside a private network"
    add("--allow-private-redirects", action="store_true", help=redirects_help)
    add("--quiet", action="store_true", help="show no progress and no closing line; errors and warnings are still told")
    add("--strict", action="store_true", help="refuse other versions of the backends than the plan's")
    return parser


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(
        pixels=options.max_pixels,
        pages=options.max_pages,
        page_seconds=options.max_page_seconds,
        url_seconds=options.max_url_seconds,
        private_redirects=options.allow_private_redirects,
    )


def _run(options: argparse.Namespace, lines: BinaryIO) -> int:
    from hpi_runtime.run import plan as plans

    plan = plans.load(Path(options.plan), _path(options.root), _paths(options.models))
    if not options.input and not options.prepare_only:
        raise PlanError("name something to read with --input")
    pictures = options.save_images if options.save_images != "" else options.output
    if options.save_images == "" and pictures is None:
        raise PlanError("--save-images needs a folder, its own or that of --output")
    if options.compare is not None and (
        options.output or options.save_images is not None or options.record or options.prepare_only
    ):
        raise PlanError("--compare goes without --output, --save-images, --record and --prepare-only")
    names = input_names(_NAME, options.input) if options.input else []
    if options.compare is not None:
        return _compare(options, plan, names, lines)
    from hpi_runtime import loader

    is_hosted = loader.is_hosted(plan, options.module)
    if is_hosted and options.save_images is not None:
        raise PlanError("PaddleX draws what this plan gives: --output writes all of it, so leave --save-images out")
    outputs = _outputs(options, plan, names)
    if options.output is None and not options.prepare_only:
        need_stdout()
    secrets, settings = read_secrets(options.secret), _settings(options)
    loader.check_settings(plan, options.module, secrets, settings)
    from hpi_runtime.run.record import Recorder

    recorder = Recorder(not options.no_machine_name)
    course = Course(_NAME, len(names), options.quiet)
    with loader.pipeline(plan, options.module, options.strict, secrets, measure=course.measure) as pipeline:
        recorder.loaded()
        told = _warn(pipeline, 0)
        if options.prepare_only:
            return DONE
        record = _path(options.record)
        make = loader.writer(plan, options.module)
        writer = make(lines, outputs, _path(options.output), _path(pictures), pipeline.drawing, record)
        writer.check(names)
        results = course.follow(pipeline.predict(names, limits=_limits(options), **settings))
        code = _predict(pipeline, results, writer, outputs, record, recorder)
        # A host loads some engines when it first needs them.
        _warn(pipeline, told)
        course.close()
        return code


def _warn(pipeline: Pipeline, told: int) -> int:
    """Tell the warnings that were not told yet, and return how many there are."""
    warnings = pipeline.warnings
    for line in warnings[told:]:
        say(_NAME, f"warning: {line}")
    return len(warnings)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of --predict.

    Raises:
        PlanError: they are none.
    """
    if options.predict is None:
        return {}
    from hpi_schemas.canonical import JsonError, loads

    try:
        found = loads(options.predict)
    except JsonError as fault:
        raise PlanError(f'--predict: {fault}; write JSON, such as --predict \'{{"prompt": "cat"}}\'') from None
    if not isinstance(found, dict):
        raise PlanError("--predict takes a JSON object: the arguments of `predict` by their names")
    own = sorted({"input", "limits", "self"} & set(found))
    if own:
        raise PlanError(f"--predict: `{own[0]}` is hpi-run's own")
    return found


def _outputs(options: argparse.Namespace, plan: LocatedPlan, names: Sequence[str]) -> Outputs:
    """Return what may be written over: nothing that the run reads."""
    from hpi_schemas.files import RECORD, Outputs

    outputs = Outputs([*plan.files(), *names], options.overwrite)
    if options.record is not None:
        outputs.check(Path(options.record), RECORD)
    return outputs


def _compare(options: argparse.Namespace, plan: LocatedPlan, named: list[str], lines: BinaryIO) -> int:
    from hpi_schemas.canonical import dumps

    from hpi_runtime import loader
    from hpi_runtime.cli import comparison
    from hpi_runtime.judge import compare
    from hpi_runtime.run import plan as plans

    reference = plans.load(Path(options.compare), _path(options.root), _paths(options.models))
    if not named:
        raise PlanError("--compare needs something to read, named with --input")
    secrets, settings = read_secrets(options.secret), _settings(options)
    for each in (plan, reference):
        loader.check_settings(each, options.module, secrets, settings)
    given = compare.Given(options.module, options.strict, _limits(options), settings, secrets)
    found = compare.compare(plan, reference, named, given)
    comparison.show(found)
    write_all(lines, dumps(found.to_json()).encode())
    return DONE if found.is_within else NEGATIVE


def _predict(
    pipeline: Pipeline,
    results: Iterator[Result],
    writer: Writer,
    outputs: Outputs,
    record: Path | None,
    recorder: Recorder,
) -> int:
    for result in results:
        written = writer.write(result)
        if record is not None:
            recorder.saw(written)
        if written.is_failed:
            error = written["error"]
            say(_NAME, clean_line(f"{error['code']}: {error['message']}"))
    if record is not None:
        _write_record(record, recorder.record(pipeline, writer.count, writer.failed), outputs)
    return NEGATIVE if writer.failed else DONE


def _write_record(path: Path, record: RunRecord, outputs: Outputs) -> None:
    from hpi_schemas.files import RECORD
    from hpi_schemas.run_record import write

    outputs.write(path, write(record).encode(), RECORD)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name) for name in names]
