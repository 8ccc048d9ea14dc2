"""What passes hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from hpi_schemas.device import Device
from hpi_schemas.model_inputs import OutputTensors, Tensors
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.plan.host import HostRecord
from hpi_schemas.plan.model import EngineRecord, External, Graph, Measurement, Plan, Source
from hpi_schemas.plan.serving import ServingRecord
from hpi_schemas.target import Target

from hpi_planner.diagnostics.model import Diagnostic, Label, Span
from hpi_planner.paddlex.document import Document
from hpi_planner.syntax.tree import Path, Tree

Json = Any


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    Attributes:
        recorded: what the plan says of it.
        span: its place in the source or in an override, None for rules and defaults.
        key_span: the place of its key, where it has one.
    """

    recorded: plan_origin.Origin
    span: Span | None = None
    key_span: Span | None = None

    def labels(self, text: str = "") -> tuple[Label, ...]:
        """Return a label at its place, or none where it has no place."""
        return (Label(self.span, text),) if self.span is not None else ()

    def key_labels(self) -> tuple[Label, ...]:
        """Return a label at its key, or else at its place."""
        return (Label(self.key_span),) if self.key_span is not None else self.labels()


def rule(name: str) -> Origin:
    """Return the origin of what a rule of the compiler decides."""
    return Origin(plan_origin.Origin(plan_origin.RULE, name))


def default(owner: str) -> Origin:
    """Return the origin of a default of a backend, a pipeline's setting or a key."""
    return Origin(plan_origin.Origin(plan_origin.DEFAULT, owner))


@dataclass(frozen=True)
class Traced:
    """A value with its origin."""

    value: Any
    origin: Origin


@dataclass(frozen=True)
class ModelFolder:
    """The folder of a model that no backend of ours runs.

    Attributes:
        dir: as a plan names it.
        files: digests of all files in it.
    """

    dir: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class ModelFacts:
    """What is known of the files of a model.

    Attributes:
        dir: how the plan refers to the folder: relative to the YAML, or ``store:NAME``.
        formats: the formats at hand, sorted: ``onnx``, ``paddle``, ``om``.
        files: for each format, the files an engine reads and their digests.
        inputs: for each format, the model's inputs (om files do not tell theirs).
        outputs: the same of its outputs.
        model_name: the name in ``inference.yml``, None if it names none.
        hpi: the ``Hpi`` section of ``inference.yml``, None without one.
        processing: what ``inference.yml`` says of pre- and postprocessing, None if nobody looked.
        double_lists: attributes of a Paddle program that are lists of doubles, ``OPERATOR.ATTRIBUTE``.
    """

    dir: str
    formats: tuple[str, ...]
    files: Mapping[str, Mapping[str, str]]
    inputs: Mapping[str, Tensors]
    model_name: str | None = None
    hpi: Mapping[str, Any] | None = None
    outputs: Mapping[str, OutputTensors] = field(default_factory=dict)
    processing: Mapping[str, Any] | None = None
    double_lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Module:
    """One model of the pipeline.

    Attributes:
        path: its address in the YAML tree, as a tuple.
        address: the same, dotted.
        module_name: the task, such as ``text_detection``.
        model_name, model_dir, batch_size: as the YAML gives them.
        use_hpip: whether high-performance inference is on, after inheritance.
        hpi_config, engine_config: the merged values; None if nobody gave one.
        engine_given: PaddleX's ``engine``, None if nobody chose one.
        paddlex_engine: what PaddleX makes of all that: ``hpi``, ``paddle``, ``onnxruntime`` …
        keys: what counts of ``hpi_config`` or ``engine_config``, as keys of an ``hpi_config`` with
            origins; each option of ``backend_config`` has an entry of its own, ``backend_config.OPTION``.
        settings: pre- and postprocessing settings, defaults filled in.
        origins: for values that the plan records, where they come from.
        lazy: PaddleX creates it at the first prediction (1), or later than another such (2).
        kernel_option: what a module file says of Paddle's regular inference, keys as in ``keys``.
        facts, engine, fallback, not_chosen, device: filled in by locate and select.
        folder: of a model that no backend of ours runs, None where it has none here.
        profile: what was measured of the engine, None where prior knowledge chose it.
        session: the address of the module whose session it uses, None for one of its own.
        broken: an error concerns it; later passes leave it alone.
    """

    path: Path
    address: str
    module_name: str
    model_name: str
    model_dir: str | None
    batch_size: int | None
    use_hpip: bool
    hpi_config: Mapping[str, Json] | None
    paddlex_engine: Traced
    engine_given: str | None = None
    engine_config: Mapping[str, Json] | None = None
    keys: Mapping[str, Traced] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    lazy: int = 0
    kernel_option: Mapping[str, Traced] = field(default_factory=dict)
    facts: ModelFacts | None = None
    folder: ModelFolder | None = None
    engine: EngineRecord | None = None
    fallback: tuple[EngineRecord, ...] = ()
    not_chosen: Mapping[str, str] = field(default_factory=dict)
    device: Device | None = None
    profile: Measurement | None = None
    session: str | None = None
    broken: bool = False

    def asked(self, key: str, default: Json = None) -> Json:
        """Return what counts of its configuration at a key of an ``hpi_config``, ``default`` where nobody gave it."""
        item = self.keys.get(key)
        return default if item is None else item.value


