"""Importing PaddleX: a tested version, told to reach for nothing on the network, with everything that we lean on."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
from collections.abc import Iterable
from types import ModuleType

from hpi_runtime.errors import PreflightError
from hpi_runtime.progress import LOG
from hpi_runtime.results import fonts
from hpi_schemas import hosts, probe

# Of pipelines with a language model: what reads, and what asks.
_READING = {"inintial_visual_predictor": ("config",), "visual_predict": ("input",)}
_CHAT = {"chat": ("key_list", "visual_info")}
_TRANSLATION = {"translate": ("ori_md_info_list", "target_language")}
# Where PaddleX has what our engine stands on, and the parameters that we pass or are passed.
_SEAM: dict[tuple[str, str], tuple[str, ...]] = {
    ("paddlex", "create_pipeline"): ("config", "device"),
    ("paddlex", "create_predictor"): ("model_name", "model_dir", "device", "engine", "engine_config", "batch_size"),
    ("paddlex.inference.models.bindings", "get_binding"): ("model_name", "engine"),
    ("paddlex.inference.models.bindings.registry", "try_get_supported_engines"): ("model_name",),
    ("paddlex.inference.models.bindings.registry", "register_predictor_binding_map"): ("predictor_cls", "bindings"),
    ("paddlex.inference.models.engines", "RunnerEngine"): (),
    ("paddlex.inference.models.engines", "RunnerEngine.build_runner"): (
        *("model_name", "model_dir", "model_config", "engine_config", "binding"),
    ),
    ("paddlex.inference.models.engines", "RunnerEngine.prepare_config_dict"): ("raw", "model_name", "device"),
    ("paddlex.inference.models.engines", "RunnerEngine.to_predictor_config"): ("engine_config",),
    ("paddlex.inference.models.engines", "RunnerEngine.validate_runner"): ("runner",),
    ("paddlex.inference.models.image_feature", "ImageFeatureRunnerPredictor.process"): ("batch_data",),
    ("paddlex.inference.models.predictors", "RunnerPredictor"): (),
    ("paddlex.inference.models.runners", "InferenceRunner"): (),
    ("paddlex.inference.models.engines.hpi", "HPIEngine.ensure_environment"): (),
    ("paddlex.inference.models.engines.hpi", "HPIEngine.get_default_runner_builder"): (),
    ("paddlex.inference.models.engines.hpi", "HPIEngine.validate_runner"): ("runner",),
    **{
        (f"paddlex.inference.pipelines.{module}", f"{name}.{method}"): parameters
        for module, name, asking in (
            ("pp_chatocr.pipeline_v3", "PP_ChatOCRv3_Pipeline", _CHAT),
            ("pp_chatocr.pipeline_v4", "PP_ChatOCRv4_Pipeline", {**_CHAT, "mllm_pred": ("input", "key_list")}),
            ("pp_doctranslation.pipeline", "PP_DocTranslation_Pipeline", _TRANSLATION),
        )
        for method, parameters in {**_READING, **asking}.items()
    },
}


# Pipelines whose pre- or postprocessing calls Paddle.
_BY_PADDLE = frozenset({"open_vocabulary_detection", "open_vocabulary_segmentation", "video_detection"})


# Credentials that were given in this process: servers repeat what they refuse, and PaddleX what they say.
_SECRETS: set[str] = set()


class _Teller(logging.Handler):
    """Passes on what PaddleX warns of, in the name of whoever runs the plan; it says a line for each model else."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a message on, unless it only repeats what we told PaddleX."""
        if record.levelno >= logging.WARNING and "LOCAL_FONT_FILE_PATH" not in record.getMessage():
            LOG.log(record.levelno, "PaddleX: %s", without_secrets(record.getMessage()))


def hide(secrets: Iterable[str]) -> None:
    """Keep credentials out of every message from now on."""
    _SECRETS.update(filter(None, secrets))


def without_secrets(text: str) -> str:
    """Return a message without the credentials that were given."""
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def check_version(planned: str) -> None:
    """Look whether the version of PaddleX is here that a plan was made for.

    Raises:
        PreflightError: it is not installed, another one, or one that was never tested.
    """
    install = f"pip install 'paddlex=={planned}'"
    here = probe.installed(hosts.PACKAGES[hosts.PADDLEX])
    if planned not in hosts.TESTED[hosts.PADDLEX]:
        known = ", ".join(hosts.TESTED[hosts.PADDLEX])
        raise PreflightError(
            f"the plan is for PaddleX {planned}, which this hpi-run was never tested with; known: {known}"
        )
    if here is None:
        raise PreflightError(f"PaddleX is not installed, and this runs in it: {install}")
    if here != planned:
        raise PreflightError(f"the plan is for PaddleX {planned}; here is {here}: {install}, or plan again")


def check_packages(pipeline: str | None) -> None:
    """Look whether what a pipeline's own code needs is here; PaddleX would say it at the first input.

    Raises:
        PreflightError: it is not.
    """
    if pipeline in _BY_PADDLE and importlib.util.find_spec("paddle") is None:
        install = "pip install paddlepaddle"
        raise PreflightError(f"PaddleX's own code of {pipeline} needs Paddle, whatever runs its models: {install}")


def load(is_quiet: bool = True) -> ModuleType:
    """Import PaddleX.

    Args:
        is_quiet: pass on its warnings alone; else it speaks as it does.

    Raises:
        PreflightError: it cannot be imported, or lacks what our engine stands on.
    """
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    font = fonts.any_font()
    if font is not None:
        # Without it, PaddleX downloads one when it draws.
        os.environ.setdefault("PADDLE_PDX_LOCAL_FONT_FILE_PATH", font)
    logger = logging.getLogger(hosts.PADDLEX)
    if is_quiet and not logger.hasHandlers():
        # Where there is one, PaddleX adds none of its own.
        logger.addHandler(_Teller())
    try:
        paddlex = importlib.import_module("paddlex")
    except Exception as fault:
        raise PreflightError(f"PaddleX cannot be imported: {type(fault).__name__}: {fault}") from fault
    lacking = [text for place, parameters in _SEAM.items() if (text := _lacking(*place, parameters))]
    if lacking:
        raise PreflightError("this PaddleX is not the one that was tested: " + "; ".join(lacking))
    return paddlex


def _lacking(module: str, name: str, parameters: tuple[str, ...]) -> str | None:
    """Return what a place of PaddleX's lacks, None if all is there."""
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        return f"{module} has no {name}"
    known = inspect.signature(found).parameters if parameters and callable(found) else parameters
    missing = [item for item in parameters if item not in known]
    return f"{module}.{name} takes no {', '.join(missing)}" if missing else None
