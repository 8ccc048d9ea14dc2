"""What the schema cannot say of a stage graph: that its parts refer to each other, and that what flows fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hpi_schemas import ops, tasks, value_types
from hpi_schemas.plan.model import INPUT, External, Graph, ModuleRecord, Plan, Stage, source
from hpi_schemas.values import CLIP, PICTURE, PLAIN, RECORD, SERIES, Value

# What may be read from an input, by port: of a clip also its first picture, of a page how many its document has.
READ = {"image": Value(PICTURE), "series": Value(SERIES), "clip": Value(CLIP), "page_count": Value(PLAIN)}
_IMAGE = "image"
# What every medium has.
_ANY = {_IMAGE, "page_count"}
# The record of one picture that went through a module, which every module's stage gives.
RESULT = "result"


class GraphError(ValueError):
    """A graph that cannot be run; the message is for people."""


def broken(plan: Plan) -> str | None:
    """Return what in a plan's stage graph refers to nothing or does not fit, or None if all of it does."""
    if plan.graph is None:
        return None
    try:
        types = typed(plan.graph, task_names(plan.modules))
        _check_outputs(plan.graph, types)
        _check_folders(plan.graph, plan.external)
    except GraphError as fault:
        return str(fault)
    return None


def typed(
    graph: Graph, modules: Mapping[str, str], given: Mapping[str, Value] | None = None
) -> dict[str, Value | None]:
    """Return the type of every value that flows in a graph, by reference.

    None is a type that nobody here knows, for its task or op is of a package that is not installed.

    Args:
        graph: to look at.
        modules: the task of each, by address.
        given: what is read from an input, by port; by default what ``READ`` has.

    Raises:
        GraphError: something refers to nothing, or flows where it does not fit.
    """
    if sorted(graph.order) != sorted(graph.stages):
        raise GraphError("`graph.order` does not name every stage once")
    types: dict[str, Value | None] = {f"{INPUT}.{port}": value for port, value in (given or READ).items()}
    done: dict[str, bool] = {INPUT: True}
    for name, stage in graph.in_order():
        flowing: dict[str, Value | None] = {}
        for port, reference in stage.inputs.items():
            flowing[port] = _flowing(f"the stage `{name}`", reference, types, done)
        gives = _gives(name, stage, flowing, modules)
        done[name] = gives is not None
        types |= {f"{name}.{port}": value for port, value in (gives or {}).items()}
    for port, reference in graph.outputs.items():
        _flowing(f"`graph.outputs.{port}`", reference, types, done)
    return types


def fields(graph: Graph, modules: Mapping[str, ModuleRecord]) -> Mapping[str, Value]:
    """Return the fields of the record that a graph gives, in order; none where nobody here knows them."""
    found = typed(graph, task_names(modules)).get(graph.outputs[RESULT])
    return {} if found is None else found.fields


def of_one(address: str, task: str) -> Graph:
    """Return the graph of a single module.

    Args:
        address: of the module.
        task: what it does.
    """
    contract = tasks.find(task)
    port = _IMAGE if contract is None else next(iter(contract.takes))
    # A series is shown as the module saw it.
    looked_at = () if contract is None else [name for name, value in contract.gives.items() if value.kind == SERIES]
    shown = {SERIES: f"module.{looked_at[0]}"} if looked_at else {_IMAGE: f"{INPUT}.{_IMAGE}"}
    return Graph(
        stages={"module": Stage({port: f"{INPUT}.{port}"}, module=address)},
        order=("module",),
        outputs={**shown, RESULT: f"module.{RESULT}"},
        drawing="res",
    )


def medium(graph: Graph) -> str:
    """Return what the inputs of a graph are: one of the ports of ``READ``.

    Raises:
        GraphError: it is several things at once, of which no input can be both.
    """
    refs = [ref for stage in graph.stages.values() for ref in stage.inputs.values()] + [*graph.outputs.values()]
    ports = {ref.rpartition(".")[2] for ref in refs if source(ref) == INPUT} - _ANY
    if len(ports) > 1:
        raise GraphError(f"the graph reads {' and '.join(sorted(ports))} of each input")
    return next(iter(ports), _IMAGE)


def task_names(modules: Mapping[str, ModuleRecord]) -> dict[str, str]:
    """Return the task of each module, by address."""
    return {address: record.module_name for address, record in modules.items()}


