"""Pictures of a result: of the whole, and of the stages before it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image

    from hpi_runtime.results.result import Result


def whole(result: Result) -> PIL.Image.Image | None:
    """Return the picture of all of it, None after a failure."""
    if result.series is not None:
        from hpi_runtime.results.plot import plot

        return plot(result, result.fields, result.series)
    if result.image is None:
        return None
    from hpi_runtime.results.canvas import draw

    return draw(result, result.fields, result.pictures, result.image)


def parts(result: Result) -> dict[str, PIL.Image.Image]:
    """Return the pictures of stages, by PaddleX's names of them."""
    if result.image is None:
        return {}
    from hpi_runtime.results.canvas import draw_part

    there = ((name, field) for name, field in result.fields.items() if field.drawing and result.get(name) is not None)
    return {field.drawing: draw_part(result, name, field, result.image) for name, field in there}


def encoded(drawn: PIL.Image.Image, form: str, **options: Any) -> bytes:
    """Return a picture as the bytes of a file.

    Args:
        drawn: the picture.
        form: of the file, as Pillow names it.
        options: of that form.

    Raises:
        OSError, ValueError: the form cannot hold it.
    """
    stream = BytesIO()
    drawn.save(stream, form, **options)
    return stream.getvalue()
