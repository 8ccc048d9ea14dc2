"""hpi-plan: compile a pipeline YAML into a plan."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpi_schemas.console import DONE, NEGATIVE, WRONG, emit, guarded, say
from hpi_schemas.files import CANDIDATES, PLAN, Kind, OutputError, Outputs, make_folder

from hpi_planner import request, snapshot
from hpi_planner.cli.plan_options import NAME, WRITERS
from hpi_planner.cli.plan_options import parser as _parser
from hpi_planner.compile import Request, compile
from hpi_planner.diagnostics import render
from hpi_planner.diagnostics.model import has_errors
from hpi_planner.select.profile import LATENCY, THROUGHPUT
from hpi_planner.syntax import overrides

if TYPE_CHECKING:
    from hpi_planner.review import prove


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    return guarded(NAME, lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    problem = _contradiction(options)
    if problem is not None:
        return _fail(problem)
    if options.get_config is not None:
        return _get_config(options.get_config)
    if options.get_schema:
        from hpi_schemas.validate import schema

        emit(json.dumps(schema("pipeline"), indent=2, ensure_ascii=False) + "\n")
        return DONE
    if options.check is not None:
        return _check(options)
    if options.bom is not None:
        return _bom(options)
    if options.pipeline is None:
        return _fail("name a pipeline YAML, or a built-in pipeline such as OCR; see hpi-plan --help")
    if options.output_dir is not None:
        return _compile_all(options)
    if len(options.target) > 1:
        return _fail("several targets need --output-dir")
    target = options.target[0] if options.target else None
    return _compile(options, target, None if options.output is None else Path(options.output))


def _contradiction(options: argparse.Namespace) -> str | None:
    """Return which options do not go together, None if all do."""
    tasks = {
        "--get-config": options.get_config is not None,
        "--get-schema": options.get_schema,
        "--check": options.check is not None,
        "--bom": options.bom is not None,
    }
    chosen = [name for name, on in tasks.items() if on]
    if len(chosen) > 1:
        return f"{chosen[0]} and {chosen[1]} do not go together"
    if options.pipeline is not None and chosen and chosen != ["--check"]:
        return f"{chosen[0]} takes no pipeline"
    if options.prove and (options.stop_after not in (None, "freeze") or chosen):
        return "--prove compares whole plans; leave --stop-after, --check and the like out"
    for option, given in (("--trust-models", options.trust_models), ("--within", options.within is not None)):
        if given and options.check is None:
            return f"{option} goes with --check"
    is_weighed = options.optimize not in (None, overrides.COLD)
    if options.profile is None and (options.max_accuracy_drop is not None or is_weighed):
        return f"--max-accuracy-drop and --optimize {LATENCY} or {THROUGHPUT} go with --profile; candidates serve both"
    if options.fetch is not None and chosen:
        return f"{chosen[0]} takes no --fetch"
    if options.profile is not None and chosen:
        return f"{chosen[0]} takes no --profile" + ("; the plan records it" if options.check is not None else "")
    plans = (options.output, options.output_dir, options.stop_after, options.profile)
    if options.candidates is not None and (chosen or options.prove or any(item is not None for item in plans)):
        return "--candidates writes what there is to measure, and no plan; leave --output and the like out"
    return None


def _bom(options: argparse.Namespace) -> int:
    from hpi_schemas.files import BOM

    from hpi_planner import bom
    from hpi_planner.review import plans

    found = plans.load(options.bom)
    text = bom.inventory(found.plan, found.digest, found.place.path.name)
    if options.output is None:
        emit(text)
    else:
        Outputs([options.bom]).write(Path(options.output), text.encode(), BOM)
    return DONE


def _check(options: argparse.Namespace) -> int:
    from hpi_planner.review import check, plans
    from hpi_planner.review.render import text
    from hpi_planner.review.wording import clean

    if _overrides(options) or options.target:
        return _fail("--check takes the overrides and the target that the plan records; leave them out")
    if options.within is not None:
        plans.confine(Path(options.within))
    code = DONE
    for name in options.check:
        try:
            found = check.check(name, options.pipeline, options.models, options.root, options.trust_models)
        except (request.RequestError, ValueError) as fault:
            # A plan may name a target or an override that nobody can read.
            _say(f"hpi-plan: {name} cannot be checked: {fault}")
            code = WRONG
            continue
        trusted = ", with the models as it records them" if options.trust_models else ""
        if not found.compiled:
            hint = "" if options.trust_models else " (without the models at hand, try --trust-models)"
            _say(
                f"{name} cannot be checked: its YAML does not compile{hint}",
                render.render(found.diagnostics, found.texts),
            )
            code = WRONG
        elif found.changes or not found.canonical:
            form = "" if found.canonical else "; it is not canonical JSON"
            if found.line_ends:
                form = "; its line ends are those of Windows: `git config core.autocrlf input`, or `*.json -text`"
            told = [f"  {clean(statement.sentence)}" for statement in found.statements]
            _say(f"{name} is stale{trusted}: {text.headline(found.changes)}{form}", *told)
            code = max(code, NEGATIVE)
        else:
            _say(f"{name} follows from its inputs{trusted}")
    return code


def _say(*lines: str) -> None:
    sys.stderr.write("\n".join(lines).rstrip().encode("utf-8", "backslashreplace").decode() + "\n")


def _compile_all(options: argparse.Namespace) -> int:
    """Write a plan for each target; the worst exit code counts."""
    folder = Path(options.output_dir)
    if options.output is not None or options.stop_after is not None or not options.target:
        return _fail("--output-dir goes with one --target or more, and without --output and --stop-after")
    names = [Path(target).stem if target.endswith(".json") else target for target in options.target]
    if len(set(names)) < len(names):
        return _fail("two targets have the same name, and their plans would too")
    try:
        make_folder(folder)
    except OutputError as fault:
        return _fail(str(fault))
    return max(
        _compile(options, target, folder / f"{name}.json") for target, name in zip(options.target, names, strict=True)
    )


def _overrides(options: argparse.Namespace) -> tuple[overrides.Override, ...]:
    flags = {name: getattr(options, name) for name in overrides.FLAGS}
    return overrides.collect(flags, options.sets, options.regular, options.optimize == overrides.COLD)


def _compile(options: argparse.Namespace, target: str | None, output: Path | None) -> int:
    listed = None if options.candidates is None else Path(options.candidates)
    beside = listed or output
    if options.fetch is not None:
        _fetch(options, target)
    made = request.make(
        options.pipeline,
        _overrides(options),
        target,
        options.models,
        options.root,
        None if beside is None else beside.parent,
        _measured(options),
    )
    outputs = _outputs(options, made, target)
    written = listed or output
    if written is not None:
        outputs.check(written, PLAN if listed is None else CANDIDATES)
    try:
        ir = compile(made, options.stop_after or "freeze")
    except ValueError as fault:
        return _fail(str(fault))
    show = WRITERS[options.diagnostics](ir, made.source_name)
    sys.stderr.write(show.encode("utf-8", "backslashreplace").decode())
    if has_errors(ir.diagnostics):
        return WRONG
    if options.stop_after not in (None, "freeze"):
        shown = json.dumps(snapshot.snapshot(ir, options.stop_after), indent=2, ensure_ascii=False, default=str)
        return _write(shown + "\n", output, outputs)
    assert ir.text is not None
    if listed is not None:
        from hpi_schemas.candidates import write

        from hpi_planner.select import candidates

        return _write(write(candidates.collect(ir)), listed, outputs, CANDIDATES)
    if options.prove and not _proved(_arguments(options, made, target, output), ir.text):
        return NEGATIVE
    return _write(ir.text, output, outputs)


def _fetch(options: argparse.Namespace, target: str | None) -> None:
    """Fetch the models that are missing, and take those in that folder from now on."""
    from hpi_planner.cli import fetching

    place = fetching.folder(options.fetch)
    made = request.make(options.pipeline, _overrides(options), target, options.models, options.root)
    fetching.run(made, place, options.models)
    if options.fetch and options.fetch not in options.models and place.is_dir():
        options.models = [*options.models, options.fetch]


def _measured(options: argparse.Namespace) -> request.Measured | None:
    if options.profile is None:
        return None
    return request.Measured(Path(options.profile), options.optimize or LATENCY, options.max_accuracy_drop)


def _proved(arguments: prove.Arguments, plan: str) -> bool:
    from hpi_planner.review import prove

    proved = True
    for outcome in prove.prove(arguments, plan):
        proved &= outcome.difference is None
        verdict = "the same bytes" if outcome.difference is None else f"DIFFERENT: {outcome.difference}"
        say(NAME, f"{outcome.what}: {verdict}")
    return proved


def _arguments(options: argparse.Namespace, made: Request, target: str | None, output: Path | None) -> prove.Arguments:
    from hpi_planner.review import prove

    is_file = made.source.file is not None
    measured = _measured(options)
    return prove.Arguments(
        pipeline=str(Path(options.pipeline).absolute()) if is_file else options.pipeline,
        overrides=tuple(layer.token for layer in made.overrides),
        target=str(Path(target).absolute()) if target is not None and target.endswith(".json") else target,
        models=tuple(str(Path(folder).absolute()) for folder in options.models),
        root=None if options.root is None else str(Path(options.root).absolute()),
        plan_folder=None if output is None else str(output.absolute().parent),
        measured=None if measured is None else (str(measured.path.absolute()), *measured[1:]),
    )


def _write(text: str, output: Path | None, outputs: Outputs, kind: Kind = PLAN) -> int:
    if output is None:
        emit(text)
    else:
        outputs.write(output, text.encode(), kind)
    return DONE


def _outputs(options: argparse.Namespace, made: Request, target: str | None) -> Outputs:
    """Return what may be written over: nothing that this compilation reads."""
    named = (made.source_name if made.source.file is not None else None, target, options.profile)
    return Outputs([name for name in named if name is not None])


def _get_config(name: str) -> int:
    from hpi_planner.diagnostics.suggest import did_you_mean
    from hpi_planner.paddlex import builtin_configs, definitions

    if name not in definitions.names():
        return _fail(f"there is no pipeline `{name}`; {did_you_mean(name, definitions.names())}")
    emit(builtin_configs.text(name))
    return DONE


def _fail(message: str) -> int:
    say(NAME, message)
    return WRONG
