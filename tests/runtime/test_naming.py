"""Names of results: from the input alone, and no two the same."""

from __future__ import annotations

import pytest
from hpi_runtime.results.naming import stem
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("path", "page", "expected"),
    [
        ("a.jpg", None, "a.jpg"),
        ("a.pdf", 0, "a.pdf_0"),
        ("./in//a.jpg", None, "in/a.jpg"),
        ("a?b.png", None, "a?b.png"),
        ("...jpg", None, "...jpg"),
        ("../a.jpg", None, "_up/a.jpg"),
        ("/data/a.jpg", None, "_root/data/a.jpg"),
        ("_root/data/a.jpg", None, "__root/data/a.jpg"),
        ("a/../b.jpg", None, "a/_up/b.jpg"),
        # Not to be taken for the second page of `scan`.
        ("scan_1", None, "scan_1_"),
        ("scan", 1, "scan_1"),
        ("https://host/x/a.png?w=1/2", None, "_url/https/host/x/a.png?w=1%2F2"),
        ("HTTP://host", None, "_url/http/host"),
    ],
)
def test_a_result_is_named_after_the_whole_name_of_its_input(path: str, page: int | None, expected: str) -> None:
    assert str(stem(path, page)) == expected


PARTS = st.sampled_from(["a", "b.png", "..", ".", "_up", "__up", "_root", "_url", "a_1", "a_1_", "a_1__", "~", "", "é"])
PATHS = st.builds("/".join, st.lists(PARTS, min_size=1, max_size=4)) | st.text(min_size=1, max_size=12)
URLS = st.builds("http://{}".format, PATHS | st.builds("{}?{}".format, PATHS, PATHS))
PAGES = st.none() | st.integers(0, 12)


def meant(path: str) -> tuple[str, ...]:
    """What a path names, as far as that is known without looking: one name may be written in several ways."""
    if path.lower().startswith("http://"):
        return ("url", path[7:])
    parts = [part for part in path.split("/") if part not in ("", ".")] or ["_"]
    return ("/" if path.startswith("/") else "", *parts)


@given(PATHS | URLS, PAGES, PATHS | URLS, PAGES)
@example("a_1", None, "a", 1)
@example("a_1_", None, "a_1", None)
@example("_up/a", None, "../a", None)
@example("/a", None, "_root/a", None)
@example("http://h/a?b/c", None, "http://h/a?b%2Fc", None)
@example("http://h//a", None, "http://h/_/a", None)
@example("http://h/..", None, "http://h/_..", None)
def test_results_of_two_inputs_never_meet(one: str, page: int | None, other: str, other_page: int | None) -> None:
    if (meant(one), page) != (meant(other), other_page):
        assert stem(one, page) != stem(other, other_page)
    else:
        assert stem(one, page) == stem(other, other_page)


@given(st.text(min_size=1, max_size=400) | st.builds(lambda text: text * 60, st.text(min_size=1, max_size=9)), PAGES)
@example("\ud800", None)
@example("x" * 300 + ".png", 4999)
@example("http://host/" + "y" * 5000, None)
@example("nul\0.png", None)
def test_every_name_is_one_that_a_file_can_have(path: str, page: int | None) -> None:
    found = stem(path, page)
    assert not found.is_absolute()
    for part in found.parts:
        assert part not in ("", ".", "..")
        assert 0 < len(part.encode("utf-8", "surrogateescape")) <= 230
        assert "\0" not in part


def test_a_name_that_looks_like_a_shortened_one_is_shortened_itself() -> None:
    long = stem("x" * 400, None)
    assert stem(str(long), None) != long


def test_long_names_that_begin_alike_stay_apart() -> None:
    one, other = (stem("x" * 400 + end, None) for end in ("a.png", "b.png"))
    assert one != other
    assert str(one).startswith("x" * 100)
