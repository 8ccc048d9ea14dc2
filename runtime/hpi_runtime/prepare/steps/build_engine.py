"""build_engine: an ONNX model as a TensorRT engine for one GPU.

The timing cache beside the artefacts keeps what TensorRT measured, so that the next model builds faster. TensorRT
itself refuses a cache of another GPU or version (``ignore_mismatch`` stays off).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpi_schemas.files import write_atomic

from hpi_runtime.engines.native.cuda import Cuda
from hpi_runtime.prepare.steps import TENSORRT, Job

TOOLS = (TENSORRT,)
HARDWARE = True
TIMING_CACHE = "tensorrt-timing.cache"


def run(job: Job) -> dict[str, Any]:
    """Build an engine.

    Returns:
        ``bytes`` of the engine, and the version of ``tensorrt``.

    Raises:
        RuntimeError: TensorRT cannot parse or build the model; says what it says.
    """
    # Without a driver TensorRT may crash instead of saying so.
    Cuda(job.device.number).select()
    import tensorrt

    logger = tensorrt.Logger(tensorrt.Logger.INFO)
    builder = tensorrt.Builder(logger)
    network = builder.create_network(_network_flags(tensorrt))
    _parse(tensorrt, network, logger, job.files[0])
    config = _configuration(tensorrt, builder, network, job.options)
    timing = job.out.parent.parent / TIMING_CACHE
    cache = config.create_timing_cache(timing.read_bytes() if timing.is_file() else b"")
    if not config.set_timing_cache(cache, False):
        print(f"{timing} is of another GPU or version and is begun anew")  # noqa: T201 (the log)
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise RuntimeError("TensorRT could not build the engine; the lines above say why")
    data = bytes(engine)
    job.out.write_bytes(data)
    write_atomic(timing, bytes(cache.serialize()))
    return {"bytes": len(data), "tensorrt": tensorrt.__version__}


def _network_flags(tensorrt: Any) -> int:
    # TensorRT 10 ignores the flag that 8 needed, and 11 has it no more.
    explicit = getattr(tensorrt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if explicit is None else 1 << int(explicit)


def _parse(tensorrt: Any, network: Any, logger: Any, model: Path) -> None:
    parser = tensorrt.OnnxParser(network, logger)
    # By its path, so that weights in other files are found.
    if not parser.parse_from_file(str(model)):
        faults = "; ".join(parser.get_error(index).desc() for index in range(parser.num_errors))
        raise RuntimeError(f"TensorRT cannot read the ONNX model: {faults}")


def _configuration(tensorrt: Any, builder: Any, network: Any, options: dict[str, Any]) -> Any:
    """Set every switch that changes numbers or memory."""
    config = builder.create_builder_config()
    config.builder_optimization_level = options["builder_optimization_level"]
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, options["workspace_mib"] << 20)
    switch = config.set_flag if options["use_tf32"] else config.clear_flag
    switch(tensorrt.BuilderFlag.TF32)
    if options["precision"] == "fp16":
        # From TensorRT 11 on the model itself is fp16, by the step before this one.
        half = getattr(tensorrt.BuilderFlag, "FP16", None)
        if half is not None:
            config.set_flag(half)
    shapes = options.get("dynamic_shapes", {})
    profile = builder.create_optimization_profile()
    free = False
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        if any(size < 0 for size in tensor.shape):
            free = True
            profile.set_shape(tensor.name, *(tuple(shape) for shape in _of(shapes, tensor.name)))
    if free:
        config.add_optimization_profile(profile)
    return config


def _of(shapes: dict[str, Any], name: str) -> Any:
    if name not in shapes:
        raise RuntimeError(
            f"the plan has no dynamic_shapes for the input {name}; set backend_config: "
            f"{{dynamic_shapes: {{{name}: [[least], [best], [greatest]]}}}}"
        )
    return shapes[name]