@dataclass(frozen=True)
class Pipeline:
    """One pipeline or sub-pipeline with what it was found to contain.

    Attributes:
        path: its address in the YAML tree; empty for the top.
        name: its ``pipeline_name``.
        settings: its own settings, defaults filled in.
        modules: path of each module that exists, by its key.
        pipelines: the sub-pipelines that exist, by their key.
        flags: what switches members on.
    """

    path: Path
    name: str
    settings: Mapping[str, Json]
    modules: Mapping[str, Path]
    pipelines: Mapping[str, Pipeline]
    flags: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Ir:
    """The state between two passes; each pass fills in its part.

    Attributes:
        source: what the plan is made from.
        texts: the source and the overrides, which diagnostics point into, by name.
        tree: the YAML with overrides applied; None if it cannot be read.
        document: its form, filled in with the tree.
        device: the device as given, None if nobody named one.
        parsed_device: the same taken apart.
        pipeline: the top pipeline; None for a module config.
        modules: in the order in which PaddleX creates them.
        external: modules that no backend of ours runs, by address.
        target: the machine.
        bound_device: the device of the first replica.
        replicas: the numbers of the devices that each get a copy; empty for one.
        target_facts: of the target, what a decision read.
        profile: what was measured of the modules' engines together, None where nothing was.
        graph: the stage graph, None if the pipeline has none.
        asked_cold: who wants engines compiled ahead of loading, None if nobody does.
        asked_host: the host that somebody asked for by name.
        host: what runs the pipeline, None where the graph does.
        serving: how a server answers, None where the YAML does not say it.
        plan: what was decided, None after errors.
        text: the plan as canonical JSON.
    """

    source: Source
    texts: Mapping[str, str] = field(default_factory=dict)
    tree: Tree | None = None
    document: Document | None = None
    device: Traced | None = None
    parsed_device: Device | None = None
    pipeline: Pipeline | None = None
    modules: tuple[Module, ...] = ()
    external: Mapping[str, External] = field(default_factory=dict)
    target: Target | None = None
    bound_device: Device | None = None
    replicas: tuple[int, ...] = ()
    target_facts: Target | None = None
    profile: Measurement | None = None
    graph: Graph | None = None
    asked_cold: Origin | None = None
    asked_host: Traced | None = None
    host: HostRecord | None = None
    serving: ServingRecord | None = None
    plan: Plan | None = None
    text: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    def report(self, *diagnostics: Diagnostic) -> Ir:
        """Return this state with more diagnostics."""
        return replace(self, diagnostics=(*self.diagnostics, *diagnostics)) if diagnostics else self


class Pass(Protocol):
    """One step of the compiler: a frozen dataclass with a name and a pure function."""

    @property
    def name(self) -> str:
        """The name for ``--stop-after``."""

    def apply(self, ir: Ir) -> Ir:
        """Return the state after this step; findings go into its diagnostics."""
