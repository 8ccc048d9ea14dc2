"""Ascend OM on an Ascend NPU, through pyACL, which comes with CANN.

Calls and values are those of the pyACL reference (hiascend.com, appdevgapi/aclpythondevg). Loading, running and
unloading must happen in one context, and a model must not run twice at once: hence an owner thread with a context
of its own.
"""

from __future__ import annotations

import atexit
from typing import Any

import numpy as np

from hpi_runtime.engines.base import Arrays, Engine, Tensor
from hpi_runtime.errors import EngineError

_DONE_BEFORE = 100002
_HUGE_PAGES_FIRST = 0
_TO_DEVICE, _TO_HOST = 1, 2
# aclDataType.
_TYPES = {
    0: np.float32,
    1: np.float16,
    2: np.int8,
    3: np.int32,
    4: np.uint8,
    6: np.int16,
    7: np.uint16,
    8: np.uint32,
    9: np.int64,
    10: np.uint64,
    11: np.float64,
    12: np.bool_,
}
# The input that ATC adds to a model with several sizes; it tells which of them runs.
_SIZES_INPUT = "ascend_mbatch_shape_data"


class OmEngine(Engine):
    """One loaded model with its buffers, used by its owner thread alone."""

    name = "om"
    distributions = ("cann",)
    extra = "npu"
    thread_bound = True

    def _load(self) -> None:
        import acl

        self._acl: Any = acl
        self._undo: list[tuple[str, Any, tuple[Any, ...]]] = []
        if self._check(acl.init(), "acl.init", _DONE_BEFORE) == 0:
            atexit.register(acl.finalize)
        number = self._device_number
        self._check(acl.rt.set_device(number), f"acl.rt.set_device({number})")
        self._later("acl.rt.reset_device", acl.rt.reset_device, number)
        context = self._made(acl.rt.create_context(number), "acl.rt.create_context")
        self._later("acl.rt.destroy_context", acl.rt.destroy_context, context)
        path = str(self.folder / self.files[0])
        self._model = self._made(acl.mdl.load_from_file(path), f"acl.mdl.load_from_file({path})")
        self._later("acl.mdl.unload", acl.mdl.unload, self._model)
        self._description = acl.mdl.create_desc()
        self._later("acl.mdl.destroy_desc", acl.mdl.destroy_desc, self._description)
        self._check(acl.mdl.get_desc(self._description, self._model), "acl.mdl.get_desc")
        self._describe()

    def _describe(self) -> None:
        mdl, description = self._acl.mdl, self._description
        names = [mdl.get_input_name_by_index(description, index) for index in range(mdl.get_num_inputs(description))]
        self._sizes = _Sizes(self._acl, description) if _SIZES_INPUT in names else None
        self._indexes = {name: index for index, name in enumerate(names)}
        self.inputs = tuple(self._tensor(name) for name in names if name != _SIZES_INPUT)
        count = mdl.get_num_outputs(description)
        self.outputs = tuple(mdl.get_output_name_by_index(description, index) for index in range(count))
        self._input_set, self._input_memory = self._dataset(
            [mdl.get_input_size_by_index(description, index) for index in range(len(names))]
        )
        self._output_set, self._output_memory = self._dataset(
            [mdl.get_output_size_by_index(description, index) for index in range(count)]
        )

    def _tensor(self, name: str) -> Tensor:
        index = self._indexes[name]
        dims = self._made(self._acl.mdl.get_input_dims(self._description, index), "acl.mdl.get_input_dims")["dims"]
        kind = self._acl.mdl.get_input_data_type(self._description, index)
        return Tensor(name, _dtype(kind), tuple(None if size < 0 else size for size in dims))

    def _dataset(self, sizes: list[int]) -> tuple[Any, list[tuple[int, int]]]:
        """Return a dataset, and address and size of each of its buffers on the device."""
        acl = self._acl
        dataset = acl.mdl.create_dataset()
        self._later("acl.mdl.destroy_dataset", acl.mdl.destroy_dataset, dataset)
        memory: list[tuple[int, int]] = []
        for size in sizes:
            if size <= 0:
                raise EngineError("om: the model has inputs or outputs without a greatest size; give ATC their range")
            address = self._made(acl.rt.malloc(size, _HUGE_PAGES_FIRST), f"acl.rt.malloc of {size} bytes")
            self._later("acl.rt.free", acl.rt.free, address)
            buffer = acl.create_data_buffer(address, size)
            self._later("acl.destroy_data_buffer", acl.destroy_data_buffer, buffer)
            self._made(acl.mdl.add_dataset_buffer(dataset, buffer), "acl.mdl.add_dataset_buffer")
            memory.append((address, size))
        return dataset, memory

    def _run(self, arrays: Arrays) -> Arrays:
        for name, array in arrays.items():
            address, size = self._input_memory[self._indexes[name]]
            if array.nbytes > size or (self._sizes is None and array.nbytes != size):
                raise EngineError(f"the input {name} has {array.nbytes} bytes, and the model takes {size}")
            status = self._acl.rt.memcpy(address, size, array.ctypes.data, array.nbytes, _TO_DEVICE)
            self._check(status, f"copying the input {name}")
        if self._sizes is not None:
            index = self._indexes[_SIZES_INPUT]
            self._check(self._sizes.choose(self._model, self._input_set, index, self.inputs, arrays), "choosing a size")
        self._check(self._acl.mdl.execute(self._model, self._input_set, self._output_set), "acl.mdl.execute")
        return {name: self._fetch(index) for index, name in enumerate(self.outputs)}

    def _fetch(self, index: int) -> np.ndarray[Any, Any]:
        mdl = self._acl.mdl
        dims = self._made(mdl.get_cur_output_dims(self._description, index), "acl.mdl.get_cur_output_dims")["dims"]
        array = np.empty(dims, _dtype(mdl.get_output_data_type(self._description, index)))
        status = self._acl.rt.memcpy(
            array.ctypes.data, array.nbytes, self._output_memory[index][0], array.nbytes, _TO_HOST
        )
        self._check(status, f"copying the output {self.outputs[index]}")
        return array

    def _close(self) -> None:
        # The last made goes first: buffers, data sets, the model, its description, the context, the device.
        for name, undo, arguments in reversed(getattr(self, "_undo", [])):
            self._check(undo(*arguments), name)
        self._undo = []

    def _later(self, name: str, undo: Any, *arguments: Any) -> None:
        self._undo.append((name, undo, arguments))

    def _made(self, answer: tuple[Any, int], call: str) -> Any:
        self._check(answer[1], call)
        return answer[0]

    def _check(self, status: int, call: str, *fine: int) -> int:
        if status != 0 and status not in fine:
            words = self._acl.get_recent_err_msg() or "CANN does not say why"
            raise EngineError(f"om: {call} failed with {status}: {words}")
        return status

    def actual(self) -> dict[str, Any]:
        """Return the device that the runtime names, and the kind of NPU."""
        number = self._call(lambda: self._made(self._acl.rt.get_device(), "acl.rt.get_device"))
        return {"device": f"npu:{number}", "providers": [f"pyACL on {self._acl.get_soc_name()}"]}


