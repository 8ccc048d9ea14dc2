"""Answers about documents: for each page what was found on it, and pictures of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hpi_runtime.results.result import Result

from hpi_serve import pictures
from hpi_serve.contract import Contract

# What an answer does not have of a record: where it came from, and what stands in headers.
_LEFT_OUT = frozenset({"input_path", "page_index"})
_TOP_LEFT_OUT = frozenset({"plan", "fallback"})
_MARKDOWN, _OUTPUT_IMAGE = "markdown", "outputImage"
# The drawing of a page that was turned and flattened.
_PREPROCESSED = "preprocessed_img"


class Asked(NamedTuple):
    """What a request asks for beside the result.

    Attributes:
        visualize: pictures of it.
        largest: height and width of those at most; None leaves them as they are.
        markdown_images: the pictures of Markdown.
    """

    visualize: bool
    largest: tuple[int, int] | None
    markdown_images: bool = True


def answer(contract: Contract, results: Sequence[Result], is_pdf: bool, asked: Asked) -> dict[str, Any]:
    """Return the ``result`` of an answer.

    Args:
        contract: of the pipeline.
        results: of every page, none of them failed.
        is_pdf: they are of a PDF.
        asked: what the request asks for.
    """
    return {contract.gives: [_page(contract, item, asked) for item in results], "dataInfo": _info(results, is_pdf)}


def _page(contract: Contract, result: Result, asked: Asked) -> dict[str, Any]:
    record = {key: value for key, value in result.items() if key not in _TOP_LEFT_OUT}
    page: dict[str, Any] = {"prunedResult": _pruned(record)}
    if contract.page == _MARKDOWN:
        # The Markdown is a field of the page, and not of its result.
        page["prunedResult"].pop("markdown", None)
        page["markdown"] = _markdown(result, asked)
    if contract.page == _OUTPUT_IMAGE and result.image is not None:
        page["outputImage"] = pictures.of_page(result.image, asked.largest, ".png")
    if asked.visualize:
        page |= _drawings(contract, result, asked)
    return page


def _drawings(contract: Contract, result: Result, asked: Asked) -> dict[str, Any]:
    made = {name: pictures.of_page(drawing, asked.largest) for name, drawing in result.img.items()}
    found: dict[str, Any] = {}
    if not contract.picture:
        found["outputImages"] = made
    elif made:
        found[contract.picture] = made[result.drawing]
        if _PREPROCESSED in made and result.drawing != _PREPROCESSED:
            found["docPreprocessingImage"] = made[_PREPROCESSED]
    if result.input_image is not None:
        found["inputImage"] = pictures.of_page(result.input_image, asked.largest)
    return found


def _markdown(result: Result, asked: Asked) -> dict[str, Any]:
    found = result.markdown
    starts, ends = found["page_continuation_flags"]
    page = {"text": found["markdown_texts"], "isStart": starts, "isEnd": ends}
    if asked.markdown_images:
        images = found["markdown_images"]
        page["images"] = {path: pictures.of_page(picture, asked.largest) for path, picture in images.items()}
    return page


def _info(results: Sequence[Result], is_pdf: bool) -> dict[str, Any]:
    sizes = [
        {"width": item.input_image.shape[1], "height": item.input_image.shape[0]}
        for item in results
        if item.input_image is not None
    ]
    if not is_pdf and len(sizes) == 1:
        return {**sizes[0], "type": "image"}
    return {"numPages": len(sizes), "pages": sizes, "type": "pdf" if is_pdf else "tiff"}


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _pruned(item) for key, item in value.items() if key not in _LEFT_OUT}
    return [_pruned(item) for item in value] if isinstance(value, list) else value
