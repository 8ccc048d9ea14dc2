"""RapidOCR: ``rapidocr_worker.py onnxruntime|openvino|openvino-f32 THREADS``, with the weights of its wheel."""

from __future__ import annotations

import sys
from typing import Any

from protocol import Lines, lines, serve


def main() -> None:
    """Load and serve."""
    kind, threads = sys.argv[1], int(sys.argv[2])
    engine = kind.partition("-")[0]
    from rapidocr import EngineType, RapidOCR

    if kind == "openvino-f32":
        use_f32()
    chosen = EngineType(engine)
    option = "intra_op_num_threads" if engine == "onnxruntime" else "inference_num_threads"
    reader = RapidOCR(
        params={
            "Global.log_level": "error",
            "Det.engine_type": chosen,
            "Cls.engine_type": chosen,
            "Rec.engine_type": chosen,
            f"EngineConfig.{engine}.{option}": threads,
        }
    )

    def read(paths: list[str]) -> list[Lines]:
        return [one(reader(path)) for path in paths]

    def one(found: Any) -> Lines:
        return [] if found.txts is None else lines(found.txts, found.boxes)

    serve(read)


def use_f32() -> None:
    """Ask OpenVINO for full precision, which RapidOCR has no option for."""
    import openvino

    compile_model = openvino.Core.compile_model

    def compile_f32(self: Any, *arguments: Any, **named: Any) -> Any:
        self.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return compile_model(self, *arguments, **named)

    openvino.Core.compile_model = compile_f32


if __name__ == "__main__":
    main()
