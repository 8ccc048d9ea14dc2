"""Where the files of a model are found, and which of them an engine reads."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpi_schemas.cleaning import clean_line

CONFIG_FILE = "inference.yml"
ONNX_FILE = "inference.onnx"
STORE_PREFIX = "store:"
# What PaddleX reads beside a model: how a series was scaled, and a folder.
SCALER_FILE, _TOKENIZER = "scaler.pkl", "tokenizer"
# Of a name, in bytes.
_LONGEST = 255

# The files of each format, in order of preference: the first complete set counts.
# PaddleX takes the newer .json program when both are there.
_FORMAT_FILES: dict[str, tuple[tuple[str, ...], ...]] = {
    "onnx": ((ONNX_FILE,),),
    "paddle": (
        ("inference.json", "inference.pdiparams"),
        ("inference.pdmodel", "inference.pdiparams"),
    ),
    "om": (("inference.om",),),
}


def program_files(form: str, names: Collection[str]) -> tuple[str, ...]:
    """Return which of these files make up the model in a format, program first; empty if none do."""
    for files in _FORMAT_FILES[form]:
        if all(file in names for file in files):
            return files
    return ()


def format_files(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the model formats in ``folder`` and the files of each, formats sorted by name."""
    names = {item.name for item in folder.iterdir() if item.is_file()}
    return {form: files for form in sorted(_FORMAT_FILES) if (files := program_files(form, names))}


def companions(folder: Path) -> list[str]:
    """Return the files beside a model that PaddleX reads with it: the scaler of a series, a tokenizer's files."""
    beside = [folder / SCALER_FILE, *sorted((folder / _TOKENIZER).glob("*"))]
    return [path.relative_to(folder).as_posix() for path in beside if path.is_file()]


def is_name(text: str) -> bool:
    """Tell whether a text can be one part of a path: not empty, no way up, nothing that cannot be seen."""
    parts_nothing = not text or text in (".", "..") or "/" in text or "\\" in text or len(os.fsencode(text)) > _LONGEST
    return not parts_nothing and clean_line(text) == text


def is_file_below(text: str) -> bool:
    """Tell whether a relative path leads to something below the folder that it starts from."""
    return all(map(is_name, text.split("/")))


def is_folder(text: str) -> bool:
    """Tell whether a text can name a model's folder: ``store:NAME``, or a relative path, which may lead up."""
    if text.startswith(STORE_PREFIX):
        return is_name(text[len(STORE_PREFIX) :])
    return not text.startswith("/") and all(part in ("", ".", "..") or is_name(part) for part in text.split("/"))


@dataclass(frozen=True)
class ModelStore:
    """The folders in which models are looked up.

    Attributes:
        root: relative model folders start here (the folder of the pipeline YAML).
        folders: where official models lie, in order; each holds one folder per model name.
    """

    root: Path
    folders: Sequence[Path] = field(default_factory=tuple)

    def resolve(self, reference: str) -> Path:
        """Return the folder of a model as a plan refers to it.

        Args:
            reference: a relative path below the root, or ``store:NAME``.

        Raises:
            FileNotFoundError: no such folder; the message lists where it was looked for.
        """
        places = self._places(reference)
        for place in places:
            # Unlike Path's, this one does not raise for a name that no folder can have.
            if os.path.isdir(place):  # noqa: PTH112
                return place
        looked = ", ".join(str(place) for place in places) or "no folder (none is set)"
        shown = reference if len(reference) < _LONGEST else f"{reference[:_LONGEST]}…"
        raise FileNotFoundError(f"the model folder {shown!r} was not found; looked in {looked[: 4 * _LONGEST]}")

    def _places(self, reference: str) -> list[Path]:
        if reference.startswith(STORE_PREFIX):
            name = reference[len(STORE_PREFIX) :]
            if Path(name).name != name or name in ("", ".", ".."):
                raise FileNotFoundError(f"{reference!r} is not the name of a model")
            return [folder / name for folder in self.folders]
        if Path(reference).is_absolute():
            raise FileNotFoundError(f"the model folder {reference!r} is an absolute path")
        return [self.root / reference]


def official_folders(models: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return where official models are looked up, first to last.

    The given folders, those of ``HPI_MODELS`` (separated as in ``PATH``), then the folder that
    PaddleX fills: ``official_models`` in ``PADDLE_PDX_CACHE_HOME``, by default ``~/.paddlex``.
    """
    named = [Path(item) for item in os.environ.get("HPI_MODELS", "").split(os.pathsep) if item]
    last = paddlex_folder()
    return (*models, *named, *(() if last is None else (last,)))


def paddlex_folder() -> Path | None:
    """Return the folder that PaddleX fills with official models.

    None where nobody knows where the home of this user is, as in containers with a user of their own.
    """
    own = os.environ.get("PADDLE_PDX_CACHE_HOME")
    try:
        return (Path(own) if own else Path.home() / ".paddlex") / "official_models"
    except RuntimeError:
        return None
