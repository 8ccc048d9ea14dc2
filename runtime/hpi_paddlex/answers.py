"""How a pipeline of PaddleX's answers: most by ``predict``; those with a language model first read, then ask it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hpi_runtime.errors import PlanError
from hpi_schemas.feature_index import FILES, INDEX
from hpi_schemas.plan.model import External

if TYPE_CHECKING:
    import PIL.Image

_CHAT, _PICTURE_CHAT = "SubModules.LLM_Chat", "SubModules.MLLM_Chat"
_READ = "layout_parsing_result"
# Pipelines that look features up.
_INDEXED = frozenset({"PP-ShiTuV2", "face_recognition"})
# Arguments that come from what was read, or would bring other services than the plan's.
_OWN = frozenset({"input", "visual_info", "ori_md_info_list", "mllm_predict_info", "vector_info"})


@dataclass(frozen=True)
class Answer:
    """A result of PaddleX's.

    Attributes:
        own: it, as PaddleX gives it.
        also: what its record says beside that.
        pictures: that PaddleX looks for in the folder where it writes the result, by their path below it.
    """

    own: Any
    also: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, PIL.Image.Image] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asking:
    """What a pipeline does with what it read, when somebody wants to know something.

    Attributes:
        method: of PaddleX's pipeline.
        argument: without it, a run only reads.
        run: yields the answers of an input; takes the pipeline, what it read, the input, and the arguments.
        services: what is asked, by address, and the pipeline's setting that switches it off.
        takes_list: the argument may be a list of texts.
    """

    method: str
    argument: str
    run: Callable[[Any, list[Any], Any, Mapping[str, Any]], Iterator[Answer]]
    services: Mapping[str, str | None]
    takes_list: bool = True


def answers(own: Any, name: str, item: Any, settings: Mapping[str, Any]) -> Iterator[Answer]:
    """Let a pipeline of PaddleX's run an input.

    Args:
        own: the pipeline.
        name: of it, such as ``PP-ChatOCRv4-doc``.
        item: the input.
        settings: arguments of its ``predict``, or of what reads and what asks.
    """
    asking = _ASKING.get(name)
    if asking is None:
        yield from map(Answer, own.predict(item, **settings))
        return
    asked = {key: value for key, value in settings.items() if key in _arguments(own, asking.method)}
    read = list(own.visual_predict(item, **{key: value for key, value in settings.items() if key not in asked}))
    if asking.argument in asked:
        yield from asking.run(own, read, item, asked)
    else:
        yield from (Answer(page[_READ]) for page in read)


def asks(name: str) -> bool:
    """Tell whether a pipeline asks a language model about what it read, where somebody wants to know something."""
    return name in _ASKING


def check_arguments(own: Any, name: str, settings: Mapping[str, Any]) -> None:
    """Look whether a pipeline that asks has these arguments: it swallows what it does not know.

    Raises:
        PlanError: it has not.
    """
    if name not in _ASKING:
        return
    known = {*_arguments(own, "visual_predict"), *_arguments(own, _ASKING[name].method)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise PlanError(f"{name} has no argument {unknown[0]}; it has: {', '.join(sorted(known))}")


def check_settings(
    pipeline: Mapping[str, Any],
    settings: Mapping[str, Any],
    given: Collection[str],
    external: Mapping[str, External] = MappingProxyType({}),
) -> None:
    """Look whether a pipeline can answer: what it asks needs a key, and what it looks up an index.

    Args:
        pipeline: the configuration in the plan's host.
        settings: arguments of ``predict``.
        given: the dotted paths of the keys that are there.
        external: what the plan has beside its modules: an index among it is known.

    Raises:
        PlanError: something is missing, or of a wrong kind.
    """
    name = str(pipeline.get("pipeline_name"))
    has_index = any(item.kind == INDEX for item in external.values())
    if name in _INDEXED and not (has_index and settings.get("index") is None):
        _check_index(settings.get("index"))
    asking = _ASKING.get(name)
    if asking is None or asking.argument not in settings:
        return
    wanted = settings[asking.argument]
    texts = wanted if isinstance(wanted, list) and asking.takes_list else [wanted]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise PlanError(
            f"{asking.argument} is a text{' or a list of texts' if asking.takes_list else ''}, not {wanted!r}"
        )
    for address, switch in asking.services.items():
        path = f"{address}.api_key"
        if (switch is None or pipeline.get(switch, True)) and path not in given:
            off = "" if switch is None else f", or plan with `{switch}: false`"
            raise PlanError(f"{asking.argument} asks {address}, whose key comes with --secret {path}=env:NAME{off}")


def _check_index(index: Any) -> None:
    if isinstance(index, str):
        missing = [name for name in FILES if not (Path(index) / name).is_file()]
        if missing:
            raise PlanError(f"{index} is no index: it has no {missing[0]}; `hpi-index build` makes one")
    elif index is None or isinstance(index, (int, float, list, dict)):
        raise PlanError('what is found is looked up in an index: name its folder, --predict \'{"index": "folder"}\'')


def _arguments(own: Any, method: str) -> list[str]:
    """Return the arguments of a method that a run may give."""
    found = inspect.signature(getattr(own, method)).parameters.values()
    named = [item.name for item in found if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)]
    return [name for name in named if name not in _OWN and not name.endswith("_config")]


def _chat(own: Any, read: list[Any], item: Any, asked: Mapping[str, Any]) -> Iterator[Answer]:
    found = own.chat(visual_info=[page["visual_info"] for page in read], **asked)
    if not found.get("chat_res"):
        # It only warns of what a server says.
        raise ValueError("the language model gave no answer; what was warned of before may say why")
    for page in read:
        yield Answer(page[_READ], {"visual_info": page["visual_info"], **found})


def _chat_with_picture(own: Any, read: list[Any], item: Any, asked: Mapping[str, Any]) -> Iterator[Answer]:
    # It takes no documents.
    is_document = isinstance(item, str) and item.lower().endswith(".pdf")
    told = {} if is_document or not own.use_mllm_predict else own.mllm_pred(item, asked["key_list"])
    yield from _chat(own, read, item, {"mllm_predict_info": told.get("mllm_res"), **asked})


def _translate(own: Any, read: list[Any], item: Any, asked: Mapping[str, Any]) -> Iterator[Answer]:
    pages = [page[_READ] for page in read]
    yield from map(Answer, pages)
    texts = [page.markdown for page in pages]
    # Its documents show those of the pages.
    pictures = {name: picture for text in texts for name, picture in text["markdown_images"].items()}
    for result in own.translate(texts, **asked):
        yield Answer(result, pictures=pictures)


_ASKING = {
    "PP-ChatOCRv3-doc": _Asking("chat", "key_list", _chat, {_CHAT: None}),
    "PP-ChatOCRv4-doc": _Asking(
        "chat", "key_list", _chat_with_picture, {_CHAT: None, _PICTURE_CHAT: "use_mllm_predict"}
    ),
    "PP-DocTranslation": _Asking("translate", "target_language", _translate, {_CHAT: None}, takes_list=False),
}
