"""Text that people may see: no character of it is obeyed by a terminal, or turns the order of what is read."""

from __future__ import annotations

# What a terminal obeys instead of showing it, and what changes the order in which text is read
# (unicode.org/reports/tr9, section 2).
_DELETE = 0x7F
_CONTROLS = [*range(0x20), *range(_DELETE, 0xA0)]
_REORDERING = [0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
_SHOWN = {code: f"\\x{code:02x}" for code in _CONTROLS} | {code: f"\\u{code:04x}" for code in _REORDERING}
_LINES = {code: text for code, text in _SHOWN.items() if chr(code) not in "\n\t"}
_ESCAPED = {code: f"\\u{code:04x}" for code in _SHOWN if code >= _DELETE}


def clean(text: str) -> str:
    """Return text whose control and reordering characters are written out as escapes; lines and tabs stay."""
    return text.translate(_LINES)


def clean_line(text: str) -> str:
    """Return the same as one line: line ends and tabs are written out too."""
    return text.translate(_SHOWN)


def clean_json(text: str) -> str:
    """Return JSON in which control and reordering characters are escaped as JSON has it: the same values."""
    return text.translate(_ESCAPED)
