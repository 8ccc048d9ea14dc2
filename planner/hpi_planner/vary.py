"""The stage graph of a plan with other settings, from the plan alone: what one request of a service asks for.

Engines stay what they are. What needs a model that the plan does not have is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas.plan.graph import READ
from hpi_schemas.plan.model import INPUT, Graph, Plan
from hpi_schemas.settings import Setting, fault

from hpi_planner.ir import Pipeline
from hpi_planner.paddlex import definitions, graph
from hpi_planner.paddlex.definitions import Definition, Member
from hpi_planner.syntax.tree import Path, dotted


class VaryError(ValueError):
    """What a plan cannot be varied to; the message is for people."""


@dataclass(frozen=True)
class Varied:
    """A plan with other settings.

    Attributes:
        graph: its stage graph; all its modules are in the plan.
        settings: of every module of the plan, by address.
    """

    graph: Graph
    settings: Mapping[str, Mapping[str, Any]]


def vary(plan: Plan, changes: Mapping[str, Any]) -> Varied:
    """Return what a plan would be with other values at some keys of its YAML.

    Args:
        plan: of a pipeline that hpi-run itself runs.
        changes: the values by the addresses of their keys, such as ``SubModules.TextDetection.thresh`` or
            ``use_textline_orientation``; only what is on in the plan can be switched off, nothing on.

    Raises:
        VaryError: a key is unknown, its value cannot be that, or it takes a model that the plan does not have.
    """
    if plan.graph is None or plan.pipeline.name is None:
        raise VaryError("only a plan of a pipeline that hpi-run itself runs can be varied")
    # An older plan may say less of its pipelines than it takes.
    is_ours = False
    with suppress(KeyError):
        is_ours = _State.of(plan).graph(plan) == plan.graph
    if not is_ours:
        raise VaryError("the plan's stage graph was made by another hpi-plan, or by hand: plan again")
    state = _State.of(plan)
    for key, value in changes.items():
        state.change(key, value)
    return Varied(state.graph(plan), state.modules)


@dataclass
class _State:
    """What of a plan can be changed.

    Attributes:
        modules: the settings of each module, by address.
        pipelines: settings and switches of each pipeline and sub-pipeline, by address.
        names: the name of each of those.
        off: addresses of what was switched off.
    """

    modules: dict[str, Mapping[str, Any]]
    pipelines: dict[str, Mapping[str, Any]]
    names: dict[str, str]
    off: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, plan: Plan) -> _State:
        """Return that of a plan as it is."""
        modules = {address: record.settings for address, record in plan.modules.items()}
        state = cls(modules, dict(plan.pipeline.settings), {})
        state._name("", str(plan.pipeline.name))
        return state

    def _name(self, address: str, name: str) -> None:
        self.names[address] = name
        for member in definitions.load(name).members:
            below = _below(address, member)
            if member.pipeline is not None and below in self.pipelines:
                self._name(below, member.pipeline)

    def change(self, key: str, value: Any) -> None:
        """Take another value at a key.

        Raises:
            VaryError: it is unknown, cannot be that, or takes a model that is not there.
        """
        owner, _, name = key.rpartition(".")
        if owner in self.modules:
            self.modules[owner] = {**self.modules[owner], name: value}
            return
        if owner not in self.names:
            raise VaryError(f"`{key}`: the plan has no `{owner}`")
        definition = definitions.load(self.names[owner])
        if name in definition.flags:
            self._switch(owner, definition, name, value)
        elif name in definition.settings:
            _check(key, value, definition.settings[name])
            for member in definition.members:
                self._hand_down(owner, member, name, value)
        else:
            raise VaryError(f"`{key}`: `{definition.name}` has no such key")
        self.pipelines[owner] = {**self.pipelines[owner], name: value}

    def _hand_down(self, owner: str, member: Member, name: str, value: Any) -> None:
        """Change what a member has from a setting of its pipeline."""
        below = _below(owner, member)
        for setting, source in member.given.items():
            if source == name and below in self.modules:
                self.modules[below] = {**self.modules[below], setting: value}

    def _switch(self, owner: str, definition: Definition, flag: str, value: Any) -> None:
        _check(_at(owner, flag), value, Setting("boolean"))
        members = [_below(owner, member) for member in definition.members if flag in member.flags]
        if value and not any(self._is_there(below) for below in members):
            message = f"`{_at(owner, flag)}: true` needs a model that the plan does not have: write it in the YAML"
            raise VaryError(f"{message}, and plan again")
        if not value:
            self.off.update(members)

    def _is_there(self, address: str) -> bool:
        known = address in self.modules or address in self.pipelines
        return known and not any(address == other or address.startswith(f"{other}.") for other in self.off)

    def graph(self, plan: Plan) -> Graph:
        """Return the stage graph.

        Raises:
            VaryError: there is none.
        """
        pipeline = self._pipeline(())
        settings = {tuple(address.split(".")): value for address, value in self.modules.items()}
        builder = graph.Builder(settings, plan.external)
        if not builder.inline(pipeline, "", {port: f"{INPUT}.{port}" for port in READ}):
            raise VaryError(f"hpi-run has no stage graph for {builder.missing}")
        return builder.graph(graph.drawing(pipeline))

    def _pipeline(self, path: Path) -> Pipeline:
        address = dotted(path)
        definition, values = definitions.load(self.names[address]), self.pipelines[address]
        there = {
            member.key: (*path, member.section, member.key)
            for member in definition.members
            if self._is_there(_below(address, member))
        }
        children = {member.key for member in definition.members if member.pipeline is not None}
        return Pipeline(
            path,
            definition.name,
            {key: value for key, value in values.items() if key not in definition.flags},
            {key: below for key, below in there.items() if key not in children},
            {key: self._pipeline(below) for key, below in there.items() if key in children},
            {flag: values[flag] for flag in definition.flags},
        )


def _check(key: str, value: Any, setting: Setting) -> None:
    wrong = fault(value, setting)
    if wrong is not None:
        raise VaryError(f"`{key}` must be {wrong}, not {json.dumps(value, ensure_ascii=False)}")


def _below(owner: str, member: Member) -> str:
    return _at(owner, f"{member.section}.{member.key}")


def _at(owner: str, key: str) -> str:
    return f"{owner}.{key}" if owner else key
