"""hpi-run: execute a plan."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hpi_runtime.errors import PlanError, RunnerError

DONE, SOME_FAILED, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except RunnerError as fault:
        sys.stderr.write(f"hpi-run: {fault}\n")
        return fault.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("hpi-run: interrupted; what was finished is written\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hpi-run",
        description="Execute a plan made by hpi-plan on pictures; results are JSON Lines on stdout.",
        epilog="exit codes: 0 done; 1 some inputs failed; 2 plan, command line or inputs are wrong; "
        "3 this machine does not satisfy the plan; 4 prepare or loading an engine failed; 130 interrupted",
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
    add("--strict", action="store_true", help="refuse other versions of the backends than the plan's")
    return parser


def _run(options: argparse.Namespace) -> int:
    from hpi_runtime import plan as plans

    plan = plans.load(Path(options.plan), Path(options.root) if options.root else None, _paths(options.models))
    if not options.input and not options.prepare_only:
        raise PlanError("name something to read with --input")
    images = options.save_images if options.save_images != "" else options.output
    if options.save_images == "" and images is None:
        raise PlanError("--save-images needs a folder, its own or that of --output")
    from hpi_runtime.inputs import expand
    from hpi_runtime.pipeline import Pipeline

    named = expand(options.input) if options.input else []
    with Pipeline(plan, options.module, options.strict) as pipeline:
        for line in pipeline.warnings:
            sys.stderr.write(f"hpi-run: warning: {line}\n")
        return _predict(pipeline, named, options.output, images)


def _predict(pipeline: object, named: list[str], output: str | None, images: str | None) -> int:
    from hpi_runtime.pipeline import Pipeline
    from hpi_runtime.writer import Writer

    assert isinstance(pipeline, Pipeline)
    writer = Writer(None if output is None else Path(output), None if images is None else Path(images))
    failures = 0
    for result in pipeline.predict(named):
        if result.is_failed:
            failures += 1
            error = result["error"]
            sys.stderr.write(f"hpi-run: {error['code']}: {error['message']}\n")
        writer.write(result)
    if failures:
        sys.stderr.write(f"hpi-run: {failures} of {writer.count} failed\n")
    return SOME_FAILED if failures else DONE


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name) for name in names]
