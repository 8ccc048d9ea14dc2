import json

import pytest
from hpi_schemas.canonical import JsonError, digest, dumps, loads
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert loads(dumps(value)) == value


@given(st.dictionaries(st.text(), st.integers(), max_size=8), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert dumps(dict(items)) == dumps(value)


def test_keys_are_sorted_by_code_point_and_lines_end_with_lf() -> None:
    assert dumps({"b": 1, "B": 2, "ä": 3}) == '{\n  "B": 2,\n  "b": 1,\n  "ä": 3\n}\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": [{None: 1}]}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(JsonError):
        dumps(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "given twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": }', "line 1, column 7"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_readers_are_strict(text: str, message: str) -> None:
    with pytest.raises(JsonError, match=message):
        loads(text)


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(JsonError, match="not UTF-8"):
        loads(b'{"a": "\xe9"}')


def test_a_digest_names_its_algorithm() -> None:
    assert digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert json.loads(dumps([1.0, 1e300, 0.1])) == [1.0, 1e300, 0.1]
