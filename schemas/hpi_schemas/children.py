"""Starting a module of ours as a process that no file lying about can enter and that never outlives us."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_WATCH_SECONDS = 0.5


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module as ``python -m`` would, with these arguments.

    ``python -m`` begins its search for modules in the current folder: a ``json.py`` there would run. This looks where
    this process looks, less what it owes to its own ``-m`` or ``-c``, and says so before anything is imported. The
    process ends with this one, and quietly at an interruption.
    """
    try:
        here = str(Path.cwd())
    except OSError:
        # Somebody has removed it; then nothing can lie there either.
        here = ""
    paths = [path for place, path in enumerate(sys.path) if path and not (place == 0 and path == here)]
    begin = f"from hpi_schemas.children import begin; begin({os.getpid()})"
    run = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    quiet = "import _signal; _signal.signal(_signal.SIGINT, _signal.SIG_DFL)"
    return [sys.executable, "-c", f"{quiet}; import sys; sys.path[:] = {paths!r}; {begin}; {run}", *arguments]


def begin(parent: int) -> None:
    """End this process when its parent is no more, whatever native code is busy here."""
    # Not by a signal at the parent's death (prctl(2)), which comes when the thread ends that started us.
    import _thread
    import time

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    _thread.start_new_thread(watch, ())
