"""Pictures, PDFs, folders, globs and URLs."""

from __future__ import annotations

import http.server
import io
import os
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hpi_runtime.errors import InputError, PlanError
from hpi_runtime.inputs.images import decode
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.inputs.named import expand
from hpi_runtime.inputs.reading import read
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
    assert found[0].image is not None
    assert close(found[0].image)


def test_sixteen_bit_tiffs_are_scaled_and_not_white(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.tif"), colours()[..., ::-1].astype(np.uint16) * 257)
    (item,) = read([str(tmp_path / "deep.tif")])
    assert item.image is not None
    assert close(item.image)


def test_pages_of_a_pdf_are_rendered_at_144_dpi(tmp_path: Path) -> None:
    page = Image.fromarray(colours()).resize((600, 400), Image.Resampling.NEAREST)
    page.save(tmp_path / "two.pdf", save_all=True, append_images=[page], resolution=72)
    found = list(read([str(tmp_path / "two.pdf")]))
    assert [item.page for item in found] == [0, 1]
    for item in found:
        assert item.image is not None
        assert item.image.shape == (800, 1200, 3)
        assert item.image[100, 100].tolist()[::-1] == pytest.approx([255, 0, 0], abs=20)


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
    assert both.notes == [f"{tmp_path}/sub: 1 file passed over, whose names are not those of pictures"]


@pytest.mark.parametrize("name", ["nowhere.png", "*.png", "empty"])
def test_an_argument_that_names_nothing_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlanError, match="--input"):
        expand([str(tmp_path / name)])


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
    assert item.image is not None
    assert close(item.image)


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
    assert item.image is not None


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
    assert item.image is not None
    (item,) = read([str(tmp_path / "a.png")], Limits(pixels=height * width - 1))
    assert item.error is not None
    assert f"{width} × {height} pixels, more than the {height * width - 1:,} allowed" in str(item.error)


def test_a_page_of_too_many_pixels_is_refused_and_not_read_blurred(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "page.pdf", resolution=72)
    (item,) = read([str(tmp_path / "page.pdf")], Limits(pixels=400 * 200))
    assert item.image is not None
    assert item.image.shape == (200, 400, 3)
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


def test_a_body_larger_than_allowed_is_refused(server: str) -> None:
    from hpi_runtime.inputs.fetch import fetch

    with pytest.raises(InputError, match="more than 10 bytes"):
        fetch(f"{server}/picture.png", Limits(bytes=10))
