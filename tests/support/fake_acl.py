"""Ascend's pyACL as far as we use it, with ONNX Runtime behind it and the rules that its reference states.

A model is a JSON file: ``onnx``, the file that is run; ``shapes``, per input, -1 where several sizes are allowed; and
``gears``, the shapes of all inputs in a row, one after the other, that it was made for.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

INVALID, NOT_INITIALISED, REPEATED = 100000, 100001, 100002
_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1, np.dtype(np.int32): 3, np.dtype(np.int64): 9}
_SIZES_INPUT = "ascend_mbatch_shape_data"


class FakeAcl:
    """A module ``acl``; what was made and not given back yet is in ``alive``."""

    def __init__(self) -> None:
        self.alive: dict[int, tuple[str, Any]] = {}
        self._initialised = False
        self._own = threading.local()
        self._numbers = itertools.count(1 << 40)
        self.rt = SimpleNamespace(
            set_device=self._set_device,
            reset_device=self._reset_device,
            get_device=lambda: (self._own.device, 0),
            create_context=self._create_context,
            destroy_context=self._destroy,
            malloc=self._malloc,
            free=self._destroy,
            memcpy=self._memcpy,
        )
        self.mdl = SimpleNamespace(
            **{name.removeprefix("_mdl_"): getattr(self, name) for name in dir(self) if name.startswith("_mdl_")},
            unload=self._unload,
            create_desc=lambda: self._new("desc", None),
            destroy_desc=self._destroy,
            create_dataset=lambda: self._new("dataset", []),
            destroy_dataset=self._destroy,
        )

    def init(self, config_path: str = "") -> int:
        first, self._initialised = not self._initialised, True
        return 0 if first else REPEATED

    def finalize(self) -> int:
        return 0

    def get_soc_name(self) -> str:
        return "Ascend (imitated)"

    def get_recent_err_msg(self) -> str | None:
        return "the imitation refuses it"

    def create_data_buffer(self, data: int, size: int) -> int:
        return self._new("buffer", (data, size))

    def destroy_data_buffer(self, data_buffer: int) -> int:
        return self._destroy(data_buffer)

    # -- runtime -------------------------------------------------------------------------------

    def _new(self, kind: str, value: Any) -> int:
        number = next(self._numbers)
        self.alive[number] = (kind, value)
        return number

    def _destroy(self, number: int) -> int:
        return 0 if self.alive.pop(number, None) is not None else INVALID

    def _set_device(self, device: int) -> int:
        if not self._initialised:
            return NOT_INITIALISED
        self._own.device = device
        return 0

    def _reset_device(self, device: int) -> int:
        return 0 if getattr(self._own, "device", None) == device else INVALID

    def _create_context(self, device: int) -> tuple[int, int]:
        # It becomes the calling thread's.
        self._own.context = self._new("context", device)
        return self._own.context, 0

    def _context(self) -> int:
        return getattr(self._own, "context", 0)

    def _malloc(self, size: int, policy: int) -> tuple[int, int]:
        if not self._context() or size <= 0:
            return 0, INVALID
        buffer = ctypes.create_string_buffer(size)
        address = ctypes.addressof(buffer)
        self.alive[address] = ("memory", buffer)
        return address, 0

    def _room(self, address: int) -> int:
        kind, buffer = self.alive.get(address, ("", b""))
        return len(buffer) if kind == "memory" else -1

    def _memcpy(self, target: int, room: int, source: int, count: int, kind: int) -> int:
        device = target if kind == 1 else source
        if not self._context() or count > room or count > self._room(device):
            return INVALID
        ctypes.memmove(target, source, count)
        return 0

    # -- models --------------------------------------------------------------------------------

    def _mdl_load_from_file(self, path: str) -> tuple[int, int]:
        import onnxruntime

        try:
            data = json.loads(Path(path).read_text())
        except ValueError:
            return 0, INVALID
        if not self._context():
            return 0, INVALID
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(data["onnx"], options, providers=["CPUExecutionProvider"])
        model = SimpleNamespace(session=session, context=self._context(), chosen=None, **data)
        return self._new("model", model), 0

    def _unload(self, model: int) -> int:
        return self._destroy(model) if self.alive[model][1].context == self._context() else INVALID

    def _model(self, desc: int) -> Any:
        return self.alive[self.alive[desc][1]][1]

    def _mdl_get_desc(self, desc: int, model: int) -> int:
        self.alive[desc] = ("desc", model)
        return 0

    def _inputs(self, desc: int) -> list[str]:
        model = self._model(desc)
        return [*model.shapes, *([_SIZES_INPUT] if model.gears else [])]

    def _mdl_get_num_inputs(self, desc: int) -> int:
        return len(self._inputs(desc))

    def _mdl_get_input_name_by_index(self, desc: int, index: int) -> str:
        return self._inputs(desc)[index]

    def _dtype(self, node: Any) -> np.dtype[Any]:
        return np.dtype({"tensor(float)": "float32", "tensor(float16)": "float16"}.get(node.type) or node.type[7:-1])

    def _greatest(self, model: Any, name: str) -> list[int]:
        if not model.gears:
            return list(model.shapes[name])
        return max((_shapes(model, gear)[name] for gear in model.gears), key=lambda shape: int(np.prod(shape)))

    def _mdl_get_input_size_by_index(self, desc: int, index: int) -> int:
        model, name = self._model(desc), self._inputs(desc)[index]
        if name == _SIZES_INPUT:
            return 64
        dtype = self._dtype(model.session.get_inputs()[index])
        return int(np.prod(self._greatest(model, name))) * dtype.itemsize

    def _mdl_get_input_dims(self, desc: int, index: int) -> tuple[dict[str, Any], int]:
        dims = list(self._model(desc).shapes[self._inputs(desc)[index]])
        return {"name": "", "dimCount": len(dims), "dims": dims}, 0

    def _mdl_get_input_data_type(self, desc: int, index: int) -> int:
        return _TYPES[self._dtype(self._model(desc).session.get_inputs()[index])]

    def _mdl_get_num_outputs(self, desc: int) -> int:
        return len(self._model(desc).session.get_outputs())

    def _mdl_get_output_name_by_index(self, desc: int, index: int) -> str:
        return str(self._model(desc).session.get_outputs()[index].name)

    def _mdl_get_output_size_by_index(self, desc: int, index: int) -> int:
        return 1 << 16

    def _mdl_get_output_data_type(self, desc: int, index: int) -> int:
        return _TYPES[self._dtype(self._model(desc).session.get_outputs()[index])]

    def _mdl_get_cur_output_dims(self, desc: int, index: int) -> tuple[dict[str, Any], int]:
        dims = list(self._model(desc).answered[index])
        return {"name": "", "dimCount": len(dims), "dims": dims}, 0

    def _mdl_get_dynamic_batch(self, desc: int) -> tuple[dict[str, Any], int]:
        return {"batchCount": 0, "batch": []}, 0

    def _mdl_get_dynamic_hw(self, desc: int, index: int) -> tuple[dict[str, Any], int]:
        return {"hwCount": 0, "hw": []}, 0

    def _mdl_get_input_dynamic_gear_count(self, desc: int, index: int) -> tuple[int, int]:
        return len(self._model(desc).gears), 0

    def _mdl_get_input_dynamic_dims(self, desc: int, index: int, count: int) -> tuple[list[dict[str, Any]], int]:
        gears = self._model(desc).gears[:count]
        return [{"name": "", "dimCount": len(gear), "dims": [*gear, 0, 0]} for gear in gears], 0

    def _mdl_set_input_dynamic_dims(self, model: int, dataset: int, index: int, dims: dict[str, Any]) -> int:
        record = self.alive[model][1]
        if dims["dims"] not in record.gears:
            return INVALID
        record.chosen = dims["dims"]
        return 0

    def _mdl_add_dataset_buffer(self, dataset: int, buffer: int) -> tuple[int, int]:
        self.alive[dataset][1].append(buffer)
        return dataset, 0

    def _mdl_execute(self, model: int, inputs: int, outputs: int) -> int:
        record = self.alive[model][1]
        if record.context != self._context() or (record.gears and record.chosen is None):
            return INVALID
        shapes = _shapes(record, record.chosen) if record.gears else record.shapes
        feeds = {}
        for node, buffer in zip(record.session.get_inputs(), self.alive[inputs][1], strict=False):
            address, _ = self.alive[buffer][1]
            dtype, shape = self._dtype(node), shapes[node.name]
            data = ctypes.string_at(address, int(np.prod(shape)) * dtype.itemsize)
            feeds[node.name] = np.frombuffer(data, dtype).reshape(shape)
        found = record.session.run(None, feeds)
        record.answered = [array.shape for array in found]
        for array, buffer in zip(found, self.alive[outputs][1], strict=True):
            address, size = self.alive[buffer][1]
            whole = np.ascontiguousarray(array)
            assert whole.nbytes <= size
            ctypes.memmove(address, whole.ctypes.data, whole.nbytes)
        return 0


def _shapes(model: Any, gear: list[int]) -> dict[str, list[int]]:
    """Cut the sizes of all inputs in a row into a shape for each."""
    found, place = {}, 0
    for name, shape in model.shapes.items():
        found[name] = gear[place : place + len(shape)]
        place += len(shape)
    return found
