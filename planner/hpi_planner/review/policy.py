"""Policies: JSON Schemas that a plan must satisfy, with messages on the line of the YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from hpi_schemas.canonical import JsonError, loads
from hpi_schemas.files import ReadError, read_bounded
from hpi_schemas.plan import origin as plan_origin

from hpi_planner.compile import Request, compile
from hpi_planner.diagnostics.model import Code, Diagnostic, Label, Span, error
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir
from hpi_planner.review.plans import ReviewedPlan, ReviewError
from hpi_planner.review.wording import value
from hpi_planner.syntax.compose import compose
from hpi_planner.syntax.tree import Tree

# Violations of one policy that are told.
_MOST = 200
SHIPPED = Path(__file__).parent / "policies"


def load(name: str) -> tuple[str, Mapping[str, Any]]:
    """Read a policy: a file, or the name of one that ships with the planner.

    Returns:
        Its name and the schema.

    Raises:
        ReviewError: it is not there, or no JSON Schema of draft 2020-12.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    path = Path(name)
    if not name.endswith(".json"):
        known = sorted(item.stem for item in SHIPPED.glob("*.json"))
        if name not in known:
            raise ReviewError(f"`{name}` is neither a .json file nor a shipped policy; {did_you_mean(name, known)}")
        path = SHIPPED / f"{name}.json"
    try:
        schema = loads(read_bounded(path))
        if not isinstance(schema, dict):
            raise ReviewError(f"{path} is not a policy: it is no object")
        Draft202012Validator.check_schema(schema)
    except RecursionError:
        raise ReviewError(f"{path} is not a policy: it is nested too deeply") from None
    except ReadError as fault:
        raise ReviewError(str(fault)) from None
    except JsonError as fault:
        raise ReviewError(f"{path} is not a policy: {fault}") from None
    except SchemaError as fault:
        raise ReviewError(f"{path} is no JSON Schema: {fault.message}") from None
    return path.stem, schema


def violations(
    plan: ReviewedPlan, policies: Sequence[tuple[str, Mapping[str, Any]]], request: Request | None
) -> tuple[list[Diagnostic], Mapping[str, str]]:
    """Check a plan against policies.

    Args:
        plan: the plan.
        policies: names and schemas.
        request: what the plan was made from, None where the source is not at hand.

    Returns:
        A diagnostic for each violation, and the texts that they point into. A violation points at the YAML
        or the override behind the value, or else at the plan's own line.
    """
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    source = None if request is None else compile(request, "override")
    places = _Places(plan, source)
    found: list[Diagnostic] = []
    for name, schema in policies:
        # A registry of its own: a policy refers to itself or to nothing, never to the network.
        registry: Any = Registry()
        validator = Draft202012Validator(schema, registry=registry)
        try:
            faults = list(islice(validator.iter_errors(plan.document), _MOST))
        except RecursionError:
            raise ReviewError(f"the policy {name} refers to itself without end") from None
        except Unresolvable as lost:
            raise ReviewError(f"the policy {name} refers to something that is not in it: {lost}") from None
        for fault in faults:
            path = tuple(fault.absolute_path)
            explained = fault.schema.get("description") if isinstance(fault.schema, dict) else None
            where = ".".join(map(str, path)) or "the plan"
            message = f"{where} is {value(fault.instance)}; the policy {name} expects {_expected(fault)}"
            found.append(error(Code.POLICY_BROKEN, message, *places.of(path), help=explained))
    return found, places.texts


def _expected(fault: Any) -> str:
    """Say what a schema asks of a value that does not satisfy it."""
    asked = fault.validator_value
    known: dict[str, Callable[[], str]] = {
        "const": lambda: value(asked),
        "enum": lambda: f"one of {', '.join(map(value, asked))}",
        "type": lambda: f"the type {asked if isinstance(asked, str) else ' or '.join(asked)}",
        "minimum": lambda: f"at least {value(asked)}",
        "maximum": lambda: f"at most {value(asked)}",
        "exclusiveMinimum": lambda: f"more than {value(asked)}",
        "exclusiveMaximum": lambda: f"less than {value(asked)}",
        "pattern": lambda: f"a text that matches {asked}",
        "required": lambda: f"the keys {', '.join(map(value, asked))}",
        "minProperties": lambda: f"{value(asked)} keys at least",
        "minItems": lambda: f"{value(asked)} entries at least",
        "not": lambda: f"nothing that fits {value(asked)}",
    }
    said = known.get(fault.validator)
    return said() if said is not None else f"otherwise: {fault.message}"


class _Places:
    """Finds the line behind a value of the plan."""

    def __init__(self, plan: ReviewedPlan, source: Ir | None) -> None:
        self._plan = plan
        self._source = source
        self.texts = {str(plan.place): plan.text, **(source.texts if source is not None else {})}

    @cached_property
    def _lines(self) -> Tree:
        return compose(str(self._plan.place), self._plan.text)[0]

    def of(self, path: tuple[Any, ...]) -> tuple[Label, ...]:
        return tuple(Label(span) for span in (self._in_source(path) or self._in_plan(path),) if span is not None)

    def _in_source(self, path: tuple[Any, ...]) -> Span | None:
        if self._source is None or self._source.tree is None or path[:1] != ("modules",) or len(path) < 2:
            return None
        address, tree = str(path[1]), self._source.tree
        record = self._plan.modules.get(address)
        origins = {} if record is None else record.origins
        keys = [".".join(map(str, path[2:end])) for end in range(len(path), 2, -1)]
        recorded = next((origins[key] for key in keys if key in origins), None)
        if recorded is not None and recorded.kind == plan_origin.FILE:
            return tree.span(tuple(recorded.name.split(".")))
        if recorded is not None and recorded.kind == plan_origin.OVERRIDE and str(recorded) in self._source.texts:
            name = str(recorded)
            return Span(name, 1, 1, 1, len(self._source.texts[name]) + 1)
        # The value is a rule's or a default's: the module stands for it.
        return tree.key_span(tuple(address.split(".")))

    def _in_plan(self, path: tuple[Any, ...]) -> Span | None:
        span = self._lines.key_span(path) if path else None
        return None if span is None or span.source != str(self._plan.place) else span
