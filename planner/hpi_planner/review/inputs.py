"""What a plan is a function of: its YAML, overrides, target, models and profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpi_planner.compile import Request, compile
from hpi_planner.models import RecordedReader
from hpi_planner.paddlex import builtin_configs
from hpi_planner.review.both_models import Folder
from hpi_planner.review.plans import Place, ReviewedPlan, ReviewError
from hpi_planner.select.profile import Evidence
from hpi_planner.syntax.tree import Tree

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a plan; models are trusted as it records them.

    Attributes:
        data: the bytes of the YAML.
        plan: what they give.
        place: of the YAML, None for a built-in pipeline.
        profile: that it was made with.
    """

    data: bytes
    plan: ReviewedPlan
    place: Place | None
    profile: Evidence | None = None

    def request(self) -> Request:
        """Return the request that makes the plan again."""
        source = self.plan.plan.source
        return Request(
            source=replace(source, overrides=(), profile=None),
            source_name=self.name,
            data=self.data,
            target=self.plan.target,
            reader=RecordedReader(self.plan.modules, self.plan.plan.external),
            overrides=self.plan.overrides,
            profile=self.profile,
        )

    @property
    def name(self) -> str:
        """How messages call the YAML."""
        if self.place is None:
            return f"<builtin {self.plan.plan.source.builtin}>"
        revision = self.place.revision
        # As git does.
        short = revision[:8] if revision is not None and _COMMIT.fullmatch(revision) else revision
        return str(replace(self.place, revision=short))

    def tree(self) -> Tree | None:
        """Return the YAML before anything is laid over it."""
        return compile(self.request(), "read").tree

    def machine(self) -> dict[str, Any]:
        """Return what the plan tells of its machine; which device is the usual one it tells if nobody asked for one."""
        facts = {key: item for key, item in self.plan.plan.target.to_json().items() if key != "format"}
        found = compile(self.request(), "override")
        place = None if found.document is None else found.document.device
        in_yaml = found.tree is not None and place is not None and found.tree.get(place) is not None
        if in_yaml or any(layer.flag == "device" for layer in self.plan.overrides):
            del facts["device"]
        return facts

    def folders(self) -> Mapping[str, Folder]:
        """Return which model each module asks for, and where, by address."""
        found = compile(self.request(), "inherit").modules
        return {module.address: (module.model_name, module.model_dir) for module in found}


class MissingError(Exception):
    """Something that a plan was made from is not at hand; the message names it."""


def inputs(plan: ReviewedPlan, source: Place | None = None) -> Inputs:
    """Return the inputs of a plan.

    Args:
        plan: the plan.
        source: its YAML, by default where the plan says it is.

    Raises:
        MissingError: its YAML or its profile is not at hand.
    """
    where = source or plan.source
    try:
        data = builtin_configs.text(plan.plan.source.builtin or "").encode() if where is None else where.read()
    except (ReviewError, KeyError):
        raise MissingError(str(where or f"the built-in {plan.plan.source.builtin}")) from None
    try:
        return Inputs(data, plan, where, plan.profile())
    except ReviewError:
        profile = plan.plan.source.profile
        raise MissingError("its profile" if profile is None else profile.file) from None


def is_stale(plan: ReviewedPlan, found: Inputs) -> bool:
    """Tell whether a plan does not follow from its source any more, with its models as it records them."""
    try:
        return compile(found.request()).text != plan.text
    except ValueError:
        # An override or a target that this version does not read any more.
        return True