def _flowing(who: str, reference: str, types: Mapping[str, Value | None], done: Mapping[str, bool]) -> Value | None:
    """Return the type behind a reference; ``done`` says of each stage so far whether its ports are known."""
    if source(reference) not in done:
        raise GraphError(f"{who} needs `{reference}`, which no stage before it gives")
    if reference not in types and done[source(reference)]:
        raise GraphError(f"{who} needs `{reference}`, which is no port of `{source(reference)}`")
    return types.get(reference)


def _gives(
    name: str, stage: Stage, flowing: Mapping[str, Value | None], modules: Mapping[str, str]
) -> Mapping[str, Value | None] | None:
    """Return the types of what a stage gives, None where nobody here knows its ports."""
    if stage.each is not None:
        return _each(name, stage.each, flowing, modules)
    if stage.op is not None:
        known = ops.find(stage.op)
        if known is None:
            return None
        _check_ports(name, flowing, known.takes)
        _check_params(name, stage, known.params)
        return {port: _resolved(value, flowing) for port, value in known.gives.items()}
    if stage.module is None or stage.module not in modules:
        raise GraphError(f"the stage `{name}` runs the module `{stage.module}`, which the plan does not have")
    contract = tasks.find(modules[stage.module])
    if contract is None:
        return None
    _check_ports(name, flowing, {port: replace(value, many=stage.many) for port, value in contract.takes.items()})
    if stage.many:
        return {port: replace(value, many=True) for port, value in contract.gives.items()}
    return {**contract.gives, RESULT: Value(RECORD, fields=contract.gives)}


def _resolved(value: Value, flowing: Mapping[str, Value | None]) -> Value:
    """Return the type of what an op gives, with the fields of what it hands on, as itself or as a field."""
    own = flowing.get(value.like)
    fields = value.fields if own is None else own.fields
    return replace(
        value, fields={name: _resolved(field, flowing) if field.like else field for name, field in fields.items()}
    )


def _each(
    name: str, graph: Graph, flowing: Mapping[str, Value | None], modules: Mapping[str, str]
) -> Mapping[str, Value | None]:
    given: dict[str, Value] = {}
    for port, value in flowing.items():
        if value is None or not value.many:
            raise GraphError(f"the stage `{name}` runs for each element of `{port}`, which is {value or 'unknown'}")
        given[port] = replace(value, many=False)
    types = typed(graph, modules, given)
    found: dict[str, Value | None] = {}
    for port, reference in graph.outputs.items():
        value = types.get(reference)
        if value is not None and value.many:
            raise GraphError(f"the stage `{name}` gives lists of lists at `{port}`")
        found[port] = None if value is None else replace(value, many=True)
    return found


def _check_ports(name: str, flowing: Mapping[str, Value | None], takes: Mapping[str, Value]) -> None:
    for port, value in flowing.items():
        if port not in takes:
            raise GraphError(f"the stage `{name}` has no port `{port}`")
        if value is not None and not value.fits(takes[port]):
            raise GraphError(f"the stage `{name}` takes {takes[port]} at `{port}`, and {value} flows there")
    for port, value in takes.items():
        if port not in flowing and not value.optional:
            raise GraphError(f"nothing flows into `{port}` of the stage `{name}`")


def _check_params(name: str, stage: Stage, params: Mapping[str, str]) -> None:
    for key in sorted({*params, *stage.params}):
        if key not in params:
            raise GraphError(f"the stage `{name}` has no parameter `{key}`")
        if key not in stage.params:
            raise GraphError(f"the stage `{name}` lacks its parameter `{key}`")
        if not value_types.is_of(stage.params[key], params[key]):
            wanted = value_types.described(params[key])
            raise GraphError(f"the parameter `{key}` of the stage `{name}` must be of type {wanted}")


def _check_folders(graph: Graph, external: Mapping[str, External]) -> None:
    for name, stage in graph.in_order():
        if stage.each is not None:
            _check_folders(stage.each, external)
        contract = None if stage.op is None else ops.find(stage.op)
        address = stage.params[contract.folder] if contract is not None and contract.folder else None
        if address is not None and (address not in external or external[address].dir is None):
            raise GraphError(f"the stage `{name}` reads the folder of `{address}`, which the plan does not have")


def _check_outputs(graph: Graph, types: Mapping[str, Value | None]) -> None:
    subject = SERIES if medium(graph) == SERIES else _IMAGE
    for port, kind in ((subject, READ[subject].kind), (RESULT, RECORD)):
        reference = graph.outputs.get(port)
        if reference is None:
            raise GraphError(f"`graph.outputs.{port}` refers to no stage")
        value = types.get(reference)
        if value is not None and not value.fits(Value(kind)):
            raise GraphError(f"`graph.outputs.{port}` must be {kind}, not {value}")
