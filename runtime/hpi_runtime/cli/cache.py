"""hpi-cache: look at prepared artefacts, and remove those that no plan needs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpi_schemas.cleaning import clean_line
from hpi_schemas.command_line import CommandLine
from hpi_schemas.console import DONE, NEGATIVE, UNSATISFIED, WRONG, guarded, show
from hpi_schemas.files import is_folder

from hpi_runtime.errors import PlanError

if TYPE_CHECKING:
    from hpi_runtime.prepare import inventory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    return guarded("hpi-cache", lambda: _run(options))


def _parser() -> CommandLine:
    description = "Look at prepared artefacts (converted models and the like), and remove those that no plan needs."
    codes = {
        DONE: "done",
        NEGATIVE: "verify found damage",
        WRONG: "a plan or the command line is wrong",
        UNSATISFIED: "a package is missing",
    }
    parser = CommandLine("hpi-cache", description, codes)
    commands = parser.commands()
    for name, text in (
        ("list", "what is there, and whether these plans need it"),
        ("verify", "are all artefacts undamaged?"),
        ("prune", "remove what none of these plans needs, damaged artefacts, and what builds left behind"),
    ):
        command = commands.add(name, help=text)
        command.add_argument("plans", nargs="*", metavar="PLAN")
        command.add_argument(
            "--models", action="append", default=[], metavar="DIR", help="also look below DIR/*/.cache"
        )
        command.add_argument("--root", metavar="DIR", help="where relative model folders of the plans start")
        if name == "prune":
            command.add_argument("--dry-run", action="store_true", help="say what would be removed, and keep it")
    return parser


def _run(options: argparse.Namespace) -> int:
    from hpi_runtime.prepare import inventory
    from hpi_runtime.run import plan as loader

    models = [Path(name) for name in options.models]
    for folder in models:
        if not is_folder(folder):
            raise PlanError(f"`--models {folder}` is no folder")
    root = None if options.root is None else Path(options.root)
    plans = [loader.load(Path(name), root, models) for name in options.plans]
    if options.command == "prune" and not plans:
        raise PlanError("name the plans whose artefacts are to stay")
    if not plans and not models:
        raise PlanError("name plans, or a folder with `--models`")
    kept: set[str] = set().union(*map(inventory.needed, plans))
    code = DONE
    for folder in inventory.folders(plans, models):
        for entry in inventory.entries(folder):
            is_needed = entry.place.name in kept and entry.state == inventory.WHOLE
            mark = "needed" if is_needed else "-"
            line = f"{entry.state:8}  {mark:6}  {entry.size:>11,}  {entry.step:12}  {entry.place}"
            if options.command == "list":
                _print(line)
            elif options.command == "verify":
                code = NEGATIVE if entry.state == inventory.DAMAGED else code
                _print(line)
            elif not is_needed and entry.state != inventory.FOREIGN and not _is_locked(entry):
                _print(f"{'would remove' if options.dry_run else 'removed'}  {line}")
                if not options.dry_run:
                    inventory.remove(entry)
    return code


def _is_locked(entry: inventory.Entry) -> bool:
    """Tell whether some process is building what an entry belongs to."""
    from filelock import FileLock, Timeout

    lock = entry.place.with_name(f"{entry.place.name.partition('.')[0]}.lock")
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _print(line: str) -> None:
    show(f"{clean_line(line)}\n")
