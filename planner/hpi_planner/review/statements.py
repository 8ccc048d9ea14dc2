"""A diff as sentences: for each module or part of a plan, what changed, because of what, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hpi_schemas.impact import Impact

from hpi_planner.review.differences import Change
from hpi_planner.review.names import Names
from hpi_planner.review.said import Said
from hpi_planner.review.wording import listed

NUMBERS: Mapping[Impact, str] = {
    Impact.NUMERICS: "numbers may change",
    Impact.NUMERICS_POSSIBLE: "numbers may change in their last digits",
}
SAME_NUMBERS = "same numbers"


@dataclass(frozen=True)
class Point:
    """One thing that changed.

    Attributes:
        what: in a few words, such as ``openvino → onnxruntime``.
        because: what made it so, empty where nobody knows.
        before: what made it what it was, empty where that goes without saying.
        known: the cause was found by compiling again, not guessed.
        changes: the difference that it is about, and those that follow from it.
        said: who says something about it in the new sources, and whether that counts.
    """

    what: str
    because: str
    before: str
    known: bool
    changes: tuple[Change, ...]
    said: tuple[Said, ...] = ()

    @property
    def sentence(self) -> str:
        """What and why."""
        why = f", because {self.because}" if self.because else ""
        doubt = "" if self.known or not why else ", it seems"
        return f"{self.what}{why}{doubt}{f' (before: {self.before})' if self.before else ''}"


@dataclass(frozen=True)
class Statement:
    """What changed in a module, in several for the same reason, or in the rest of a plan.

    Attributes:
        subject: of the sentence.
        addresses: of the modules, empty for the rest of a plan.
        points: what changed.
        rebuilt: which files have to be made before the first run, empty for none.
        device: what became of the device, empty where that goes without saying.
        joint: what stands between the subject and the first point.
        concerns: names of the modules that it is about.
        at_least: what happens to its modules elsewhere, such as another version of their backend.
    """

    subject: str
    addresses: tuple[str, ...]
    points: tuple[Point, ...]
    rebuilt: str = ""
    device: str = ""
    joint: str = ": "
    concerns: tuple[str, ...] = ()
    at_least: Impact = Impact.COSMETIC

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every difference that it stands for."""
        return tuple(change for point in self.points for change in point.changes)

    @property
    def impact(self) -> Impact:
        """The greatest of its differences."""
        return max((change.impact for change in self.changes), default=Impact.COSMETIC)

    @property
    def consequences(self) -> str:
        """What follows: for numbers, prepared files and the device."""
        numbers = NUMBERS.get(max(self.impact, self.at_least), SAME_NUMBERS)
        parts = [numbers, self.rebuilt or ("nothing is rebuilt" if self.addresses else ""), self.device]
        told = "; ".join(filter(None, parts))
        return f"{told[0].upper()}{told[1:]}."

    def _reasons(self) -> list[list[Point]]:
        """Return the points, those for one reason together."""
        groups: dict[tuple[str, str, bool], list[Point]] = {}
        for number, point in enumerate(self.points):
            # What has no reason of its own stands by itself.
            reason = point.because or str(number)
            groups.setdefault((reason, point.before, point.known), []).append(point)
        return list(groups.values())

    @property
    def sentence(self) -> str:
        """The whole: subject, points and consequences."""
        told = "; ".join(_told(points) for points in self._reasons())
        subject = self.subject if self.addresses else f"{self.subject[0].upper()}{self.subject[1:]}"
        return f"{subject}{self.joint}{told}. {self.consequences}"


def _told(points: Sequence[Point]) -> str:
    """Say several things that have one reason."""
    return replace(points[0], what=listed([point.what for point in points])).sentence


def merged(found: Sequence[Statement], names: Names) -> list[Statement]:
    """Return the statements with those of several modules that say the same in one."""
    groups: dict[tuple[str, ...], list[Statement]] = {}
    for statement in found:
        alike = (statement.joint, statement.consequences, *(point.sentence for point in statement.points))
        key = alike if statement.addresses else (*alike, statement.subject)
        groups.setdefault(key, []).append(statement)
    return [_one(group, names) for group in groups.values()]


def _one(group: Sequence[Statement], names: Names) -> Statement:
    if len(group) == 1:
        return group[0]
    addresses = tuple(address for statement in group for address in statement.addresses)
    points = tuple(
        Point(
            what=alike[0].what,
            because=alike[0].because,
            before=alike[0].before,
            known=alike[0].known,
            changes=tuple(change for point in alike for change in point.changes),
            said=alike[0].said,
        )
        for alike in zip(*(statement.points for statement in group), strict=True)
    )
    first = group[0]
    return Statement(
        listed([names.short(address) for address in addresses]),
        addresses,
        points,
        first.rebuilt,
        first.device,
        first.joint,
        tuple(name for statement in group for name in statement.concerns),
        first.at_least,
    )


def ordered(found: Sequence[Statement]) -> list[Statement]:
    """Return the riskiest first, those of modules before those of the rest."""
    return sorted(found, key=lambda statement: (-statement.impact, not statement.addresses))
