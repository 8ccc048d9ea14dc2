"""to_onnx: a Paddle model as ONNX, by paddle2onnx. Runs as a process of its own.

``python -m hpi_runtime.prepare.to_onnx OUT OPTIONS PROGRAM WEIGHTS``, where OPTIONS is JSON with ``opset``.
"""

from __future__ import annotations

import json
import sys


def main(out: str, options: str, program: str, weights: str) -> None:
    """Convert; the exit code is 0 if ``out`` was written."""
    import paddle2onnx

    paddle2onnx.export(
        program,
        weights,
        out,
        opset_version=json.loads(options)["opset"],
        auto_upgrade_opset=True,
        enable_onnx_checker=True,
        # Any other value would pip-install a package at run time.
        optimize_tool="None",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
