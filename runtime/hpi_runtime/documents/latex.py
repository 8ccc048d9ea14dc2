"""The tokens of a formula as LaTeX: spaces where they count, and nowhere else. The rules are PaddleX 3.7.2's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np

# Groups in which spaces are text.
_GROUP = re.compile(r"(\\(?:operatorname|mathrm|text|mathbf)\s?\*? {.*?})")
_GROUPS = frozenset((r"\operatorname", r"\mathrm", r"\text", r"\mathbf"))
# A command in such a group, with a word behind it.
_COMMAND = re.compile(r"(\\[a-zA-Z]+)\s(?=\w)")
_LETTER, _OTHER = "[a-zA-Z]", r"[\W_^\d]"
# Spaces that separate nothing: beside what is no letter, unless a space is escaped there.
_SPACES = (
    re.compile(rf"(?!\\ )({_OTHER})\s+?({_OTHER})"),
    re.compile(rf"(?!\\ )({_OTHER})\s+?({_LETTER})"),
    re.compile(rf"({_LETTER})\s+?({_OTHER})"),
)
# Stands for a space that has to stay.
_KEPT = "XXXXXXX"
_CHINESE = re.compile(r"\\text\s*{([^{}]*[\u4e00-\u9fff]+[^{}]*)}")
_END = 2
_SPECIAL = ("<s>", "</s>", "<unk>", "<pad>")
_WORD_START = "Ġ"


class MerTokens:
    """The tokens of UniMERNet and PP-FormulaNet."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        """Read a tokenizer.

        Args:
            described: ``character_dict`` of an ``inference.yml``: the tokenizer, and the tokens that were added to it.
        """
        from tokenizers import AddedToken

        self._tokenizer = _tokenizer(described["fast_tokenizer_file"])
        config = described.get("tokenizer_config_file")
        if config is not None:
            added = sorted((config.get("added_tokens_decoder") or {}).items(), key=lambda item: int(item[0]))
            tokens: list[Any] = [AddedToken(**token) for _, token in added]
            known = {token.content for token in tokens}
            tokens += [AddedToken(token, special=True) for token in _SPECIAL if token not in known]
            for is_special, group in groupby(tokens, lambda token: token.special or token.content in _SPECIAL):
                add = self._tokenizer.add_special_tokens if is_special else self._tokenizer.add_tokens
                add(list(group))

    def latex(self, tokens: np.ndarray[Any, Any]) -> str:
        """Return what numbers of tokens say, up to the first that ends them."""
        (ends,) = np.nonzero(tokens == _END)
        said = tokens[: ends[0] + 1] if len(ends) else tokens
        return mended(self._tokenizer.decode(said.tolist(), skip_special_tokens=True))


class OcrTokens:
    """The tokens of LaTeX-OCR."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        """Read a tokenizer: ``character_dict`` of an ``inference.yml``."""
        self._tokenizer = _tokenizer(described)

    def latex(self, tokens: np.ndarray[Any, Any]) -> str:
        """Return what numbers of tokens say."""
        text: str = self._tokenizer.decode(tokens.tolist()).replace(" ", "").replace(_WORD_START, " ")
        for mark in ("[EOS]", "[BOS]", "[PAD]"):
            text = text.replace(mark, "")
        return put_right(text.strip())


def mended(text: str) -> str:
    """Return LaTeX as UniMERNet and PP-FormulaNet have it: letters that went through a wrong encoding are mended."""
    from ftfy import fix_text

    text = fix_text(_CHINESE.sub(r"\1", text).replace('"', ""))
    commands = [command for group in _GROUP.findall(text) for command in _COMMAND.findall(group)]
    for command in commands:
        if command not in _GROUPS:
            text = text.replace(command, command + _KEPT).replace(" ", "")
    return _tight(text).replace(_KEPT, " ")


def put_right(text: str) -> str:
    """Return LaTeX as LaTeX-OCR has it."""
    return _tight(_GROUP.sub(lambda group: group[0].replace(" ", ""), text))


def _tight(text: str) -> str:
    """Return LaTeX without the spaces that separate nothing."""
    while True:
        shorter = text
        for spaces in _SPACES:
            shorter = spaces.sub(r"\1\2", shorter)
        if shorter == text:
            return text
        text = shorter


def _tokenizer(described: Any) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_buffer(json.dumps(described).encode())


# What reads tokens, by the names that an inference.yml gives it.
DECODERS: Mapping[str, Any] = {"LaTeXOCRDecode": OcrTokens, "UniMERNetDecode": MerTokens}
