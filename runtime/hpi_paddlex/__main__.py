"""``python -m hpi_paddlex paddlex|paddleocr …``: their own commands, with high-performance inference on our engines."""

from __future__ import annotations

import sys
from importlib import import_module

from hpi_schemas.console import DONE, WRONG, guarded, say

from hpi_paddlex.dropin import install

_NAME = "hpi_paddlex"
# Where each command has its entry.
_COMMANDS = {"paddlex": ("paddlex.__main__", "console_entry"), "paddleocr": ("paddleocr.__main__", "console_entry")}


def main() -> int:
    """Run a command; the exit code is the return value, or what the command ends with."""
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    if named not in _COMMANDS:
        known = " or ".join(_COMMANDS)
        say(_NAME, f"name {known} first: python -m hpi_paddlex paddleocr ocr -i a.jpg --enable_hpi True")
        return WRONG

    def work() -> int:
        install()
        module, entry = _COMMANDS[named]
        sys.argv = [named, *sys.argv[2:]]
        getattr(import_module(module), entry)()
        return DONE

    return guarded(_NAME, work)


if __name__ == "__main__":
    sys.exit(main())
