"""Asks the real PaddleX what it makes of a YAML, a module file or a choice of backend.

Run by ``conftest.py`` in PaddleX's own virtual environment: one JSON question per line on stdin,
one JSON answer per line on stdout. Model creation is intercepted, so that no model, no Paddle
and no network is needed; everything up to there is PaddleX's own code.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

# Imports the clients of three model hubs, and downloads models when used.
_DOWNLOADER = "paddlex.inference.utils.official_models"
_ARGUMENTS = (
    "model_name",
    "model_dir",
    "device",
    "use_hpip",
    "hpi_config",
    "batch_size",
    "engine",
    "engine_config",
)


class Accepted(Exception):
    """PaddleX accepted what a module asks for, and would now look at files."""


def import_paddlex(cache: str) -> None:
    """Import PaddleX without its downloader, and switch its checks for optional packages off."""
    os.environ["PADDLE_PDX_CACHE_HOME"] = cache
    downloader: Any = ModuleType(_DOWNLOADER)
    downloader.official_models = None
    sys.modules[_DOWNLOADER] = downloader
    deps: Any = import_module("paddlex.utils.deps")
    deps.require_extra = deps.require_deps = lambda *_args, **_kwargs: None
    logging.getLogger("paddlex").setLevel(logging.CRITICAL)


def described(fault: Exception) -> str:
    """Write an exception as ``Type: first line``."""
    first = (str(fault).splitlines() or [""])[0]
    return f"{type(fault).__name__}: {first}".strip()


class Pipelines:
    """Creates pipelines and records the models that they ask for."""

    def __init__(self) -> None:
        self._models: Any = import_module("paddlex.inference.models")
        self._pipelines: Any = import_module("paddlex.inference.pipelines")
        self._base: Any = import_module("paddlex.inference.pipelines.base").BasePipeline
        self._create_predictor = self._models.create_predictor
        self._normalize = self._models.normalize_engine_config
        self._places: dict[int, str] = {}
        self._config: Any = None
        self._lazy = False
        self._found: list[dict[str, Any]] = []
        self._created: list[Any] = []
        self._patch()

    def ask(self, yaml: str, overrides: dict[str, Any]) -> dict[str, Any]:
        """Return the models that PaddleX creates, and the error that it stops with."""
        self._places, self._found, self._created, self._lazy = {}, [], [], False
        error = lazy_error = None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pipeline.yaml")
            path.write_text(yaml, encoding="utf-8")
            try:
                self._pipelines.create_pipeline(str(path), **overrides)
            except Exception as fault:
                error = described(fault)
        if error is None:
            try:
                self._create_late()
            except Exception as fault:
                lazy_error = described(fault)
        return {"models": self._found, "error": error, "lazy_error": lazy_error}

    def _patch(self) -> None:
        base, models, pipelines = self._base, self._models, self._pipelines
        load, initialize, create = pipelines.load_pipeline_config, base.__init__, base.create_model

        def loaded(path: str) -> Any:
            config = load(path)
            self._note(config, "")
            return config

        def initialized(pipeline: Any, **kwargs: Any) -> None:
            initialize(pipeline, **kwargs)
            self._created.append(pipeline)

        def creating(pipeline: Any, config: Any, **kwargs: Any) -> Any:
            self._config = config
            return create(pipeline, config, **kwargs)

        pipelines.load_pipeline_config = loaded
        base.__init__, base.create_model = initialized, creating
        models.create_predictor = self._record
        # Services somewhere else, no models.
        pipelines.create_chat_bot = pipelines.create_retriever = lambda *_args, **_kwargs: None
        # The real create_predictor runs up to where it needs files.
        models.resolve_model_name = lambda *, model_name, model_dir: (model_name, None, {})
        models._resolve_model_dir = _accept
        models._resolve_local_model_dir = lambda **_kwargs: None
        models.normalize_engine_config = self._normalize_and_accept
        # OpenCV is imported only where its contrib package is installed.
        reader: Any = import_module("paddlex.inference.common.reader.image_reader")
        reader.cv2 = SimpleNamespace(IMREAD_COLOR=1, IMREAD_GRAYSCALE=0)
        hpi: Any = import_module("paddlex.inference.models.engines.hpi")
        hpi.get_default_device = lambda: "cpu"

    def _note(self, config: Any, address: str) -> None:
        # PaddleX copies every mapping on loading, so that each has an identity of its own.
        self._places[id(config)] = address
        for key, value in config.items():
            if isinstance(value, dict):
                self._note(value, f"{address}.{key}" if address else str(key))

    def _record(self, **arguments: Any) -> Any:
        record = {name: arguments[name] for name in _ARGUMENTS}
        record["path"] = self._places.get(id(self._config))
        record["lazy"] = self._lazy
        record["refused"] = self._refusal(arguments)
        self._found.append(record)
        # Some constructors read these of a model.
        return SimpleNamespace(batch_sampler=SimpleNamespace(batch_size=1), input_size=None)

    def _refusal(self, arguments: dict[str, Any]) -> str | None:
        try:
            self._create_predictor(**arguments)
        except Accepted:
            return None
        except Exception as fault:
            return described(fault)
        raise AssertionError("PaddleX loaded a model")

    def _normalize_and_accept(self, *args: Any, **kwargs: Any) -> None:
        self._normalize(*args, **kwargs)
        raise Accepted

    def _create_late(self) -> None:
        """Create what PaddleX creates at a prediction; the list grows on the way."""
        package = "paddlex.inference.pipelines"
        first: Any = import_module(f"{package}.table_recognition.pipeline")._TableRecognitionPipeline
        second: Any = import_module(f"{package}.table_recognition.pipeline_v2")._TableRecognitionPipelineV2
        translation: Any = import_module(f"{package}.pp_doctranslation").PP_DocTranslation_Pipeline
        self._lazy = True
        for pipeline in self._created:
            if isinstance(pipeline, translation):
                pipeline.inintial_visual_predictor(pipeline.config)
            if isinstance(pipeline, second) and pipeline.table_orientation_classify_config is not None:
                pipeline.create_model(pipeline.table_orientation_classify_config)
            late = isinstance(pipeline, (first, second)) and not pipeline.use_ocr_model
            if late and pipeline.general_ocr_config_bak is not None:
                pipeline.create_pipeline(pipeline.general_ocr_config_bak)


def _accept(*_args: Any, **_kwargs: Any) -> None:
    raise Accepted


class Modules:
    """Reads module files with ``-o`` options."""

    def __init__(self) -> None:
        self._model: Any = import_module("paddlex.model")
        self._get_config = import_module("paddlex.utils.config").get_config
        options: Any = import_module("paddlex.inference.models.runners.paddle_static.config.pp_option")
        options.is_mkldnn_available = lambda: True

    def ask(self, yaml: str, options: list[str]) -> dict[str, Any]:
        """Return the arguments with which PaddleX would create the model, or the error."""
        found: dict[str, Any] = {}

        def record(model_name: str, **arguments: Any) -> None:
            found.update(model_name=model_name, **arguments)

        self._model.create_predictor = record
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "module.yaml")
            path.write_text(yaml, encoding="utf-8")
            try:
                self._model._ModelBasedConfig(self._get_config(str(path), overrides=options))._build_predictor()
            except Exception as fault:
                return {"error": described(fault), "arguments": None}
        option = found.pop("pp_option", None)
        return {"error": None, "arguments": {**found, "run_mode": option and option._cfg.get("run_mode")}}


class Selection:
    """Chooses backends on described machines."""

    def __init__(self) -> None:
        self._backend: Any = import_module("paddlex.inference.models.runners.hpi.backend")
        self._runner: Any = import_module("paddlex.inference.models.runners.hpi.runner")
        self._config: Any = import_module("paddlex.inference.models.runners.hpi.config").HPIConfig
        # Cached, and read through `importlib`, which a described machine replaces.
        self._backend._get_hpi_model_info_collection()

    def ask(self, hpi_config: dict[str, Any], formats: list[str], env: dict[str, Any]) -> dict[str, Any]:
        """Return the backend and its configuration, or the error."""
        self._describe(env)
        self._runner.get_model_paths = lambda _folder, _prefix: dict.fromkeys(formats, "")
        # Only decides on a warning.
        self._runner.get_default_run_mode = lambda _model, _device: None
        try:
            config = self._config.model_validate(hpi_config)
            asked = SimpleNamespace(_config=config, _model_dir=None, _model_file_prefix=None)
            backend, options = self._runner.HPIRunner._determine_backend_and_config(asked)
        except Exception as fault:
            return {"error": described(fault)}
        return {"error": None, "backend": backend, "config": options}

    def _describe(self, env: dict[str, Any]) -> None:
        built: Any = SimpleNamespace(**{f"is_built_with_{name}": _constant(on) for name, on in env["built"].items()})
        sys.modules["ultra_infer"] = built
        backend = self._backend
        backend.is_paddle2onnx_plugin_available = _constant(env["paddle2onnx"])
        backend.get_paddle_version = _constant(tuple(env["paddle"]))
        backend.get_paddle_cuda_version = _constant(tuple(env["cuda"]) if env["cuda"] else None)
        backend.is_mkldnn_available = _constant(env["mkldnn"])
        backend.USE_PIR_TRT = True
        backend.platform = SimpleNamespace(uname=_constant(SimpleNamespace(machine=env["machine"])))
        backend.importlib = SimpleNamespace(util=SimpleNamespace(find_spec=lambda _name: env["tensorrt"]))
        backend.ctypes = SimpleNamespace(util=SimpleNamespace(find_library=lambda _name: env["tensorrt"]))


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def main() -> None:
    """Answer every question."""
    with tempfile.TemporaryDirectory() as cache:
        import_paddlex(cache)
        askers: dict[str, Any] = {}
        kinds = {"pipeline": Pipelines, "module": Modules, "selection": Selection}
        for line in sys.stdin:
            question = json.loads(line)
            kind = question.pop("kind")
            askers[kind] = askers.get(kind) or kinds[kind]()
            print(json.dumps(askers[kind].ask(**question)), flush=True)


if __name__ == "__main__":
    main()
