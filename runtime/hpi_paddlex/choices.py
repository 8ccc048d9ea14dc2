"""What was chosen for models in this process, and the plan that says the same."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpi_runtime.api import plan_pipeline
from hpi_runtime.errors import PlanError
from hpi_schemas import yaml_data
from hpi_schemas.hosts import PADDLEX
from hpi_schemas.plan import write
from hpi_schemas.plan.model import ModuleRecord

# By the name and the folder of each model.
_CHOSEN: dict[tuple[str, Path], ModuleRecord] = {}


def remember(folder: Path, record: ModuleRecord) -> None:
    """Keep what was chosen for the model in a folder."""
    _CHOSEN[record.model.name, folder.resolve()] = record


def plan(pipeline: Any, device: str | None) -> dict[str, Any]:
    """Return the plan of a pipeline, see ``hpi_paddlex.plan``."""
    given = _configuration(pipeline)
    config = given if isinstance(given, dict) else None
    name = None if isinstance(given, dict) else given
    found = plan_pipeline(
        name, config=config, device=device or _device(), use_hpip=True, host=PADDLEX, models=_folders(config)
    )
    for address, record in found.modules.items():
        chosen = _CHOSEN.get((record.model.name, found.store.resolve(record.model.dir).resolve()))
        if chosen is not None and (chosen.engine, chosen.device) != (record.engine, record.device):
            raise PlanError(
                f"{address} runs on {chosen.engine.backend} ({chosen.device}) here, and would be planned on "
                f"{record.engine.backend} ({record.device}): its configuration or the device is another one"
            )
    return write.to_json(found.plan)


def _configuration(pipeline: Any) -> dict[str, Any] | str | Path:
    """Return the configuration or the name of a pipeline; PaddleOCR's write theirs."""
    if isinstance(pipeline, (str, Path)):
        return pipeline
    if isinstance(pipeline, Mapping):
        return dict(pipeline)
    if not hasattr(pipeline, "export_paddlex_config_to_yaml"):
        raise TypeError(
            f"plan() takes what PaddleX's create_pipeline takes, a name, a file or a configuration, or one of "
            f"PaddleOCR's pipelines, and no {type(pipeline).__name__}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        pipeline.export_paddlex_config_to_yaml(str(path))
        found: dict[str, Any] = yaml_data.load(path.read_text(encoding="utf-8"))
    return found


def _device() -> str | None:
    """Return the device of what was chosen, None if nothing was."""
    return next((str(record.device) for record in _CHOSEN.values()), None)


def _folders(node: Any) -> list[Path]:
    """Return the folders of models that a configuration names by absolute paths: a plan names those by their names."""
    found: list[Path] = []
    for value in node.values() if isinstance(node, Mapping) else ():
        found += _folders(value)
    named = node.get("model_dir") if isinstance(node, Mapping) else None
    if isinstance(named, str) and Path(named).is_absolute():
        found.append(Path(named).parent)
    return list(dict.fromkeys(found))
