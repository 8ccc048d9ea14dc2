"""hpi-review: read plans, compare them, and ask why."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from hpi_schemas.cleaning import clean_json
from hpi_schemas.command_line import CommandLine, Commands
from hpi_schemas.console import DONE, NEGATIVE, WRONG, emit, guarded
from hpi_schemas.console import show as show_text
from hpi_schemas.files import Outputs
from hpi_schemas.tables import table_console

from hpi_planner.cli import review_comment, review_diff
from hpi_planner.review import plans, why
from hpi_planner.review.plans import ReviewError
from hpi_planner.review.render import markdown, mermaid
from hpi_planner.review.said import Sources
from hpi_planner.review.view import view
from hpi_planner.review.wording import counted, value

# Of output that no terminal limits.
_WIDTH = 200
_NOTES = """\
PLAN is a file, or REVISION:PATH in a git repository (main:plan.json).
"""
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "the answer is negative (--fail-on, verify, lint)",
    WRONG: "a plan or the command line is wrong",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return guarded("hpi-review", lambda: run(options))


def _parser() -> CommandLine:
    parser = CommandLine("hpi-review", "Read plans, compare them, and ask why.", _EXIT_CODES, _NOTES)
    commands = parser.commands()
    _add_show(commands)
    review_diff.add(commands)
    review_comment.add(commands)
    _add_why(commands)
    _add_verify(commands)
    _add_lint(commands)
    _add_matrix(commands)
    return parser


def _add_show(commands: Commands) -> None:
    show = commands.add("show", help="what is in a plan")
    show.add_argument("plan", metavar="PLAN")
    form = show.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a document")
    form.add_argument("--mermaid", action="store_true", help="the stage graph alone, as a Mermaid flowchart")
    form.add_argument("--json", action="store_true", help="as data")
    form.add_argument("--html", metavar="FILE", help="write one self-contained page")
    show.set_defaults(run=_show)


def _add_why(commands: Commands) -> None:
    asked = commands.add("why", help="why a value is what it is")
    asked.add_argument("plan", metavar="PLAN")
    question_help = (
        "such as TextDetection, TextDetection.precision, target.cores, graph.stages.read, use_doc_preprocessor"
    )
    asked.add_argument("question", metavar="ADDRESS[.KEY]", help=question_help)
    asked.add_argument("--before", metavar="OLD", help="an older plan, for what is gone from this one")
    asked.add_argument("--source", metavar="YAML", help="the YAML; default: where the plan says it is")
    asked.set_defaults(run=_why)
    blame = commands.add("blame", help="the same for a line of the plan")
    blame.add_argument("line", metavar="PLAN:LINE")
    blame.add_argument("--source", metavar="YAML", help="the YAML; default: where the plan says it is")
    blame.set_defaults(run=_blame)


def _add_verify(commands: Commands) -> None:
    verified = commands.add("verify", help="did what really ran equal the plan?")
    verified.add_argument("plan", metavar="PLAN")
    verified.add_argument("record", metavar="RUN", help="what hpi-run --record wrote")
    verified.set_defaults(run=_verify)


def _add_lint(commands: Commands) -> None:
    lint = commands.add("lint", help="does a plan keep to policies?")
    lint.add_argument("plan", metavar="PLAN")
    policy_help = "a JSON Schema that the plan must satisfy, or one that ships with us: fp32, digests, gpu-memory"
    lint.add_argument("--policy", action="append", required=True, metavar="FILE|NAME", help=policy_help)
    lint.add_argument("--source", metavar="YAML", help="the YAML; default: where the plan says it is")
    lint.add_argument("--sarif", action="store_true", help="write violations as SARIF to stdout, for code scanning")
    lint.set_defaults(run=_lint)


def _add_matrix(commands: Commands) -> None:
    matrix = commands.add("matrix", help="several plans side by side")
    matrix.add_argument("plans", nargs="+", metavar="PLAN")
    matrix.add_argument("--markdown", action="store_true", help="as a table for documents")
    matrix.set_defaults(run=_matrix)


def _show(options: argparse.Namespace) -> int:
    plan = plans.load(options.plan)
    found = review_diff.told_origins(plan, None, "")
    shown = view(plan.plan, None if found.inputs is None else Sources(found.inputs.request()))
    if options.html is not None:
        from hpi_planner.review.render import frame, page

        outputs = Outputs([options.plan])
        outputs.write(Path(options.html), page.page(shown, str(plan.place)).encode(), frame.PAGE)
    elif options.json:
        emit(json.dumps(asdict(shown), indent=2, ensure_ascii=False) + "\n")
    elif options.markdown:
        show_text(markdown.show(shown))
    elif options.mermaid:
        show_text(mermaid.flowchart(shown))
    else:
        from hpi_planner.review.render import terminal

        terminal.show(shown, table_console(sys.stdout, _WIDTH))
    return DONE


def _why(options: argparse.Namespace) -> int:
    before = None if options.before is None else plans.load(options.before)
    return _answer(plans.load(options.plan), options.question, options.source, before)


def _blame(options: argparse.Namespace) -> int:
    name, _, line = options.line.rpartition(":")
    if not name or not line.isdecimal():
        raise ReviewError(f"`{options.line}` is not PLAN:LINE")
    plan = plans.load(name)
    return _answer(plan, why.question_at(plan, int(line)), options.source)


def _answer(
    plan: plans.ReviewedPlan, question: str, source: str | None, before: plans.ReviewedPlan | None = None
) -> int:
    found = review_diff.told_origins(plan, source, "its places are not shown")
    sources = None if found.inputs is None else Sources(found.inputs.request())
    show_text(why.told(why.why(plan, question, sources, before)))
    return DONE


def _verify(options: argparse.Namespace) -> int:
    from hpi_planner.review import verify

    plan, record = plans.load(options.plan), verify.load(options.record)
    found = verify.differences(plan, record)
    for item in found:
        where = item.address or "the run"
        show_text(f"{where}: {item.what} is {value(item.ran)}, the plan says {value(item.planned)}\n")
    if not found:
        show_text(f"{counted(len(record.modules), 'engine', 'engines')} ran as {options.plan} says\n")
    if record.failed:
        show_text(f"{record.failed} of {record.finished} inputs failed in that run\n")
    return NEGATIVE if found else DONE


def _lint(options: argparse.Namespace) -> int:
    from hpi_planner.diagnostics import render
    from hpi_planner.diagnostics.model import ordered
    from hpi_planner.review import policy

    plan = plans.load(options.plan)
    found = review_diff.told_origins(plan, options.source, "violations point into the plan").inputs
    policies = [policy.load(name) for name in options.policy]
    broken, texts = policy.violations(plan, policies, None if found is None else found.request())
    if options.sarif:
        emit(clean_json(render.to_sarif(ordered(broken), str(plan.place))))
    else:
        show_text(
            render.render(ordered(broken), texts)
            or f"{options.plan} keeps to {counted(len(policies), 'policy', 'policies')}\n"
        )
    return NEGATIVE if broken else DONE


def _matrix(options: argparse.Namespace) -> int:
    from hpi_planner.review import matrix

    table = matrix.matrix([plans.load(name) for name in options.plans])
    show_text(matrix.markdown(table) if options.markdown else matrix.terminal(table))
    return DONE
