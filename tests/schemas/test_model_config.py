"""An ``inference.yml`` reads as PyYAML reads it, only faster."""

from __future__ import annotations

from pathlib import Path

import yaml
from hpi_schemas.model_config import ModelConfigError, read_config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Characters that make plain scalars something else than texts, and others.
WORDS = st.text(alphabet="0123456789.:-+~=<>yesnoNULLtruefalse_eE ä龜💡\"'!&*[]{},#%@`|\\\t", max_size=8)
TAGS = st.sampled_from(("", "", "", "!!str ", "!!int ", "!!seq ", "! "))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TAGS, WORDS), min_size=1, max_size=30))
def test_lists_of_anything_are_what_pyyaml_makes_of_them(tmp_path: Path, entries: list[tuple[str, str]]) -> None:
    text = "Global:\n  words:\n" + "".join(f"  - {tag}{word}\n" for tag, word in entries)
    _is_read_alike(tmp_path / "inference.yml", text)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none(), st.dates())))
def test_what_was_written_is_read_again(tmp_path: Path, values: list[object]) -> None:
    text = yaml.safe_dump({"Global": {"words": [values, *values]}}, allow_unicode=True)
    _is_read_alike(tmp_path / "inference.yml", text)


def test_aliases_stand_for_the_same_list(tmp_path: Path) -> None:
    path = tmp_path / "inference.yml"
    path.write_text("Global: {one: &a [x, y], two: *a}\n", encoding="utf-8")
    found = read_config(path)["Global"]
    assert found["one"] is found["two"]


def _is_read_alike(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    try:
        wanted = yaml.load(text, Loader=yaml.CSafeLoader)
    except Exception:
        wanted = None
    try:
        found = read_config(path)
    except ModelConfigError:
        found = None
    assert found == wanted
