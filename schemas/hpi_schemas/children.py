"""Starting a module of ours as a process of its own, with no way in for files that happen to lie about."""

from __future__ import annotations

import sys
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module as ``python -m`` would, with these arguments.

    ``python -m`` begins its search for modules in the current folder: a ``json.py`` there would run. This looks only
    where this process looks, that folder left out, and says so before anything is imported.
    """
    here = str(Path.cwd())
    paths = [path for path in sys.path if path and path != here and Path(path).is_absolute()]
    run = f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    code = f"import sys; sys.path[:] = {paths!r}; import runpy; {run}"
    return [sys.executable, "-c", code, *arguments]
