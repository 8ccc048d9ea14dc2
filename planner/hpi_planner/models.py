"""Reading the facts of a model: from disk, or from an existing plan."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from hpi_schemas import model_inputs
from hpi_schemas.canonical import digest_file
from hpi_schemas.cleaning import clean_line
from hpi_schemas.files import is_lfs_pointer
from hpi_schemas.model_config import ModelConfigError, read_config
from hpi_schemas.model_inputs import Header, ModelFileError
from hpi_schemas.model_store import CONFIG_FILE, STORE_PREFIX, ModelStore, companions, format_files, is_file_below
from hpi_schemas.plan.model import External, ModuleRecord
from hpi_schemas.tasks.processing import processing

from hpi_planner.diagnostics.model import Code
from hpi_planner.ir import ModelFacts, ModelFolder

# Of a name in a message.
_LONGEST = 100


class FactsError(Exception):
    """A model whose facts cannot be had; carries the code and help of the diagnostic."""

    def __init__(self, code: Code, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


class ModelReader(Protocol):
    """Where the locate pass gets its facts from."""

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        """Return the facts of one module's model.

        Raises:
            FactsError: the model is not there or not readable.
        """

    def folder(
        self, address: str, model_name: str, model_dir: str, names: Collection[str] | None = None
    ) -> ModelFolder:
        """Return the folder of a model that no backend of ours runs, or of an index.

        Args:
            address: of what it is for.
            model_name: of the model.
            model_dir: as the YAML names it.
            names: the files that it must have, and that count; None for all that it has.

        Raises:
            FactsError: it is not there or not readable, or lacks one of its files.
        """


@dataclass
class DiskReader:
    """Reads model folders.

    Attributes:
        root: relative folders start here, the folder of the pipeline YAML.
        models: folders given with ``--models``; an absolute ``model_dir`` below one is rewritten.
        official: every folder in which official models are looked up.
    """

    root: Path
    models: tuple[Path, ...] = ()
    official: tuple[Path, ...] = ()
    _known: dict[str, ModelFacts] = field(default_factory=dict)

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        """Return the facts of the folder; each folder is read once."""
        reference = STORE_PREFIX + model_name if model_dir is None else self._reference(model_dir)
        if reference not in self._known:
            self._known[reference] = _folder_facts(reference, self._folder(reference))
        return self._known[reference]

    def folder(
        self, address: str, model_name: str, model_dir: str, names: Collection[str] | None = None
    ) -> ModelFolder:
        """Return the folder, with the digests of these files of it, or of all but the hidden ones."""
        reference = self._reference(model_dir)
        folder = self._folder(reference)
        missing = [name for name in names or () if not (folder / name).is_file()]
        if missing:
            help = f"it needs {' and '.join(f'`{name}`' for name in names or ())}"
            raise FactsError(Code.MODEL_FILE_INVALID, f"`{reference}` has no `{missing[0]}`", help)
        try:
            files = {name: digest_file(folder / name) for name in names or _shown(folder)}
        except OSError as fault:
            raise FactsError(Code.MODEL_FILE_INVALID, f"`{reference}` cannot be read: {fault.strerror}") from None
        return ModelFolder(reference, files)

    def _folder(self, reference: str) -> Path:
        try:
            return ModelStore(self.root, self.official).resolve(reference)
        except FileNotFoundError as fault:
            help = f"relative folders start at `{self.root}`"
            if clean_line(reference) != reference:
                help = "in double quotes, `\\` begins an escape, which this became: write paths with `/`"
            elif "\\" in reference:
                help = f"`\\` separates no folders here: write `{reference.replace(chr(92), '/')}`"
            elif os.path.isfile(self.root / reference):  # noqa: PTH113 (of a name that no file can have, Path raises)
                help = f"it is a file; name the folder that holds it: `{PurePosixPath(reference).parent}`"
            if reference.startswith(STORE_PREFIX):
                help = (
                    "`hpi-plan … --fetch` fetches all models that are missing; "
                    "what lies elsewhere, name with `--models` or HPI_MODELS"
                )
            raise FactsError(Code.MODEL_NOT_FOUND, str(fault), help) from None
        except (OSError, ValueError) as fault:
            raise FactsError(Code.MODEL_NOT_FOUND, f"`{reference[:80]}` is no path of a folder: {fault}") from None

    def _reference(self, model_dir: str) -> str:
        try:
            path = Path(model_dir).expanduser()
        except RuntimeError as fault:
            raise FactsError(Code.MODEL_NOT_FOUND, f"`{model_dir}` names no folder: {fault}") from None
        if not path.is_absolute():
            return Path(os.path.normpath(model_dir)).as_posix()
        for folder in self.models:
            if path.parent == folder.absolute():
                return STORE_PREFIX + path.name
        try:
            return path.relative_to(self.root.absolute()).as_posix()
        except ValueError:
            raise FactsError(
                Code.MODEL_DIR_ABSOLUTE,
                f"`{model_dir}` is an absolute path outside the folder of the YAML",
                "a plan holds no absolute paths: write it relative to the YAML, or pass `--models` with the folder "
                "that holds it",
            ) from None


def _shown(folder: Path) -> list[str]:
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts)]


@dataclass(frozen=True)
class RecordedReader:
    """Trusts the facts that a plan records."""

    modules: Mapping[str, ModuleRecord]
    external: Mapping[str, External] = field(default_factory=dict)

    def folder(
        self, address: str, model_name: str, model_dir: str, names: Collection[str] | None = None
    ) -> ModelFolder:
        """Return the recorded folder at this address."""
        record = self.external.get(address)
        if record is None or record.dir is None:
            raise FactsError(Code.MODEL_NOT_FOUND, f"the plan records no model for `{address}`")
        return ModelFolder(_named(model_name, model_dir, record.dir), record.files)

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        """Return the recorded facts of the module at this address."""
        if address not in self.modules:
            raise FactsError(Code.MODEL_NOT_FOUND, f"the plan records no model for `{address}`")
        module = self.modules[address]
        model, form = module.model, module.model.format
        used = {form, *(item.format for item in module.fallback)}
        return ModelFacts(
            dir=_named(model_name, model_dir, model.dir),
            formats=model.formats,
            files={item: model.files if item in used else {} for item in model.formats},
            inputs={item: model.inputs if item == form else {} for item in model.formats},
            model_name=model_name,
            hpi=model.hpi,
            outputs={item: model.outputs if item == form else {} for item in model.formats},
            processing=model.processing,
            double_lists=model.double_lists,
        )


def _named(model_name: str, model_dir: str | None, recorded: str) -> str:
    """Return the folder that a YAML names, as a plan has it: one that records another does not follow from it.

    Of an absolute path only the reader that has the files knows how a plan calls it.
    """
    if model_dir is None:
        return STORE_PREFIX + model_name
    if model_dir.startswith(("/", "~")):
        return recorded
    return Path(os.path.normpath(model_dir)).as_posix()


def _folder_facts(reference: str, folder: Path) -> ModelFacts:
    config = folder / CONFIG_FILE
    if not config.is_file():
        help = "PaddleX writes it beside the model when it exports; without it nobody knows the pre- and postprocessing"
        other = _called_otherwise(folder, (".yaml", ".yml"))
        if other is not None:
            help = f"there is a `{other}`: if that is it, rename it to `{CONFIG_FILE}`"
        raise FactsError(Code.MODEL_CONFIG_MISSING, f"the model folder `{reference}` has no `{CONFIG_FILE}`", help)
    told = _config(config, reference)
    found = format_files(folder)
    if not found:
        help = (
            "expected inference.onnx, inference.json + inference.pdiparams, inference.pdmodel + inference.pdiparams, "
            "or inference.om"
        )
        other = _called_otherwise(folder, (".onnx", ".pdmodel", ".json", ".om"))
        if other is not None:
            help = f"there is a `{other}`: a model's files must be called `inference`; {help}"
        raise FactsError(Code.MODEL_FORMAT_MISSING, f"the model folder `{reference}` holds no model", help)
    for name in sorted({item for files in found.values() for item in files}):
        if is_lfs_pointer(folder / name):
            message = f"`{reference}/{name}` is a pointer of Git LFS"
            raise FactsError(Code.MODEL_FILE_INVALID, message, "`git lfs pull` brings the file itself")
    files: dict[str, dict[str, str]] = {}
    headers: dict[str, Header] = {}
    try:
        shared = {item: digest_file(folder / item) for item in (CONFIG_FILE, *companions(folder))}
        for form, names in found.items():
            headers[form] = _header(folder, form, names)
            files[form] = {item: digest_file(folder / item) for item in (*names, *headers[form].external)}
            files[form] |= shared
    except (ModelFileError, OSError) as fault:
        raise FactsError(
            Code.MODEL_FILE_INVALID, str(fault).replace(str(folder), reference), "copy or export the model again"
        ) from None
    named = (told.get("Global") or {}).get("model_name")
    return ModelFacts(
        dir=reference,
        formats=tuple(sorted(found)),
        files=files,
        inputs={form: header.inputs for form, header in headers.items()},
        model_name=None if named is None else str(named),
        hpi=told.get("Hpi"),
        outputs={form: header.outputs for form, header in headers.items()},
        processing=processing(told),
        double_lists=tuple(item for header in headers.values() for item in header.double_lists),
    )


def _called_otherwise(folder: Path, suffixes: tuple[str, ...]) -> str | None:
    """Return a file of a kind that is there by another name than the right one."""
    return next((item.name for item in sorted(folder.iterdir()) if item.suffix in suffixes and item.is_file()), None)


def _header(folder: Path, form: str, names: tuple[str, ...]) -> Header:
    """Return what a model's program says of itself."""
    program = folder / names[0]
    if form == "om":
        return Header({}, {}, [], [])
    header = model_inputs.read_header(program)
    for item in header.external:
        if not is_file_below(item):
            raise ModelFileError(f"{program} keeps weights outside its folder, in {clean_line(item)[:_LONGEST]!r}")
        if not (folder / item).is_file():
            raise ModelFileError(f"{program} keeps weights in `{item}`, which is no file here")
        if not (folder / item).resolve().is_relative_to(folder.resolve()):
            raise ModelFileError(f"{program} keeps weights outside its folder, in `{item}`")
    return header


def _config(path: Path, reference: str) -> Mapping[str, Any]:
    """Return the model's configuration."""
    name = f"`{reference}/{CONFIG_FILE}`"
    try:
        return read_config(path)
    except ModelConfigError as fault:
        raise FactsError(Code.MODEL_CONFIG_INVALID, f"{name} {fault}") from None
    except OSError as fault:
        raise FactsError(Code.MODEL_CONFIG_INVALID, f"{name} cannot be read: {fault.strerror}") from None
