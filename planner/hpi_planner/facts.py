"""Reading the facts of a model: from disk, or from an existing plan."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml
from hpi_schemas import model_inputs
from hpi_schemas.canonical import digest_file
from hpi_schemas.model_inputs import Inputs, ModelFileError
from hpi_schemas.model_store import CONFIG_FILE, STORE_PREFIX, ModelStore, format_files

from hpi_planner.diagnostics import Code
from hpi_planner.ir import ModelFacts
from hpi_planner.yaml_tree import load_data

_SECTION = re.compile(r"^(Global|Hpi):.*?(?=^[^\s#-]|\Z)", re.MULTILINE | re.DOTALL)


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
            self._known[reference] = _folder_facts(reference, self._folder(reference, model_name))
        return self._known[reference]

    def _folder(self, reference: str, model_name: str) -> Path:
        try:
            return ModelStore(self.root, self.official).resolve(reference)
        except FileNotFoundError as fault:
            help = f"relative folders start at `{self.root}`"
            if reference.startswith(STORE_PREFIX):
                help = (
                    f"fetch it with `hf download PaddlePaddle/{model_name} --local-dir DIR/{model_name}` "
                    "(from the package huggingface_hub) and name DIR with `--models` or HPI_MODELS"
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


@dataclass(frozen=True)
class RecordedReader:
    """Trusts the facts that a plan records."""

    modules: Mapping[str, Mapping[str, Any]]

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        """Return the recorded facts of the module at this address."""
        if address not in self.modules:
            raise FactsError(Code.MODEL_NOT_FOUND, f"the plan records no model for `{address}`")
        model = self.modules[address]["model"]
        form = model["format"]
        used = {form, *(item.get("format", form) for item in self.modules[address]["engine"].get("fallback", ()))}
        inputs: Inputs = {name: (spec[0], list(spec[1])) for name, spec in model["inputs"].items()}
        return ModelFacts(
            dir=model["dir"],
            formats=tuple(model["formats"]),
            files={item: model["files"] if item in used else {} for item in model["formats"]},
            inputs={item: inputs if item == form else {} for item in model["formats"]},
            model_name=model_name,
            hpi=model.get("hpi"),
            double_lists=tuple(model.get("double_lists", ())),
        )


def _folder_facts(reference: str, folder: Path) -> ModelFacts:
    config = folder / CONFIG_FILE
    if not config.is_file():
        raise FactsError(
            Code.MODEL_CONFIG_MISSING,
            f"the model folder `{reference}` has no `{CONFIG_FILE}`",
            "PaddleX writes it beside the model when it exports; without it nobody knows the pre- and postprocessing",
        )
    name, hpi = _config(config, reference)
    found = format_files(folder)
    if not found:
        raise FactsError(
            Code.MODEL_FORMAT_MISSING,
            f"the model folder `{reference}` holds no model",
            "expected inference.onnx, inference.json + inference.pdiparams, inference.pdmodel + inference.pdiparams, "
            "or inference.om",
        )
    files: dict[str, dict[str, str]] = {}
    inputs: dict[str, Inputs] = {}
    double_lists: list[str] = []
    config_digest = digest_file(config)
    try:
        for form, names in found.items():
            inputs[form], more, doubles = _header(folder, form, names)
            double_lists += doubles
            files[form] = {item: digest_file(folder / item) for item in (*names, *more)}
            files[form][CONFIG_FILE] = config_digest
    except (ModelFileError, OSError) as fault:
        raise FactsError(
            Code.MODEL_FILE_INVALID, str(fault).replace(str(folder), reference), "copy or export the model again"
        ) from None
    return ModelFacts(reference, tuple(sorted(found)), files, inputs, name, hpi, tuple(double_lists))


def _header(folder: Path, form: str, names: tuple[str, ...]) -> tuple[Inputs, list[str], list[str]]:
    """Return a model's inputs, the other files that it names, and its lists of doubles."""
    program = folder / names[0]
    if form == "onnx":
        inputs, external = model_inputs.onnx_header(program)
        for item in external:
            if not (folder / item).resolve().is_relative_to(folder.resolve()):
                raise ModelFileError(f"{program} keeps weights outside its folder, in `{item}`")
        return inputs, external, []
    if form == "paddle":
        if program.suffix != ".json":
            return model_inputs.pdmodel_header(program), [], []
        inputs, doubles = model_inputs.pir_header(program)
        return inputs, [], doubles
    return {}, [], []


def _config(path: Path, reference: str) -> tuple[str | None, Mapping[str, Any] | None]:
    """Return the model's name and its ``Hpi`` section.

    A recogniser's file is mostly its dictionary of up to 100,000 characters; only the two
    sections of interest are parsed when the file is in block style, as PaddleX writes it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        sections = "".join(match.group() for match in _SECTION.finditer(text))
        data = load_data(sections or text)
        if not isinstance(data, dict):
            raise FactsError(Code.MODEL_CONFIG_INVALID, f"`{reference}/{CONFIG_FILE}` is not a mapping")
        for section in ("Global", "Hpi"):
            if not isinstance(data.get(section), (dict, type(None))):
                message = f"`{section}` of `{reference}/{CONFIG_FILE}` is not a mapping"
                raise FactsError(Code.MODEL_CONFIG_INVALID, message)
        name = (data.get("Global") or {}).get("model_name")
        return name, data.get("Hpi")
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError) as fault:
        mark = getattr(fault, "problem_mark", None)
        place = "" if mark is None else f"line {mark.line + 1}: "
        reason = place + (getattr(fault, "problem", None) or str(fault).splitlines()[0])
        raise FactsError(
            Code.MODEL_CONFIG_INVALID, f"`{reference}/{CONFIG_FILE}` cannot be read: {reason}", None
        ) from None
