"""The names in NVIDIA's real Python bindings of TensorRT, on a machine without TensorRT's libraries.

``python real_tensorrt.py FOLDER`` prints, as JSON, the version and by class every name. The libraries that the
bindings are linked to are stubs that the C compiler makes of their symbols; nothing of TensorRT is called.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CLASSES = (
    *("Builder", "BuilderFlag", "IBuilderConfig", "ICudaEngine", "IExecutionContext", "ILogger", "INetworkDefinition"),
    *("IOptimizationProfile", "IOutputAllocator", "ITensor", "ITimingCache", "Logger", "MemoryPoolType"),
    *("NetworkDefinitionCreationFlag", "OnnxParser", "ParserError", "Runtime", "TensorIOMode"),
)


def main(folder: Path) -> None:
    """Load the bindings that pip put into a folder."""
    bindings = next(folder.glob("tensorrt*/tensorrt*.so"))
    linked = re.findall(r"NEEDED\).*\[([^\]]+)\]", _output("readelf", "-dW", str(bindings)))
    stubbed = [name for name in linked if name.startswith("libnv")]
    others = [ctypes.CDLL(None), *(ctypes.CDLL(name) for name in linked if name not in stubbed)]
    missing = [
        name
        for name in re.findall(r" U ([^@\s]+)$", _output("nm", "-D", str(bindings)), re.MULTILINE)
        if not any(hasattr(library, name) for library in others)
    ]
    with tempfile.TemporaryDirectory() as place:
        for number, soname in enumerate(stubbed):
            source = Path(place) / "stub.c"
            source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in missing if not number))
            made = str(Path(place) / soname)
            subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-o", made, str(source)], check=True)
            # Found by its name from now on.
            ctypes.CDLL(made, mode=ctypes.RTLD_GLOBAL)
        sys.path.insert(0, str(folder))
        module = importlib.import_module(bindings.parent.name)
    names = {name: dir(getattr(module, name)) for name in CLASSES}
    found = {"module": dir(module), "names": names, "version": module.__version__}
    # What a subclass has to define stands in its documentation alone.
    print(json.dumps({**found, "allocator": module.IOutputAllocator.__doc__}))


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
