"""hpi-index: make indexes of features, which pipelines look up what they find in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpi_schemas.cleaning import clean_line
from hpi_schemas.command_line import CommandLine
from hpi_schemas.console import DONE, FAILED, NEGATIVE, UNSATISFIED, WRONG, say, show
from hpi_schemas.feature_index import METRICS, TYPES

from hpi_runtime.cli.telling import told
from hpi_runtime.errors import PlanError, PreflightError

if TYPE_CHECKING:
    from hpi_runtime.indexes.building import Described
    from hpi_runtime.indexes.index import Index

_NAME = "hpi-index"
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "some pictures could not be described; the index has the others",
    WRONG: "a plan, an index, a gallery or the command line is wrong",
    UNSATISFIED: "a package is missing, or this machine does not satisfy the plan",
    FAILED: "prepare or loading an engine failed",
}
_NOTES = """\
A gallery is a folder with a folder of pictures for each label, or a list: a path and a label a line.
An index is never changed, for plans name it by its digests: each command makes another.
examples:
  hpi-index build plan.json --gallery bottles/ --output index
  hpi-plan pipeline.yaml -o index=index > plan.json
  hpi-index add plan.json index --gallery more.txt --output index2
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    return told(_NAME, lambda: _run(options))


def _parser() -> CommandLine:
    description = "Make indexes of features of known things, as PaddleX keeps them, and look at them."
    parser = CommandLine(_NAME, description, _EXIT_CODES, _NOTES)
    commands = parser.commands()
    build = commands.add("build", help="describe the pictures of a gallery, and make an index of them")
    _add_gallery(build)
    build.add_argument("--metric", choices=METRICS, default=METRICS[0], help="default: %(default)s")
    build.add_argument(
        "--type", choices=TYPES, help="default: Flat, which is exact, and HNSW32 beyond 100,000 pictures"
    )
    add = commands.add("add", help="make an index of another and of the pictures of a gallery")
    _add_gallery(add, "index")
    remove = commands.add("remove", help="make an index of another without some of what it has")
    remove.add_argument("index", metavar="DIR")
    remove.add_argument("--label", action="append", default=[], metavar="LABEL", help="all that has it; repeatable")
    remove.add_argument("--number", action="append", default=[], type=int, metavar="N", help="repeatable")
    remove.add_argument("--output", required=True, metavar="DIR", help="a new folder")
    look = commands.add("show", help="what is in an index")
    look.add_argument("index", metavar="DIR")
    return parser


def _add_gallery(command: CommandLine, *before: str) -> None:
    add = command.add_argument
    add("plan", metavar="PLAN", help="of a pipeline or module that gives features")
    for name in before:
        add(name, metavar="DIR")
    add("--gallery", required=True, metavar="X", help="folder of folders, or a list")
    add("--images", metavar="DIR", help="where paths of a list start; default: its folder")
    add("--output", required=True, metavar="DIR", help="a new folder")
    add("--module", metavar="ADDRESS", help="that gives features, where several do")
    add("--root", metavar="DIR", help="where relative model folders start; default: beside the plan's YAML")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models, one folder per name")


def _run(options: argparse.Namespace) -> int:
    from hpi_schemas import ops, probe
    from hpi_schemas.packages import install

    from hpi_runtime.indexes import folder, index

    contract = ops.find("look_up")
    needs = None if contract is None else contract.needs
    if needs is not None and probe.installed(needs.distributions) is None:
        raise PreflightError(f"{needs.distributions[0]} is not installed: {install(needs.extra)}")
    if options.command == "show":
        _show(folder.read(Path(options.index)))
        return DONE
    output = Path(options.output)
    folder.check_new(output)
    failures: list[str] = []
    if options.command == "remove":
        made = folder.read(Path(options.index))
        made.remove(_numbers(made, options.label, options.number))
    elif options.command == "add":
        made = folder.read(Path(options.index))
        try:
            made.add(*_described(options, failures))
        except ValueError as fault:
            raise PlanError(str(fault)) from None
    else:
        made = index.build(*_described(options, failures), options.metric, options.type)
    folder.write(made, output)
    say(_NAME, f"{output}: {len(made.labels):,} vectors of {made.size:,} numbers, {made.type}, {made.metric}")
    return NEGATIVE if failures else DONE


def _described(options: argparse.Namespace, failures: list[str]) -> Described:
    from hpi_runtime.indexes import building, gallery
    from hpi_runtime.run import plan as loader

    root = None if options.root is None else Path(options.root)
    plan = loader.load(Path(options.plan), root, [Path(name) for name in options.models])
    module = building.describing(plan, options.module)
    entries = gallery.read(Path(options.gallery), None if options.images is None else Path(options.images))

    def failed(path: str, reason: str) -> None:
        failures.append(path)
        say(_NAME, f"{path}: {reason}")

    return building.describe(plan, module, entries, failed)


def _numbers(made: Index, labels: Sequence[str], numbers: Sequence[int]) -> set[int]:
    known = set(made.labels.values())
    unknown = next((label for label in labels if label not in known), None)
    if unknown is not None:
        raise PlanError(f"the index has no label {unknown!r}")
    if not labels and not numbers:
        raise PlanError("name what is to be removed, with --label or --number")
    return {*numbers, *(number for number, label in made.labels.items() if label in labels)}


def _show(found: Index) -> None:
    from hpi_runtime.indexes.index import counts

    show(f"{len(found.labels):,} vectors of {found.size:,} numbers, {found.type}, {found.metric}\n")
    for label, count in counts(found.labels).items():
        show(f"{count:>9,}  {clean_line(label)}\n")
