"""Permuted keys: another text, the same meaning."""

from __future__ import annotations

import yaml
from hpi_planner.paddlex import builtin_configs
from hpi_planner.review import prove


def test_permuted_keys_are_another_text_with_the_same_values() -> None:
    text = builtin_configs.text("PP-StructureV3")
    for seed in range(3):
        other = prove.permuted(text.encode(), seed).decode()
        assert yaml.safe_load(other) == yaml.safe_load(text)
        assert list(yaml.safe_load(other)) != list(yaml.safe_load(text))


def test_anchors_and_merges_survive_the_permutation() -> None:
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: *b\n"
    for seed in range(8):
        assert yaml.safe_load(prove.permuted(text.encode(), seed)) == yaml.safe_load(text)


def test_the_first_difference_is_named() -> None:
    assert prove.difference("a\nb\n", "a\nb\n") is None
    assert prove.difference("a\nb\n", "a\nc\n") == "line 2 is `c`, not `b`"
    assert prove.difference("a\n", "a\nb\n") == "one has 2 characters, the other 4"
