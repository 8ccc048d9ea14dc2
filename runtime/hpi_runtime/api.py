"""The Python façade, as in PaddleX. The one place of the runner that knows the planner, inside its functions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from hpi_runtime import argument_checks, loader
from hpi_runtime.errors import PlanError
from hpi_runtime.run.pipeline import Pipeline
from hpi_runtime.run.plan import LocatedPlan, load, locate


def create_pipeline(
    pipeline: str | Path | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    device: str | None = None,
    use_hpip: bool | None = None,
    hpi_config: Mapping[str, Any] | None = None,
    engine: str | None = None,
    engine_config: Mapping[str, Any] | None = None,
    host: str | None = None,
    overrides: Sequence[str] = (),
    models: Sequence[str | Path] = (),
) -> Pipeline:
    """Compile a pipeline for this machine and load it. The arguments are those of ``plan_pipeline``.

    Raises:
        PlanError: it cannot be compiled, or has no stage graph.
        PreflightError, PrepareError, EngineError: it cannot be loaded.
    """
    return loader.pipeline(
        plan_pipeline(
            pipeline,
            config=config,
            device=device,
            use_hpip=use_hpip,
            hpi_config=hpi_config,
            engine=engine,
            engine_config=engine_config,
            host=host,
            overrides=overrides,
            models=models,
        )
    )


def plan_pipeline(
    pipeline: str | Path | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    device: str | None = None,
    use_hpip: bool | None = None,
    hpi_config: Mapping[str, Any] | None = None,
    engine: str | None = None,
    engine_config: Mapping[str, Any] | None = None,
    host: str | None = None,
    overrides: Sequence[str] = (),
    models: Sequence[str | Path] = (),
) -> LocatedPlan:
    """Compile a pipeline for this machine, and load nothing.

    Args:
        pipeline: path of a YAML, or the name of a built-in pipeline such as ``OCR``.
        config: instead of it, the values of a YAML; relative model folders start at the current one.
        device: ``cpu``, ``gpu:0``, …; None takes the first GPU, else the CPU.
        use_hpip: replaces the YAML's top-level ``use_hpip``.
        hpi_config: replaces the YAML's top-level ``hpi_config``; ``{}`` counts.
        engine: replaces the YAML's; ``hpi``, ``paddle_static`` or ``onnxruntime``.
        engine_config: replaces the YAML's.
        host: ``paddlex`` lets PaddleX's own code run the pipeline; by default where hpi-run cannot.
        overrides: ``PATH=VALUE`` texts, as with ``hpi-plan -o``.
        models: folders with official models.

    Raises:
        PlanError: it cannot be compiled; the message is what ``hpi-plan`` prints.
        TypeError: an argument is of none of these types.
    """
    from hpi_planner.syntax import overrides as layers

    if config is not None and not isinstance(config, Mapping):
        kind = type(config).__name__
        raise TypeError(f"`config` holds the values of a YAML, not a {kind}; name a file as `pipeline`")
    argument_checks.texts("overrides", overrides, "a list of `PATH=VALUE` texts")
    argument_checks.instance("host", host, (str, type(None)), "a text")
    flags = {**_flags(device, use_hpip, hpi_config, engine, engine_config), "host": host}
    laid = layers.collect(flags, overrides)
    if config is not None:
        # As in PaddleX, it counts before a name.
        return _compiled(_json(config) or "", laid, models, Path())
    if pipeline is None:
        raise PlanError("name a pipeline, or give a config")
    argument_checks.instance("pipeline", pipeline, (str, PathLike), "the path of a YAML, or a name such as OCR")
    return _compiled(str(pipeline), laid, models)


def create_model(
    model_name: str,
    model_dir: str | Path | None = None,
    *,
    device: str | None = None,
    use_hpip: bool = False,
    hpi_config: Mapping[str, Any] | None = None,
    engine: str | None = None,
    engine_config: Mapping[str, Any] | None = None,
    batch_size: int = 1,
    module_name: str | None = None,
    models: Sequence[str | Path] = (),
    **settings: Any,
) -> Pipeline:
    """Compile one model for this machine and load it. The arguments are those of ``plan_model``.

    Raises:
        PlanError: the model is unknown or cannot be planned.
        PreflightError, PrepareError, EngineError: it cannot be loaded.
    """
    return loader.pipeline(
        plan_model(
            model_name,
            model_dir,
            device=device,
            use_hpip=use_hpip,
            hpi_config=hpi_config,
            engine=engine,
            engine_config=engine_config,
            batch_size=batch_size,
            module_name=module_name,
            models=models,
            **settings,
        )
    )


def plan_model(
    model_name: str,
    model_dir: str | Path | None = None,
    *,
    device: str | None = None,
    use_hpip: bool = False,
    hpi_config: Mapping[str, Any] | None = None,
    engine: str | None = None,
    engine_config: Mapping[str, Any] | None = None,
    batch_size: int = 1,
    module_name: str | None = None,
    models: Sequence[str | Path] = (),
    **settings: Any,
) -> LocatedPlan:
    """Compile one model for this machine, and load nothing.

    Args:
        model_name: the PaddleX model.
        model_dir: its folder; None looks the official model up.
        device: ``cpu``, ``gpu:0``, …; None takes the first GPU, else the CPU.
        use_hpip: whether high-performance inference is on.
        hpi_config: as in a YAML.
        engine: as in a YAML.
        engine_config: as in a YAML.
        batch_size: pictures per batch.
        module_name: the task of a model that PaddleX does not know.
        models: folders with official models.
        settings: of its task, such as ``threshold`` or ``topk``, as in PaddleX; None leaves one to the model.

    Raises:
        PlanError: the model is unknown or cannot be planned.
        TypeError: an argument is of none of these types, or the task has no such setting.
    """
    argument_checks.instance("model_name", model_name, str, "the name of a model")
    argument_checks.instance("model_dir", model_dir, (str, PathLike, type(None)), "a path")
    folder = None if model_dir is None else Path(model_dir).absolute()
    predict: dict[str, Any] = {"batch_size": batch_size, **_settings(module_name, model_name, settings)}
    if folder is not None:
        predict["model_dir"] = folder.name
    given = _flags(device, use_hpip, hpi_config, engine, engine_config)
    predict.update({key: value for key, value in given.items() if value is not None and key != "device"})
    top: dict[str, Any] = {"model": model_name}
    if module_name is not None:
        top["module"] = module_name
    # JSON is YAML; the folder of the model stands in for the folder of a file.
    text = _json({"Global": top, "Predict": predict})
    from hpi_planner.syntax import overrides as layers

    laid = layers.collect({"device": device})
    return _compiled(text or "", laid, models, folder.parent if folder is not None else Path())


def _settings(module_name: str | None, model_name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a task, as far as somebody says something."""
    if not given:
        return {}
    from hpi_planner import knowledge
    from hpi_planner.paddlex import definitions

    known = definitions.settings_of(module_name or knowledge.module_of(model_name) or "")
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise TypeError(
                f"create_model() takes no argument {name!r} here; the settings of {model_name} are: {listed}"
            )
    return {name: value for name, value in given.items() if value is not None}


