"""From an item that went through a stage graph to its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hpi_schemas.files import Outputs
from hpi_schemas.plan.graph import fields
from hpi_schemas.plan.model import INPUT, Graph
from hpi_schemas.values import PICTURE, RECORD, Value

from hpi_runtime import kinds
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs.reading import Input
from hpi_runtime.results.failures import failed
from hpi_runtime.results.result import Result
from hpi_runtime.run.executor import Item
from hpi_runtime.run.plan import LocatedPlan

# The picture that was read.
IMAGE = f"{INPUT}.image"


class Reporter:
    """Makes results of what a graph gives.

    Attributes:
        graph: that ran.
        fields: what each field of a result is; none where the result comes from an op that nobody here knows.
    """

    def __init__(self, plan: LocatedPlan, graph: Graph, fallbacks: Callable[[], Mapping[str, str]]) -> None:
        """Take the plan, the graph that runs, and what tells the backend in use where it is not the plan's first."""
        self.graph = graph
        self.fields: Mapping[str, Value] = fields(graph, plan.modules)
        self._plan = plan
        self._fallbacks = fallbacks

    def result(self, outputs: Callable[[], Outputs], item: Item[Input]) -> Result:
        """Return the result of an item.

        Args:
            outputs: returns what may be written over.
            item: with what the graph made of it, or why it went no further.

        Raises:
            PlanError: the graph asks for what its stages do not give.
        """
        source = item.source
        if item.error is not None:
            return failed(source.path, source.page, item.error, self._plan.digest, outputs)
        named = self.graph.outputs
        for ref in named.values():
            if ref not in item.values:
                raise PlanError(f"the plan's graph asks for `{ref}`, which its stage does not give")
        given: dict[str, Any] = {"input_path": source.path, "page_index": source.page, "plan": self._plan.digest}
        fallbacks = self._fallbacks()
        if fallbacks:
            given["fallback"] = dict(fallbacks)
        record = item.values[named["result"]]
        image, series = (item.values.get(named.get(port, "")) for port in ("image", "series"))
        given |= kinds.to_json(record, Value(RECORD, fields=self.fields))
        pictures = {name: record[name] for name, field in self.fields.items() if field.kind == PICTURE}
        made = Result(given, image, self.graph.drawing, outputs, self.fields, pictures)
        made.series = series
        made.input_image = item.values.get(IMAGE)
        return made
