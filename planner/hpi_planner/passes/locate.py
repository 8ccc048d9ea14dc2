"""locate: the facts of each module's model, from whatever reader was handed in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hpi_schemas.feature_index import FILES, INDEX
from hpi_schemas.plan.model import External

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, Label, error
from hpi_planner.diagnostics.suggest import closest
from hpi_planner.ir import Ir, Module
from hpi_planner.models import FactsError, ModelReader
from hpi_planner.paddlex import engine_names


@dataclass(frozen=True)
class Locate:
    """Asks the reader for each module."""

    reader: ModelReader
    name: str = "locate"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``facts``; a module without them is broken, unless no backend of ours could run it."""
        modules: list[Module] = []
        found = Findings()
        for module in ir.modules:
            is_ours = engine_names.ours(module.model_name)
            if module.broken or (not is_ours and module.model_dir is None):
                modules.append(module)
                continue
            located = self._locate(module) if is_ours else self._locate_folder(module)
            if isinstance(located, Diagnostic):
                found.append(located)
                modules.append(replace(module, broken=True))
            else:
                modules.append(located)
        external = dict(ir.external)
        for address, item in ir.external.items():
            index = self._index(ir, address, item) if item.kind == INDEX else item
            if isinstance(index, Diagnostic):
                found.append(index)
            else:
                external[address] = index
        return replace(ir, modules=tuple(modules), external=external).report(*found)

    def _index(self, ir: Ir, address: str, item: External) -> External | Diagnostic:
        """Return an index of features with its folder as a plan names it, and the digests of its files."""
        assert item.dir is not None
        try:
            folder = self.reader.folder(address, INDEX, item.dir, FILES)
        except FactsError as fault:
            labels = () if ir.tree is None else (Label(ir.tree.span(tuple(address.split(".")))),)
            return error(Code.INDEX_INVALID, f"`{address}`: {fault.message}", *labels, help=fault.help)
        return replace(item, dir=folder.dir, files=folder.files)

    def _locate_folder(self, module: Module) -> Module | Diagnostic:
        assert module.model_dir is not None
        try:
            folder = self.reader.folder(module.address, module.model_name, module.model_dir)
        except FactsError as fault:
            labels = module.origins["model_dir"].labels()
            return error(fault.code, f"{module.address}: {fault.message}", *labels, help=fault.help)
        return replace(module, folder=folder)

    def _locate(self, module: Module) -> Module | Diagnostic:
        is_named = module.model_dir is not None
        named = module.origins["model_name"].labels()
        given = module.origins["model_dir"].labels() if is_named else named
        try:
            facts = self.reader.read(module.address, module.model_name, module.model_dir)
        except FactsError as fault:
            help = fault.help
            if not is_named and knowledge.module_of(module.model_name) is None:
                near = closest(module.model_name, knowledge.all_models())
                help = f"PaddleX has no model of that name; did you mean `{near}`?" if near else help
            return error(fault.code, f"{module.address}: {fault.message}", *given, help=help)
        if facts.model_name is not None and facts.model_name != module.model_name:
            return error(
                Code.MODEL_NAME_MISMATCH,
                f"{module.address}: `{facts.dir}` holds the model `{facts.model_name}`, not `{module.model_name}`",
                *dict.fromkeys((*named, *given)),
                help="name the model that is in the folder, or point `model_dir` at the other one",
            )
        return replace(module, facts=facts)
