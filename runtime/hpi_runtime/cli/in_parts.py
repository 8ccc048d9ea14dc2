"""Running in parts: what is missing of them, one after the other."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpi_schemas.canonical import dumps
from hpi_schemas.cleaning import clean_line
from hpi_schemas.console import DONE, NEGATIVE, say

from hpi_runtime.cli.course import Course
from hpi_runtime.errors import PlanError
from hpi_runtime.results import parts
from hpi_runtime.results.parts import Folder, Part

if TYPE_CHECKING:
    from hpi_schemas.files import Outputs

    from hpi_runtime.results.result import Result
    from hpi_runtime.run.pipeline import Pipeline
    from hpi_runtime.run.plan import LocatedPlan

_MOST_NAMED = 3


class InParts:
    """A run whose results go into parts.

    Attributes:
        left: the parts that are to be made.
    """

    def __init__(
        self,
        command: str,
        options: argparse.Namespace,
        plan: LocatedPlan,
        names: Sequence[str],
        settings: Mapping[str, Any],
        outputs: Outputs,
    ) -> None:
        """See what is missing.

        Args:
            command: for messages.
            options: of the command line.
            plan: to run.
            names: of the inputs, in order.
            settings: arguments of ``predict``.
            outputs: decides over what may be written.

        Raises:
            PlanError: parts are there and nobody said what to do with them, or the folder cannot be made.
        """
        self._command = command
        asked = [plan.digest, options.module or "", dumps(dict(settings))]
        whole = parts.divide(names, options.part_size, options.output_format, asked)
        index, count = options.shard or (1, 1)
        own = whole[index - 1 :: count]
        self._folder = Folder(Path(options.output), options.output_format, outputs)
        there = [] if options.overwrite else [part for part in own if self._folder.has(part)]
        if there and not options.resume:
            told = f"{len(there)} of {len(own)} parts are in {options.output} already"
            raise PlanError(f"{told}: --resume makes what is missing, --overwrite makes all again")
        self._tell_strangers(whole, options.output)
        if there:
            say(command, f"{len(there)} of {len(own)} parts are there already")
        done = {part.number for part in there}
        self.left = [part for part in own if part.number not in done]

    @property
    def inputs(self) -> int:
        """How many there are in the parts that are to be made."""
        return sum(len(part.names) for part in self.left)

    def run(self, pipeline: Pipeline, course: Course, **given: Any) -> int:
        """Make every part that is missing, and return the exit code.

        Args:
            pipeline: loaded.
            course: follows the results.
            given: for ``predict``, beside the inputs.
        """
        count = 0
        for result in course.follow(self._results(pipeline, given)):
            if result.is_failed:
                count += 1
                error = result["error"]
                say(self._command, clean_line(f"{error['code']}: {error['message']}"))
        return NEGATIVE if count else DONE

    def _results(self, pipeline: Pipeline, given: Mapping[str, Any]) -> Iterator[Result]:
        for part in self.left:
            rows = []
            for result in pipeline.predict(list(part.names), **given):
                rows.append(parts.row(result))
                yield result
            self._folder.write(part, rows)

    def _tell_strangers(self, whole: Sequence[Part], place: str) -> None:
        others = self._folder.strangers(whole)
        if others:
            named = ", ".join(others[:_MOST_NAMED]) + (", …" if len(others) > _MOST_NAMED else "")
            say(self._command, f"warning: {place} has parts of other inputs, or of another plan: {named}")
