"""hpi-bundle: a plan with everything that it needs, in one archive or in a depot."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpi_schemas.cleaning import clean_line
from hpi_schemas.command_line import CommandLine
from hpi_schemas.console import DONE, FAILED, NEGATIVE, UNSATISFIED, WRONG, say, show

from hpi_runtime.bundle import DEPOT
from hpi_runtime.bundle.recognition import is_bundle
from hpi_runtime.cli.telling import told
from hpi_runtime.errors import PlanError

if TYPE_CHECKING:
    from hpi_schemas.bundle import Manifest

    from hpi_runtime.bundle.contents import Contents
    from hpi_runtime.run.plan import LocatedPlan

_NAME = "hpi-bundle"
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "check found damage",
    WRONG: "a plan, a bundle or the command line is wrong",
    UNSATISFIED: "a package is missing, or this machine does not satisfy the plan",
    FAILED: "prepare failed",
}
_NOTES = """\
A bundle is run as a plan is: `hpi-run NAME.tar.zst --input …`, `hpi-serve NAME.tar.zst`. So is the folder that one was
unpacked into.
examples:
  hpi-bundle make plan.json --output pages.tar.zst
  hpi-bundle unpack pages.tar.zst /srv/pages
  hpi-bundle put plan.json --depot s3://models/hpi; HPI_DEPOT=s3://models/hpi hpi-run plan.json --input …
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    return told(_NAME, lambda: _run(options))


def _parser() -> CommandLine:
    description = "Put a plan with its models and prepared files into one archive, or into a depot that machines share."
    parser = CommandLine(_NAME, description, _EXIT_CODES, _NOTES)
    commands = parser.commands()
    make = commands.add("make", help="make a bundle of a plan")
    made = "NAME.tar, the same bytes wherever it is made, or NAME.tar.zst, which is smaller"
    make.add_argument("--output", required=True, metavar="FILE", help=made)
    put = commands.add("put", help="put what a plan needs into a depot, where other machines fetch it")
    depot_help = "a folder, or s3://bucket/name; default: $HPI_DEPOT"
    put.add_argument("--depot", default=os.environ.get(DEPOT), metavar="PLACE", help=depot_help)
    put.add_argument("--again", action="store_true", help="send also what seems to be there, where a depot is damaged")
    for command in (make, put):
        _add_contents(command)
    for name, text in (("check", "is every file undamaged?"), ("show", "what is in a bundle")):
        commands.add(name, help=text).add_argument(
            "bundle", metavar="BUNDLE", help="an archive, or what one was unpacked into"
        )
    unpack = commands.add("unpack", help="unpack a bundle")
    unpack.add_argument("bundle", metavar="BUNDLE")
    unpack.add_argument("folder", metavar="DIR", help="a new folder")
    return parser


def _add_contents(command: argparse.ArgumentParser) -> None:
    """Add what says which files go along."""
    add = command.add_argument
    add("plan", metavar="PLAN")
    add("--lock", metavar="FILE", help="requirements with hashes; those of what is installed go along")
    extra_help = "the packages of this extra too, such as serve; repeatable"
    add("--extra", action="append", default=[], metavar="NAME", help=extra_help)
    add("--no-artefacts", action="store_true", help="models alone, nothing that is prepared of them")
    add("--root", metavar="DIR", help="where relative model folders start; default: beside the plan's YAML")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models")


def _run(options: argparse.Namespace) -> int:
    from hpi_runtime.bundle import opening

    if options.command == "make":
        return _make(options)
    if options.command == "put":
        return _put(options)
    path = Path(options.bundle)
    if not is_bundle(path):
        raise PlanError(f"{path} is no bundle")
    if options.command == "unpack":
        opening.unpack(path, Path(options.folder))
        return DONE
    try:
        manifest = opening.check(path)
    except PlanError as fault:
        if options.command == "show":
            raise
        say(_NAME, str(fault))
        return NEGATIVE
    if options.command == "show":
        _show(manifest)
    return DONE


def _make(options: argparse.Namespace) -> int:
    from hpi_schemas.files import Kind, OutputError, Outputs, make_folder

    from hpi_runtime.bundle import archive, opening

    output = Path(options.output)
    if not output.name.endswith((archive.TAR_ENDING, archive.ZSTD_ENDING)):
        raise PlanError(f"--output {output} must end with {archive.TAR_ENDING} or {archive.ZSTD_ENDING}")
    plan = _plan(options)
    try:
        make_folder(output.parent)
        Outputs(list(plan.files())).refuse(output, Kind("bundle", opening.holds_bundle))
    except OutputError as fault:
        raise PlanError(str(fault)) from None
    contents = _contents(options, plan)
    try:
        archive.write(contents, output)
    except OSError as fault:
        raise PlanError(f"{output} cannot be written: {fault.strerror or fault}") from None
    manifest, size = contents.manifest, output.stat().st_size
    say(_NAME, f"{output}: {len(manifest.files):,} files, {size:,} bytes, {len(manifest.artefacts)} prepared")
    return DONE


def _put(options: argparse.Namespace) -> int:
    from hpi_runtime.bundle import depot

    if not options.depot:
        raise PlanError(f"name the depot with --depot, or in {DEPOT}")
    contents = _contents(options, _plan(options))
    sent = depot.put(contents, options.depot, options.again)
    manifest = contents.manifest
    told = f"{sent.files:,} of {len(manifest.files):,} files sent, {sent.bytes:,} bytes, the others were there"
    say(_NAME, f"{options.depot}: {told}; {len(manifest.artefacts)} prepared")
    return DONE


def _plan(options: argparse.Namespace) -> LocatedPlan:
    from hpi_runtime.run import plan as loader

    root = None if options.root is None else Path(options.root)
    # What goes into a depot does not come out of it.
    return loader.load(Path(options.plan), root, [Path(name) for name in options.models], has_depot=False)


def _contents(options: argparse.Namespace, plan: LocatedPlan) -> Contents:
    from hpi_runtime.bundle import contents

    lock = None if options.lock is None else Path(options.lock)
    try:
        return contents.gather(plan, not options.no_artefacts, lock, options.extra)
    except OSError as fault:
        raise PlanError(f"a file of the plan cannot be read: {fault}") from None


def _show(manifest: Manifest) -> None:
    show(f"plan {manifest.plan}\n")
    for name, file in manifest.files.items():
        show(f"{file.size:>13,}  {clean_line(name)}\n")
    for name, version in manifest.versions.items():
        show(f"{'':>13}  {clean_line(f'{name} {version}')}\n")
