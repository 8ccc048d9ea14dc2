"""hpi-run: execute a plan."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from hpi_runtime.console import DONE, INTERRUPTED, NEGATIVE, data_stream, positive_number
from hpi_runtime.errors import PlanError, RunnerError
from hpi_runtime.limits import Limits

if TYPE_CHECKING:
    from hpi_runtime.pipeline import Pipeline
    from hpi_runtime.plan import Plan
    from hpi_runtime.results import Result
    from hpi_runtime.writer import Writer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    try:
        with data_stream() as lines:
            return _run(options, lines)
    except RunnerError as fault:
        sys.stderr.write(f"hpi-run: {fault}\n".encode("utf-8", "backslashreplace").decode())
        return fault.exit_code
    except KeyboardInterrupt:
        finished = "" if options.compare else "; what was finished is written"
        sys.stderr.write(f"hpi-run: interrupted{finished}\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        return DONE


def command() -> NoReturn:
    """Run the command and end the process at once: taking backends apart costs a tenth of a second for nothing."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hpi-run",
        description="Execute a plan made by hpi-plan on pictures; results are JSON Lines on stdout.",
        epilog="exit codes: 0 done; 1 some inputs failed, or --compare found other answers; 2 plan, command line or "
        "inputs are wrong; 3 this machine does not satisfy the plan; 4 prepare or loading an engine failed; "
        "130 interrupted",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("plan", help="a plan.json")
    inputs_help = "picture, folder, glob, PDF or http(s) URL; - reads a list from stdin; repeatable"
    add("--input", action="append", default=[], metavar="X", help=inputs_help)
    add("--module", metavar="ADDRESS", help="run one module alone")
    add("--output", metavar="DIR", help="write a JSON file per picture or page there, instead of lines to stdout")
    add(
        "--save-images", "--save_images", metavar="DIR", nargs="?", const="", help="draw results into DIR (or --output)"
    )
    add("--root", metavar="DIR", help="where relative model folders start; default: beside the plan's YAML")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models, one folder per name")
    add("--prepare-only", action="store_true", help="convert and build what the plan needs, and stop")
    add("--record", metavar="FILE", help="write what really ran there; hpi-review verify compares it with the plan")
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
    redirects_help = "follow URLs that redirect to another host inside a private network"
    add("--allow-private-redirects", action="store_true", help=redirects_help)
    add("--strict", action="store_true", help="refuse other versions of the backends than the plan's")
    return parser


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(pixels=options.max_pixels, pages=options.max_pages, private_redirects=options.allow_private_redirects)


def _run(options: argparse.Namespace, lines: BinaryIO) -> int:
    from hpi_runtime import plan as plans

    plan = plans.load(Path(options.plan), _path(options.root), _paths(options.models))
    if not options.input and not options.prepare_only:
        raise PlanError("name something to read with --input")
    images = options.save_images if options.save_images != "" else options.output
    if options.save_images == "" and images is None:
        raise PlanError("--save-images needs a folder, its own or that of --output")
    from hpi_runtime.inputs import expand
    from hpi_runtime.pipeline import Pipeline
    from hpi_runtime.writer import Writer

    named = expand(options.input) if options.input else []
    if options.compare is not None:
        if options.output or options.save_images is not None or options.record or options.prepare_only:
            raise PlanError("--compare goes without --output, --save-images, --record and --prepare-only")
        return _compare(options, plan, named, lines)
    with Pipeline(plan, options.module, options.strict) as pipeline:
        for line in pipeline.warnings:
            sys.stderr.write(f"hpi-run: warning: {line}\n")
        if options.prepare_only:
            return DONE
        writer = Writer(lines, _path(options.output), _path(images))
        return _predict(pipeline, pipeline.predict(named, _limits(options)), writer, _path(options.record))


def _compare(options: argparse.Namespace, plan: Plan, named: list[str], lines: BinaryIO) -> int:
    from hpi_schemas.canonical import dumps

    from hpi_runtime import compare
    from hpi_runtime import plan as plans

    reference = plans.load(Path(options.compare), _path(options.root), _paths(options.models))
    if not named:
        raise PlanError("--compare needs something to read, named with --input")
    found = compare.compare(plan, reference, named, options.module, options.strict, _limits(options))
    compare.show(found)
    lines.write(dumps(found.to_json()).encode())
    return DONE if found.is_within else NEGATIVE


def _predict(pipeline: Pipeline, results: Iterator[Result], writer: Writer, record: Path | None) -> int:
    failures = 0
    for result in results:
        if result.is_failed:
            failures += 1
            error = result["error"]
            line = f"hpi-run: {error['code']}: {error['message']}\n"
            sys.stderr.write(line.encode("utf-8", "backslashreplace").decode())
        writer.write(result)
    if record is not None:
        _write_record(record, pipeline, writer.count, failures)
    if failures:
        sys.stderr.write(f"hpi-run: {failures} of {writer.count} failed\n")
    return NEGATIVE if failures else DONE


def _write_record(path: Path, pipeline: Pipeline, finished: int, failed: int) -> None:
    from hpi_schemas.canonical import dumps
    from hpi_schemas.files import write_atomic

    from hpi_runtime.record import record

    try:
        write_atomic(path, dumps(record(pipeline, finished, failed)).encode())
    except OSError as fault:
        raise PlanError(f"{path} cannot be written: {fault.strerror}") from None


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name) for name in names]