class _Sizes:
    """The sizes that a model with several of them was made for; ATC allows one kind of them per model."""

    def __init__(self, acl: Any, description: Any) -> None:
        self._acl = acl
        self.batches: list[int] = acl.mdl.get_dynamic_batch(description)[0].get("batch", [])
        self.pictures: list[list[int]] = acl.mdl.get_dynamic_hw(description, -1)[0].get("hw", [])
        count = acl.mdl.get_input_dynamic_gear_count(description, -1)[0]
        gears = acl.mdl.get_input_dynamic_dims(description, -1, count)[0] if count else []
        self.gears: list[list[int]] = [list(gear["dims"][: gear["dimCount"]]) for gear in gears]

    def choose(self, model: int, dataset: Any, index: int, inputs: tuple[Tensor, ...], arrays: Arrays) -> int:
        """Tell the model which of its sizes comes next, and return the status."""
        mdl = self._acl.mdl
        shapes = [arrays[tensor.name].shape for tensor in inputs]
        if self.batches:
            batch = _one_of(int(shapes[0][0]), self.batches, "batch sizes")
            return int(mdl.set_dynamic_batch_size(model, dataset, index, batch))
        if self.pictures:
            height, width = _one_of([int(size) for size in shapes[0][2:4]], self.pictures, "heights and widths")
            return int(mdl.set_dynamic_hw_size(model, dataset, index, height, width))
        dims = _one_of([int(size) for shape in shapes for size in shape], self.gears, "shapes")
        return int(mdl.set_input_dynamic_dims(model, dataset, index, {"dimCount": len(dims), "name": "", "dims": dims}))


def _one_of(wanted: Any, known: list[Any], what: str) -> Any:
    if wanted not in known:
        raise EngineError(f"om: the model was made for the {what} {known}, not {wanted}")
    return wanted


def _dtype(kind: int) -> np.dtype[Any]:
    if kind not in _TYPES:
        raise EngineError(f"om: the model has a tensor of aclDataType {kind}, which numpy does not have")
    return np.dtype(_TYPES[kind])


ENGINE = OmEngine
