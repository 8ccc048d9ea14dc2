"""The models of the plans that are served, as the Open Inference Protocol knows them, whatever carries it.

https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from hpi_runtime.errors import EngineError

from hpi_serve.admission import not_ready, unless_gone
from hpi_serve.catalog import Catalog
from hpi_serve.errors import RequestError

SERVER = "hpi-serve"
VERSION = "1"
DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
Tensors = Mapping[str, Any]


class Tensor(NamedTuple):
    """An input or output.

    Attributes:
        name: of it.
        datatype: as the protocol names it; None where the engine does not tell.
        shape: -1 is any size; None where the engine does not tell.
    """

    name: str
    datatype: str | None = None
    shape: Sequence[int] | None = None


class Description(NamedTuple):
    """What a model takes and gives.

    Attributes:
        platform: that runs it.
        inputs: in order.
        outputs: in order.
    """

    platform: str
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]


class Models:
    """Finds models by name: the address of the module, in plans after the first with ``NAME.`` before it."""

    def __init__(self, catalog: Catalog) -> None:
        """Take what is served."""
        self._catalog = catalog

    def check(self, name: str) -> None:
        """Look whether there is a model.

        Raises:
            RequestError: there is none.
        """
        self._place(name)

    def described(self, name: str) -> Description:
        """Return what a model takes and gives.

        Raises:
            RequestError: there is none.
        """
        plan, address = self._place(name)
        with self._catalog.using(plan) as serving:
            assert serving is not None
            engine = serving.pipeline.engines[address]
            known = {item.name: _tensor(item) for item in engine.told}
            outputs = [known.get(name, Tensor(name)) for name in engine.outputs]
            return Description(f"hpi_{engine.name}", [_tensor(item) for item in engine.inputs], outputs)

    async def run(self, name: str, arrays: Tensors, left: asyncio.Future[Any], deadline: float) -> dict[str, Any]:
        """Return what a model makes of tensors.

        Args:
            name: of the model.
            arrays: its inputs, by name.
            left: ends when the client leaves.
            deadline: of the event loop's clock.

        Raises:
            RequestError: there is no such model, the tensors are not its own, the client left or the time is over.
        """
        plan, address = self._place(name)
        with self._catalog.using(plan) as serving:
            if serving is None:
                raise not_ready()
            try:
                return await unless_gone(serving.run_model(address, arrays), left, deadline)
            except EngineError as fault:
                raise RequestError(400, str(fault)) from None

    def _place(self, name: str) -> tuple[str | None, str]:
        """Return the plan of a model, None for the first, and the address of its module.

        Raises:
            RequestError: there is none, or none yet.
        """
        if not self._catalog.is_ready:
            raise not_ready()
        for number, serving in enumerate(self._catalog.all):
            address = name.removeprefix(f"{serving.name}.")
            if address in serving.pipeline.engines and (number == 0 or address != name):
                return (None if number == 0 else serving.name), address
        raise RequestError(404, f"there is no model `{name}`")


def server_version() -> str:
    """Return the version of what serves."""
    return version("hpi-plan")


def _tensor(item: Any) -> Tensor:
    return Tensor(item.name, NAMES[item.dtype.name], [-1 if size is None else size for size in item.shape])