def load_plan(path: str | Path, *, root: str | Path | None = None, models: Sequence[str | Path] = ()) -> Pipeline:
    """Load a committed plan. The arguments are those of ``read_plan``.

    Raises:
        PlanError, PreflightError, PrepareError, EngineError: it cannot be loaded.
    """
    return loader.pipeline(read_plan(path, root=root, models=models))


def read_plan(path: str | Path, *, root: str | Path | None = None, models: Sequence[str | Path] = ()) -> LocatedPlan:
    """Read a committed plan, and load nothing.

    Args:
        path: the plan.json.
        root: where relative model folders start; by default beside the plan's YAML.
        models: folders with official models.

    Raises:
        PlanError: it is not there, or no plan that this version executes.
        TypeError: an argument is of none of these types.
    """
    argument_checks.instance("path", path, (str, PathLike), "the path of a plan")
    argument_checks.instance("root", root, (str, PathLike, type(None)), "a path")
    argument_checks.texts("models", models, "a list of folders")
    return load(Path(path), None if root is None else Path(root), [Path(item) for item in models])


def _flags(
    device: Any, use_hpip: Any, hpi_config: Any, engine: Any, engine_config: Any
) -> dict[str, str | bool | Mapping[str, Any] | None]:
    """Return the arguments that commands have as flags, None where they are not given.

    Raises:
        TypeError: one is of another type than the key in a YAML.
        PlanError: one holds what cannot stand in a YAML.
    """
    for name, value in (("device", device), ("engine", engine)):
        argument_checks.instance(name, value, (str, type(None)), "a text")
    argument_checks.instance("use_hpip", use_hpip, (bool, type(None)), "True, False or None")
    for name, value in (("hpi_config", hpi_config), ("engine_config", engine_config)):
        argument_checks.instance(name, value, (Mapping, type(None)), "a mapping")
        _json(value)
    return {
        "device": device,
        "use_hpip": use_hpip,
        "hpi_config": hpi_config,
        "engine": engine,
        "engine_config": engine_config,
    }


def _json(value: object) -> str | None:
    try:
        return None if value is None else json.dumps(value)
    except (TypeError, ValueError) as fault:
        raise PlanError(f"{value!r} cannot stand in a YAML: {fault}") from None


def _compiled(pipeline: str, overrides: Any, models: Sequence[str | Path], folder: Path | None = None) -> LocatedPlan:
    """Compile a pipeline: a file or a name, or with a ``folder`` the text of a YAML that lies there."""
    argument_checks.texts("models", models, "a list of folders")
    from hpi_planner import request
    from hpi_planner.compile import compile
    from hpi_planner.diagnostics import render
    from hpi_planner.diagnostics.model import Severity

    names = [str(item) for item in models]
    try:
        if folder is None:
            made = request.make(pipeline, overrides, models=names)
            root = Path(pipeline).parent if made.source.file is not None else Path()
        else:
            made, root = request.from_text(pipeline, folder, overrides, names), folder
    except request.RequestError as fault:
        raise PlanError(str(fault)) from None
    ir = compile(made)
    if ir.plan is None or ir.text is None:
        raise PlanError(render.render(ir.diagnostics, ir.texts).rstrip())
    found = [item for item in ir.diagnostics if item.severity is Severity.WARNING]
    if found:
        # What hpi-plan prints must not be lost on the way through Python.
        warnings.warn(render.render(found, ir.texts).rstrip(), stacklevel=4)
    return locate(ir.plan, ir.text.encode(), root, [Path(item) for item in names])
