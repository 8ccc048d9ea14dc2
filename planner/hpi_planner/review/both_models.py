"""The models of two plans, so that one of them can be compiled with what only the other knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hpi_planner.ir import ModelFacts, ModelFolder
from hpi_planner.models import RecordedReader
from hpi_planner.review.plans import ReviewedPlan

# A model's name, and its folder as the YAML gives it.
Folder = tuple[str, str | None]


@dataclass(frozen=True)
class BothModels:
    """Reads models as two plans record them.

    A folder that the YAMLs of both name holds what the old plan says, unless it was exported again; a format that only
    the new plan uses was there before.

    Attributes:
        old, new: the plans.
        before, after: which model each module of theirs asks for, and where, by address.
        exported: addresses of modules whose files are those of the new plan.
    """

    old: ReviewedPlan
    new: ReviewedPlan
    before: Mapping[str, Folder]
    after: Mapping[str, Folder]
    exported: frozenset[str] = field(default=frozenset())

    def with_new(self, address: str) -> BothModels:
        """Return the same with the new plan's files at an address."""
        return replace(self, exported=self.exported | {address})

    def exported_again(self) -> Iterator[str]:
        """Yield the addresses whose folder is the same, and whose files are not."""
        for address in sorted({*self._addresses(self.old), *self._addresses(self.new)}):
            old, new = (self.digests(plan, address) for plan in (self.old, self.new))
            is_one_folder = self.before.get(address) == self.after.get(address)
            if (
                old
                and new
                and is_one_folder
                and (self._formats(address) or any(old[k] != new[k] for k in old if k in new))
            ):
                yield address

    def _formats(self, address: str) -> bool:
        """Tell whether the folder has other formats of the model by now."""
        both = [plan.modules[address].model.formats for plan in (self.old, self.new) if address in plan.modules]
        return len(set(both)) > 1

    def digests(self, plan: ReviewedPlan, address: str) -> Mapping[str, str]:
        """Return the digests that a plan records of a model, empty where it has none."""
        module, external = plan.modules.get(address), plan.plan.external.get(address)
        return module.model.files if module is not None else external.files if external is not None else {}

    def folder(
        self, address: str, model_name: str, model_dir: str, names: Collection[str] | None = None
    ) -> ModelFolder:
        """Return the folder of a model that no backend of ours runs, or of an index."""
        readers = self._readers(address, (model_name, model_dir))
        return readers[0].folder(address, model_name, model_dir, names)

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        """Return the facts of the model of a module."""
        readers = self._readers(address, (model_name, model_dir))
        first, *others = (reader.read(address, model_name, model_dir) for reader in readers)
        for other in others:
            first = _completed(first, other)
        return first

    def _readers(self, address: str, asked: Folder) -> list[RecordedReader]:
        """Return what knows a module, the one that counts first; only that where the folders are two."""
        plans = [self.new, self.old] if address in self.exported else [self.old, self.new]
        known = [plan for plan in plans if address in self._addresses(plan)] or plans[:1]
        if self.before.get(address) != self.after.get(address) and len(known) > 1:
            known = [self.new if self.after.get(address) == asked else self.old]
        return [RecordedReader(plan.modules, plan.plan.external) for plan in known]

    @staticmethod
    def _addresses(plan: ReviewedPlan) -> set[str]:
        return {*plan.modules, *plan.plan.external}


def _completed(facts: ModelFacts, other: ModelFacts) -> ModelFacts:
    """Return facts with what only the other record tells of a format, for a plan tells of those alone that it uses."""
    return replace(
        facts,
        files={form: facts.files.get(form) or other.files.get(form, {}) for form in facts.formats},
        inputs={form: facts.inputs.get(form) or other.inputs.get(form, {}) for form in facts.formats},
        outputs={form: facts.outputs.get(form) or other.outputs.get(form, {}) for form in facts.formats},
    )
