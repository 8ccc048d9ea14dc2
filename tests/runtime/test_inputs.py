"""Pictures, PDFs, folders, globs and URLs."""

from __future__ import annotations

import http.server
import io
import os
import re
import signal
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.inputs import fetch
from hpi_runtime.inputs.images import decode
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.inputs.named import expand, listed
from hpi_runtime.inputs.pdf import Documents
from hpi_runtime.inputs.reading import Input, read
from PIL import Image


def colours() -> np.ndarray:
    """A picture whose four quarters are red, green, blue and white, in RGB."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:20, :30], picture[:20, 30:], picture[20:, :30], picture[20:, 30:] = (
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    )  # fmt: skip
    return picture


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def close(picture: np.ndarray, tolerance: int = 12) -> bool:
    """Whether a decoded BGR picture shows the four colours."""
    if picture.shape != (40, 60, 3):
        return False
    difference = np.abs(picture[..., ::-1].astype(int) - colours())[[8, 8, 30, 30], [10, 50, 10, 50]]
    return bool(difference.max() <= tolerance)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "PPM"])
def test_usual_pictures_are_bgr(kind: str) -> None:
    assert close(decode(encoded(Image.fromarray(colours()), kind), "x"), 40)


def test_alpha_is_dropped_as_paddlex_drops_it() -> None:
    with_alpha = np.dstack([colours(), np.full((40, 60), 7, np.uint8)])
    assert close(decode(encoded(Image.fromarray(with_alpha), "PNG"), "x"))


def test_grey_pictures_get_three_equal_channels() -> None:
    grey = decode(encoded(Image.fromarray(colours()).convert("L"), "PNG"), "x")
    assert grey.shape == (40, 60, 3)
    assert (grey[..., 0] == grey[..., 2]).all()


def test_sixteen_bits_are_scaled_to_eight() -> None:
    deep = (colours()[..., ::-1].astype(np.uint16) << 8) | 0xFF
    done, data = cv2.imencode(".png", deep)
    assert done
    assert close(decode(data.tobytes(), "x"))


def test_cmyk_is_converted() -> None:
    assert close(decode(encoded(Image.fromarray(colours()).convert("CMYK"), "JPEG", quality=95), "x"), 60)


def test_palettes_are_resolved() -> None:
    assert close(decode(encoded(Image.fromarray(colours()).convert("P"), "PNG"), "x"), 40)


@pytest.mark.parametrize(("tag", "quarters"), [(3, 2), (6, 1), (8, 3)])
def test_exif_turns_are_undone(tag: int, quarters: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(colours(), quarters)))
    exif = Image.Exif()
    exif[0x0112] = tag
    assert close(decode(encoded(stored, "JPEG", quality=95, exif=exif, subsampling=0), "x"), 60)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_cut_off_pictures_are_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(InputError) as found:
        decode(data[: int(len(data) * share)], "x")
    assert found.value.code in ("IMAGE_TRUNCATED", "IMAGE_UNREADABLE")


def test_a_jpeg_with_a_thumbnail_is_not_taken_for_a_cut_one() -> None:
    exif = Image.Exif()
    exif[0x010E] = "description"
    data = encoded(Image.fromarray(colours()), "JPEG", exif=exif, progressive=True, quality=95)
    assert close(decode(data + b"\x00" * 100, "x"), 60)


@pytest.mark.parametrize("data", [b"", b"hello, I am a text", b"\x89PNG\r\n\x1a\nIEND", b"\xff\xd8\xff\xda\xff\xd9"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"is not a picture|cannot be decoded"):
        decode(data, "x.jpg")


def test_every_page_of_a_tiff_is_an_input(tmp_path: Path) -> None:
    first = Image.fromarray(colours())
    first.save(tmp_path / "two.tiff", save_all=True, append_images=[first.convert("L")])
    found = list(read([str(tmp_path / "two.tiff")]))
    assert [item.page for item in found] == [0, 1]
    assert found[0].values
    assert close(found[0].values["image"])


def test_sixteen_bit_tiffs_are_scaled_and_not_white(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.tif"), colours()[..., ::-1].astype(np.uint16) * 257)
    (item,) = read([str(tmp_path / "deep.tif")])
    assert item.values
    assert close(item.values["image"])


def test_pages_of_a_pdf_are_rendered_at_144_dpi(tmp_path: Path) -> None:
    page = Image.fromarray(colours()).resize((600, 400), Image.Resampling.NEAREST)
    page.save(tmp_path / "two.pdf", save_all=True, append_images=[page], resolution=72)
    found = list(read([str(tmp_path / "two.pdf")]))
    assert [item.page for item in found] == [0, 1]
    for item in found:
        assert item.values
        assert item.values["image"].shape == (800, 1200, 3)
        assert item.values["image"][100, 100].tolist()[::-1] == pytest.approx([255, 0, 0], abs=20)


def test_a_broken_pdf_is_an_error_record(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (item,) = read([str(tmp_path / "broken.pdf")])
    assert item.error is not None
    assert item.error.code == "PDF_UNREADABLE"


def test_folders_and_globs_are_sorted_and_deep(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "sub/c.webp", "sub/notes.txt", "d.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [Path(path).name for path in expand([str(tmp_path)]).names]
    assert names == ["a.JPG", "b.png", "d.pdf", "c.webp"]
    assert [Path(path).name for path in expand([str(tmp_path / "**/*.webp")]).names] == ["c.webp"]
    both = expand([str(tmp_path / "b.png"), str(tmp_path / "sub")])
    assert [Path(path).name for path in both.names] == ["b.png", "c.webp"]
    assert both.notes == [f"{tmp_path}/sub: 1 file passed over: no pictures or PDFs by their names, or drawn here"]


@pytest.mark.parametrize("name", ["nowhere.png", "*.png", "empty"])
def test_an_argument_that_names_nothing_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlanError, match="--input"):
        expand([str(tmp_path / name)])


# -- pages ---------------------------------------------------------------------------------------


def document(*pages: tuple[int, int, bytes], start: bytes = b"%PDF-1.7\n") -> bytes:
    """Return a PDF whose pages have a width, a height and a content stream."""
    count = len(pages)
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(count))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode()]
    for number, (width, height, content) in enumerate(pages):
        head = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {4 + 2 * number} 0 R >>"
        objects += [head.encode(), b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)]
    data, places = bytearray(start), []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(data)


BLACK = b"0 g 0 0 1000 1000 re f"
# A path of so many curves takes minutes to fill.
ENDLESS = b"0 g 0 0 m " + b"1 400 399 1 200 399 c 400 1 1 399 399 200 c " * 120_000 + b"f*"


def told(items: list[Input]) -> list[tuple[int | None, str | None]]:
    return [(item.page, item.error.code if item.error is not None else None) for item in items]


@pytest.mark.fault("pages and pictures that are broken, huge or endless")
def test_every_page_of_a_pdf_is_an_input_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "d.pdf").write_bytes(document((100, 100, BLACK), (30_000, 30_000, BLACK), (200, 100, BLACK)))
    found = list(read([str(tmp_path / "d.pdf")]))
    assert told(found) == [(0, None), (1, "INPUT_TOO_LARGE"), (2, None)]
    assert [item.values["image"].shape for item in found if item.values] == [(200, 200, 3), (200, 400, 3)]
    assert "page 1 of" in str(found[1].error)


@pytest.mark.fault("pages and pictures that are broken, huge or endless")
def test_a_page_without_end_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "d.pdf").write_bytes(document((400, 400, BLACK), (400, 400, ENDLESS), (400, 400, BLACK)))
    (tmp_path / "e.png").write_bytes(encoded(Image.fromarray(colours()), "PNG"))
    began = time.monotonic()
    found = list(read([str(tmp_path / "d.pdf"), str(tmp_path / "e.png")], Limits(page_seconds=1)))
    assert told(found) == [(0, None), (1, "PAGE_TOO_SLOW"), (2, None), (None, None)]
    assert time.monotonic() - began < 15


@pytest.mark.fault("pages and pictures that are broken, huge or endless")
def test_a_document_of_endless_pages_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "d.pdf").write_bytes(document(*[(400, 400, ENDLESS)] * 8))
    began = time.monotonic()
    found = list(read([str(tmp_path / "d.pdf")], Limits(page_seconds=1)))
    assert told(found) == [(page, "PAGE_TOO_SLOW") for page in range(8)]
    assert "3 pages before it took too long" in str(found[-1].error)
    assert time.monotonic() - began < 20


@pytest.mark.fault("pages and pictures that are broken, huge or endless")
def test_a_crash_of_pdfium_costs_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.pdf").write_bytes(document(*[(100, 100, BLACK)] * 3))
    ask = Documents._ask

    def killed(self: Documents, request: Mapping[str, Any], data: bytes = b"") -> dict[str, Any]:
        if request.get("page") == 1 and self._process is not None:
            self._process.send_signal(signal.SIGSEGV)
        return ask(self, request, data)

    monkeypatch.setattr(Documents, "_ask", killed)
    found = list(read([str(tmp_path / "d.pdf")]))
    assert told(found) == [(0, None), (1, "PDF_UNREADABLE"), (2, None)]
    assert "PDFium ended by SIGSEGV" in str(found[1].error)


@pytest.mark.fault("pages and pictures that are broken, huge or endless")
def test_a_pdf_without_pages_says_so(tmp_path: Path) -> None:
    (tmp_path / "d.pdf").write_bytes(document())
    (item,) = read([str(tmp_path / "d.pdf")])
    assert "it has no pages" in str(item.error)


def test_what_is_filled_into_a_form_is_drawn() -> None:
    text = b"BT /F 40 Tf 10 20 Td (FILLED) Tj ET"
    field = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (n) /V (FILLED) /Rect [10 10 190 90] /F 4 /AP << /N 6 0 R >> >>"
    )
    font = b"<< /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [5 0 R] >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Annots [5 0 R] >>",
        b"<< /Length 0 >>\nstream\n\nendstream",
        field,
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 180 80] /Resources << /Font %s >> " % font
        + b"/Length %d >>\nstream\n%s\nendstream" % (len(text), text),
    ]
    data = b"%PDF-1.7\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, 1))
    data += b"trailer << /Size 7 /Root 1 0 R >>\n%%EOF\n"
    (item,) = read([data])
    assert item.values
    assert (item.values["image"] < 128).sum() > 500


@pytest.mark.parametrize("before", [b"", b"\r\n\xef\xbb\xbfjunk\n", b"x" * 1000, b"\n" * 100])
def test_a_pdf_may_begin_within_the_first_kilobyte(before: bytes) -> None:
    (item,) = read([before + document((100, 100, BLACK))])
    assert item.values
    assert item.page == 0


@pytest.mark.fault("pages and pictures that are broken, huge or endless")
def test_every_page_of_a_tiff_is_an_input_of_its_own(tmp_path: Path) -> None:
    small, large = Image.new("RGB", (20, 10)), Image.new("1", (3000, 3000))
    small.save(tmp_path / "d.tif", save_all=True, append_images=[large, small], compression="tiff_deflate")
    found = list(read([str(tmp_path / "d.tif")], Limits(pixels=1_000_000)))
    assert told(found) == [(0, None), (1, "INPUT_TOO_LARGE"), (2, None)]
    assert "page 1 of" in str(found[1].error)


@pytest.mark.fault("pages and pictures that are broken, huge or endless")
def test_a_damaged_page_of_a_tiff_takes_no_page_before_it(tmp_path: Path) -> None:
    page = Image.fromarray(colours())
    page.save(tmp_path / "d.tif", save_all=True, append_images=[page, page])
    data = bytearray((tmp_path / "d.tif").read_bytes())
    # The first page says where the second is.
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    link = first + 2 + 12 * count
    second = int.from_bytes(data[link : link + 4], "little")
    data[second : second + 60] = b"\xff" * 60
    found = list(read([bytes(data)]))
    assert found[0].values
    assert [item.error is not None for item in found[1:]] == [True] * (len(found) - 1)
    assert len(found) > 1


@pytest.mark.parametrize("pixels", [179_000_000, 400_000_000])
def test_the_limit_of_pixels_may_be_above_pillows(pixels: int) -> None:
    side = 13_500
    data = bomb(side, side)
    (item,) = read([data], Limits(pixels=side * side - 1))
    assert item.error is not None
    assert item.error.code == "INPUT_TOO_LARGE"
    (item,) = read([data], Limits(pixels=pixels + 10_000_000))
    # The header is taken, and the picture behind it is none.
    assert item.error is None or item.error.code != "INPUT_TOO_LARGE"


# -- what names mean -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gif", "avif", "jfif", "jpe", "jp2", "pnm"])
def test_a_folder_is_read_like_its_files_by_name(tmp_path: Path, kind: str) -> None:
    done, data = cv2.imencode(f".{({'jfif': 'jpg', 'jpe': 'jpg', 'pnm': 'ppm'}).get(kind, kind)}", colours())
    assert done
    (tmp_path / f"a.{kind}").write_bytes(data.tobytes())
    for named in (tmp_path, tmp_path / f"a.{kind}"):
        (item,) = read(expand([str(named)]).names)
        assert item.values


def test_hidden_files_are_left_out_of_folders_and_globs_alike(tmp_path: Path) -> None:
    for name in ("in/a.png", "in/._a.png", "in/.ipynb_checkpoints/a.png", "in/sub/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for pattern in ("in", "in/**/*.png", "in/**", "**/*.png"):
        names = expand([str(tmp_path / pattern)]).names
        assert [str(Path(name).relative_to(tmp_path)) for name in names] == ["in/a.png", "in/sub/b.png"]
    assert len(expand([str(tmp_path / "in/.*.png")]).names) == 1


@pytest.mark.fault("links that lead round in circles")
def test_links_that_lead_round_in_circles_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").touch()
    for number in range(20):
        (tmp_path / f"in/loop{number}").symlink_to(".")
    for pattern in ("in", "in/**/*.png"):
        assert expand([str(tmp_path / pattern)]).names == [str(tmp_path / "in/a.png")]


@pytest.mark.fault("lists of names in any encoding")
@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"a.png\nb.png\n", ["a.png", "b.png"]),
        (b"\xef\xbb\xbfa.png\r\n\r\n  \r\nb.png", ["a.png", "b.png"]),
        ("a.png\r\né.png".encode("utf-16"), ["a.png", "é.png"]),
        (b"\xff.png", ["\udcff.png"]),
        (b"a\0b.png\n", ["a\0b.png"]),
        (b"in/a b.png\0in/c\nd.png\0", ["in/a b.png", "in/c\nd.png"]),
        (b"", []),
        (b"\xff\xfea\x00\x00\xd8", ["a\ufffd"]),
    ],
)
def test_a_list_is_read_in_any_encoding_and_with_any_line_ends(data: bytes, names: list[str]) -> None:
    assert listed(data) == names


class _Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path in ("/picture.png", "/mit%20Leer%20%C3%A9.png"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(encoded(Image.fromarray(colours()), "PNG"))
        elif self.path == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.headers['Host'].rpartition(':')[2]}/picture.png")
            self.end_headers()
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        elif self.path == "/garbage":
            self.wfile.write(b"this is no http\r\n\r\n")
        elif self.path in ("/slow-body", "/slow-head"):
            self.send_response(200)
            self.end_headers() if self.path == "/slow-body" else self.flush_headers()
            with suppress(OSError):
                for number in range(600):
                    self.wfile.write(b"x" if self.path == "/slow-body" else f"X-{number}: 1\r\n".encode())
                    self.wfile.flush()
                    time.sleep(0.1)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/picture.png")
            self.end_headers()
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("path", ["/picture.png", "/moved", "/mit Leer é.png"])
def test_a_picture_is_fetched_from_its_url(server: str, path: str) -> None:
    (item,) = read([server + path])
    assert item.values
    assert close(item.values["image"])


@pytest.mark.fault("servers that are slow, cut off or hostile")
@pytest.mark.parametrize("path", ["/nothing", "/file", "/cut", "/garbage", ":abc/x"])
def test_a_url_that_gives_no_picture_is_an_error_record(server: str, path: str) -> None:
    (item,) = read([server + path])
    assert item.error is not None
    assert item.error.code == "URL_UNREADABLE"


def test_a_redirect_into_a_private_network_is_followed_only_if_allowed(server: str) -> None:
    (item,) = read([server + "/elsewhere"])
    assert item.error is not None
    assert re.search(r"redirects to the private address (127\.0\.0\.1|::1); --allow-private-redirects", str(item.error))
    (item,) = read([server + "/elsewhere"], Limits(private_redirects=True))
    assert item.values


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header promises a large picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("size", [(13_378, 13_378), (60_000, 60_000), (2**31 - 1, 1)])
def test_a_picture_bomb_is_refused_before_it_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(*size))
    (item,) = read([str(tmp_path / "bomb.png")])
    assert item.error is not None
    assert item.error.code == "INPUT_TOO_LARGE"


def test_the_limit_of_pixels_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(colours()), "PNG"))
    height, width = colours().shape[:2]
    (item,) = read([str(tmp_path / "a.png")], Limits(pixels=height * width))
    assert item.values
    (item,) = read([str(tmp_path / "a.png")], Limits(pixels=height * width - 1))
    assert item.error is not None
    assert f"{width} × {height} pixels, more than the {height * width - 1:,} allowed" in str(item.error)


def test_a_page_of_too_many_pixels_is_refused_and_not_read_blurred(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "page.pdf", resolution=72)
    (item,) = read([str(tmp_path / "page.pdf")], Limits(pixels=400 * 200))
    assert item.values
    assert item.values["image"].shape == (200, 400, 3)
    (item,) = read([str(tmp_path / "page.pdf")], Limits(pixels=400 * 200 - 1))
    assert item.error is not None
    assert "page 0" in str(item.error)
    assert "400 × 200 pixels, more than the 79,999 allowed" in str(item.error)


def test_a_url_with_a_password_is_refused_without_repeating_it(server: str) -> None:
    (item,) = read([server.replace("http://", "http://me:secret@") + "/picture.png"])
    assert item.error is not None
    assert "secret" not in str(item.error)


def test_a_document_of_too_many_pages_is_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(colours())] * 3
    pages[0].save(tmp_path / "three.tiff", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "three.pdf", save_all=True, append_images=pages[1:])
    for name in ("three.tiff", "three.pdf"):
        assert [item.page for item in read([str(tmp_path / name)], Limits(pages=3))] == [0, 1, 2]
        (item,) = read([str(tmp_path / name)], Limits(pages=2))
        assert item.error is not None
        assert item.error.code == "INPUT_TOO_LARGE"


@pytest.mark.parametrize("name", ["a\0b", "pipe", "/dev/zero", "f\udcff.png"])
def test_a_name_that_is_no_file_is_an_error_record_and_never_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    (item,) = read([name])
    assert item.error is not None
    assert item.error.code == "INPUT_UNREADABLE"


@pytest.mark.fault("servers that are slow, cut off or hostile")
@pytest.mark.parametrize("path", ["/slow-body", "/slow-head"])
def test_a_server_that_sends_a_byte_at_a_time_has_so_many_seconds_in_all(server: str, path: str) -> None:
    began = time.monotonic()
    (item,) = read([server + path], Limits(url_seconds=1))
    assert item.error is not None
    assert item.error.code == "URL_TOO_SLOW"
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("path", ["/slow-body", "/slow-head"])
@pytest.mark.parametrize("is_early", [True, False])
def test_what_nobody_waits_for_is_fetched_no_further(server: str, path: str, is_early: bool) -> None:
    from hpi_runtime.inputs.fetch import Stop, fetch

    stop = Stop()
    if is_early:
        stop.set()
    threading.Timer(0.5, stop.set).start()
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        fetch(server + path, Limits(url_seconds=30), stop)
    assert caught.value.code == "URL_TOO_SLOW"
    assert time.monotonic() - began < 5


def test_a_body_larger_than_allowed_is_refused(server: str) -> None:
    from hpi_runtime.inputs.fetch import fetch

    with pytest.raises(InputError, match="more than 10 bytes"):
        fetch(f"{server}/picture.png", Limits(bytes=10))


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        *((item, True) for item in ("8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")),
        *((item, False) for item in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "100.64.0.1")),
        *((item, False) for item in ("::1", "::", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::127.0.0.1")),
        *((item, False) for item in ("::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::")),
    ],
)
def test_an_address_is_public_however_it_is_written(address: str, is_open: bool) -> None:
    assert fetch.is_public(address) is is_open


@pytest.mark.parametrize(
    "url", ["http://[", "http://[x]/", "http://\u2100.com/", "http://localhost:99999999999999999999999/", "http://:80/"]
)
@pytest.mark.parametrize("limits", [Limits(), Limits(private_urls=False)])
def test_what_is_no_url_is_an_error_record(url: str, limits: Limits) -> None:
    (item,) = read([url], limits)
    assert item.error is not None
    assert item.error.code == "URL_UNREADABLE"


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy"])
def test_a_private_address_is_not_asked_for_through_a_proxy_either(
    monkeypatch: pytest.MonkeyPatch, server: str, variable: str
) -> None:
    monkeypatch.setenv(variable, server)
    scheme = variable.partition("_")[0]
    (item,) = read([f"{scheme}://169.254.169.254/picture"], Limits(private_urls=False, url_seconds=5))
    assert "169.254.169.254 is a private address" in str(item.error)


def test_all_pages_of_a_document_count_together(tmp_path: Path) -> None:
    done, data = cv2.imencodemulti(".tif", [np.full((100, 100, 3), 255, np.uint8)] * 5)
    assert done
    (tmp_path / "pages.tif").write_bytes(data.tobytes())
    found = list(read([str(tmp_path / "pages.tif")], Limits(document_pixels=25_000)))
    assert [item.error is None for item in found] == [True, True, False]
    assert "more than 25,000 pixels on its first 3 pages" in str(found[-1].error)
