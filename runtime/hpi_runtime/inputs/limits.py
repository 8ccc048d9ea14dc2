"""What inputs may cost: files, pictures and documents beyond this are mistakes or attacks."""

from __future__ import annotations

from dataclasses import dataclass

from hpi_runtime import argument_checks

# What an argument of that name must be.
LIMITS = "a Limits, such as `Limits(pages=10)`"


@dataclass(frozen=True)
class Limits:
    """Bounds on each input; those of time are totals.

    Attributes:
        bytes: of a file or the body of a URL. A scan of A3 at 1200 dpi has 280 MB uncompressed.
        pixels: of a picture or a page, width × height; Pillow's limit against decompression bombs.
        pages: of a PDF or TIFF.
        document_pixels: of all its pages together; who lets go of each page needs no bound, who keeps them does.
        page_seconds: that drawing a page of a PDF may take.
        url_seconds: that fetching a URL may take, from the first connection to the last byte.
        private_redirects: a URL may redirect to an address inside a private network.
        private_urls: a URL may lead there at once: whoever names it is in that network. A service says no.

    Raises:
        TypeError: one is no number.
        ValueError: one is none that a limit can be.
    """

    bytes: int = 1 << 30
    pixels: int = 178_956_970
    pages: int = 5000
    document_pixels: int = 1 << 40
    page_seconds: float = 30.0
    url_seconds: float = 300.0
    private_redirects: bool = False
    private_urls: bool = True

    def __post_init__(self) -> None:
        for name in ("bytes", "pixels", "pages", "document_pixels"):
            argument_checks.whole(name, getattr(self, name), 1)
        for name in ("page_seconds", "url_seconds"):
            argument_checks.number(name, getattr(self, name), 0)
        for name in ("private_redirects", "private_urls"):
            argument_checks.instance(name, getattr(self, name), bool, "true or false")


DEFAULT = Limits()
