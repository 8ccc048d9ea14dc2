"""hpi-run: execute a plan."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hpi_schemas.cleaning import clean_line
from hpi_schemas.console import DONE, NEGATIVE, data_stream, guarded, need_stdout, say, write_all

from hpi_runtime.cli.course import Course
from hpi_runtime.cli.inputs import input_names
from hpi_runtime.cli.run_options import JSON, NAME, contradiction, limits, parser
from hpi_runtime.cli.secrets import read_secrets
from hpi_runtime.cli.telling import telling
from hpi_runtime.errors import PlanError

if TYPE_CHECKING:
    from hpi_schemas.files import Outputs
    from hpi_schemas.run_record import RunRecord

    from hpi_runtime.results.result import Result
    from hpi_runtime.results.writer import Writer
    from hpi_runtime.run.pipeline import Pipeline
    from hpi_runtime.run.plan import LocatedPlan
    from hpi_runtime.run.record import Recorder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = parser().parse_args(arguments)

    def work() -> int:
        with telling(NAME), data_stream() as lines:
            return _run(options, lines)

    return guarded(NAME, work)


def _run(options: argparse.Namespace, lines: BinaryIO) -> int:
    from hpi_runtime.inputs import media
    from hpi_runtime.run import plan as plans

    plan = plans.load(Path(options.plan), _path(options.root), _paths(options.models))
    problem = contradiction(options)
    if problem is not None:
        raise PlanError(problem)
    pictures = options.save_images if options.save_images != "" else options.output
    if options.module is not None:
        plan.module(options.module)
    kind = media.of(plan.plan, options.module)
    names = [*(input_names(NAME, options.input, kind) if options.input else ()), *_listed(options.manifest)]
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
    recorder = _recorder(options)
    parts = None
    if options.output_format != JSON and not options.prepare_only:
        from hpi_runtime.cli.in_parts import InParts

        parts = InParts(NAME, options, plan, names, settings, outputs)
        if not parts.left:
            return DONE
    course = Course(NAME, len(names) if parts is None else parts.inputs, options.quiet)
    with loader.pipeline(plan, options.module, options.strict, secrets, measure=course.measure) as pipeline:
        if recorder is not None:
            recorder.loaded()
        told = _warn(pipeline, 0)
        if options.prepare_only:
            return DONE
        if parts is not None:
            code = parts.run(pipeline, course, limits=limits(options), **settings)
            _warn(pipeline, told)
            course.close()
            return code
        record = _path(options.record)
        make = loader.writer(plan, options.module)
        writer = make(lines, outputs, _path(options.output), _path(pictures), pipeline.drawing, record)
        writer.check(names)
        results = course.follow(pipeline.predict(names, limits=limits(options), **settings))
        code = _predict(results, writer, recorder)
        if recorder is not None:
            _write_record(Path(options.record), recorder.record(pipeline, writer.count, writer.failed), outputs)
        # A host loads some engines when it first needs them.
        _warn(pipeline, told)
        course.close()
        return code


def _listed(name: str | None) -> list[str]:
    """Return the inputs that a file lists, each on a line.

    Raises:
        PlanError: it cannot be read, or lists none.
    """
    if name is None:
        return []
    from hpi_schemas.files import ReadError, read_bounded

    from hpi_runtime.inputs.named import listed

    try:
        found = listed(read_bounded(Path(name)))
    except ReadError as fault:
        raise PlanError(f"--manifest: {fault}") from None
    if not found:
        raise PlanError(f"--manifest {name} lists no input")
    return found


def _warn(pipeline: Pipeline, told: int) -> int:
    """Tell the warnings that were not told yet, and return how many there are."""
    warnings = pipeline.warnings
    for line in warnings[told:]:
        say(NAME, f"warning: {line}")
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
    given = compare.Given(options.module, options.strict, limits(options), settings, secrets)
    found = compare.compare(plan, reference, named, given)
    comparison.show(found)
    write_all(lines, dumps(found.to_json()).encode())
    return DONE if found.is_within else NEGATIVE


def _recorder(options: argparse.Namespace) -> Recorder | None:
    """Return what notes what really runs, None where nobody asked for it."""
    if options.record is None:
        return None
    from hpi_runtime.run.record import Recorder

    return Recorder(not options.no_machine_name)


def _predict(results: Iterator[Result], writer: Writer, recorder: Recorder | None) -> int:
    for result in results:
        written = writer.write(result)
        if recorder is not None:
            recorder.saw(written)
        if written.is_failed:
            error = written["error"]
            say(NAME, clean_line(f"{error['code']}: {error['message']}"))
    return NEGATIVE if writer.failed else DONE


def _write_record(path: Path, record: RunRecord, outputs: Outputs) -> None:
    from hpi_schemas.files import RECORD
    from hpi_schemas.run_record import write

    outputs.write(path, write(record).encode(), RECORD)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name) for name in names]
