"""A plan as frozen types: what hpi-run executes, what reviewers read, and what nobody else may invent.

Everything here is decided. A reader of a plan looks things up and never falls back on a default of its own: what a
plan leaves out has one meaning, which stands at the field. Mappings and the JSON values in them must not be changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas.device import Device
from hpi_schemas.model_inputs import OutputTensors, Tensors
from hpi_schemas.plan.host import HostRecord
from hpi_schemas.plan.origin import Origin
from hpi_schemas.plan.serving import ServingRecord
from hpi_schemas.target import Target

# A value that JSON has.
Json = Any
# `STAGE.PORT`: the value that a stage gives at a port.
Reference = str
# The stage that no graph lists: what is read from an input.
INPUT = "input"


@dataclass(frozen=True)
class PrepareStep:
    """One step from the files of a model to the file that a backend loads.

    Attributes:
        step: what is done, such as ``to_onnx``.
        tool: the package that does it, for people; the step itself knows what it calls.
        options: of the step; with the step, the files and the versions of its tools they make the artefact's key.
        produces: the name of the program among the files that it makes.
    """

    step: str
    tool: str
    options: Mapping[str, Json]
    produces: str


@dataclass(frozen=True)
class EngineRecord:
    """A backend with everything that it needs to know; nothing in it is automatic.

    Attributes:
        backend: its name, such as ``openvino``.
        config: every option of the backend, written out.
        prepare: the steps from the model to what it loads, in order.
        format: of the model that the steps, or the backend, start from: ``onnx``, ``paddle`` or ``om``.
    """

    backend: str
    config: Mapping[str, Json]
    prepare: tuple[PrepareStep, ...] = ()
    format: str = "onnx"


@dataclass(frozen=True)
class ModelRecord:
    """What the plan trusts of a model: a run checks the digests, and a review reads no file.

    Attributes:
        dir: the folder: relative to that of the YAML, or ``store:NAME`` for an official model.
        name: PaddleX's, such as ``PP-OCRv6_small_det``.
        format: the format that the engine starts from.
        formats: every format in the folder, sorted.
        files: the digest of every file that an engine of the module reads, by name.
        inputs: dtype and dimensions by name; a dimension is a number, a symbol, or None where it is free.
        outputs: the same, in the model's order; the dimensions are None where it does not tell them.
        processing: what its ``inference.yml`` says of pre- and postprocessing, None if nobody looked.
        hpi: the ``Hpi`` section of its ``inference.yml``, None without one.
        double_lists: attributes of a Paddle program that are lists of doubles, ``OPERATOR.ATTRIBUTE``.
    """

    dir: str
    name: str
    format: str
    formats: tuple[str, ...]
    files: Mapping[str, str]
    inputs: Tensors
    outputs: OutputTensors
    processing: Mapping[str, Json] | None = None
    hpi: Mapping[str, Json] | None = None
    double_lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """What a profile says of the engine that was chosen by it, or of all engines together; no run reads it.

    Attributes:
        agreement: the part of the results that equal those of the engine which prior knowledge chooses, by kind.
        measured: how many candidates, or combinations of them, were measured.
        milliseconds: per input, ``latency`` (one at a time), ``throughput`` (all in one go), and ``cold`` (from the
            start of a process to its first result) where that was measured.
        ratio: the same as parts of the times of the engine that prior knowledge chooses.
        pictures: how many inputs it was measured on.
        held_back: whether no candidate was chosen by these inputs.
        accuracy: against the truth, by measure; None where the engine's was not measured.
        reference_accuracy: the same of the engine that prior knowledge chooses.
    """

    agreement: Mapping[str, float]
    measured: int
    milliseconds: Mapping[str, float]
    ratio: Mapping[str, float]
    pictures: int
    held_back: bool = False
    accuracy: Mapping[str, float] | None = None
    reference_accuracy: Mapping[str, float] | None = None


@dataclass(frozen=True)
class RequestedEngine:
    """PaddleX 3.7's ``engine`` and ``engine_config`` of a module, as they were inherited; no run reads them.

    Attributes:
        engine: None if only a configuration was given.
        engine_config: None if none was given.
    """

    engine: str | None
    engine_config: Mapping[str, Json] | None


@dataclass(frozen=True)
class ModuleRecord:
    """One model of the pipeline, and what it runs on.

    Attributes:
        module_name: the task, such as ``text_detection``.
        model: its files.
        device: of the first replica.
        engine: what runs it.
        fallback: engines for the same device, in order, used only when preparing or loading ``engine`` fails.
        batch_size: inputs at a time.
        settings: of pre- and postprocessing; None leaves one to the model's ``inference.yml``.
        use_hpip: whether high-performance inference was asked for.
        hpi_config: the merged value as PaddleX would see it, None if nobody gave one.
        not_chosen: each backend that was not chosen, and the code of the reason.
        origins: where each decided value comes from, by its dotted key.
        lazy: PaddleX creates it at the first prediction. hpi-run does not wait for that.
        profile: what was measured, None where prior knowledge chose the engine.
        requested: PaddleX's own words for an engine, None where nobody used them.
        session: the address of the module whose loaded engine it uses, for both have the same model, engine and device;
            None for one of its own. A run of the module alone loads it.
    """

    module_name: str
    model: ModelRecord
    device: Device
    engine: EngineRecord
    batch_size: int
    settings: Mapping[str, Json]
    use_hpip: bool
    hpi_config: Mapping[str, Json] | None = None
    fallback: tuple[EngineRecord, ...] = ()
    not_chosen: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    lazy: bool = False
    profile: Measurement | None = None
    requested: RequestedEngine | None = None
    session: str | None = None

    @property
    def engines(self) -> tuple[EngineRecord, ...]:
        """The engine and its fallbacks, in the order in which they are tried."""
        return (self.engine, *self.fallback)


@dataclass(frozen=True)
class Stage:
    """One node of the graph: a module, an operation without a model, or a graph for each element of a list.

    Attributes:
        inputs: what flows into each of its ports.
        module: the address of the module that runs here, None if none does.
        op: the operation that runs here, None if none does.
        params: of the operation.
        many: of a module: what flows into its ports are lists, and so is what comes out; they have one entry a picture.
        each: a graph that runs once for each element of the lists in ``inputs``, which are its ``input``; what comes
            out of it comes out here as lists. None if none does.
    """

    inputs: Mapping[str, Reference]
    module: str | None = None
    op: str | None = None
    params: Mapping[str, Json] = field(default_factory=dict)
    many: bool = False
    each: Graph | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The stages that it waits for, sorted; ``input`` is one of them."""
        return tuple(sorted({source(reference) for reference in self.inputs.values()}))


def source(reference: Reference) -> str:
    """Return the stage of a reference; names of stages may hold dots, those of ports never."""
    return reference.rpartition(".")[0]


@dataclass(frozen=True)
class Graph:
    """Which stages run, and what flows between them.

    Attributes:
        stages: by name.
        order: their names in the order in which they run.
        outputs: the references of the ``result`` record and of the ``image`` to draw on; of a graph for each element of
            a list, what comes out of it, by port.
        drawing: what PaddleX calls the picture drawn of a result; it ends the name of its file. Empty in a graph for
            each element of a list.
    """

    stages: Mapping[str, Stage]
    order: tuple[str, ...]
    outputs: Mapping[str, Reference]
    drawing: str = ""

    def in_order(self) -> Iterator[tuple[str, Stage]]:
        """Yield every stage with its name, in the order in which they run."""
        return ((name, self.stages[name]) for name in self.order)

    @property
    def modules(self) -> tuple[str, ...]:
        """The addresses of the modules that run, in order, those in graphs for each element of a list among them."""
        found: list[str] = []
        for _, stage in self.in_order():
            found += (
                [stage.module] if stage.module is not None else stage.each.modules if stage.each is not None else []
            )
        return tuple(found)


@dataclass(frozen=True)
class PipelineRecord:
    """The pipeline that the plan is of.

    Attributes:
        name: PaddleX's ``pipeline_name``, None for the plan of a single module.
        settings: by the address of the pipeline or sub-pipeline; that of the top is empty.
    """

    name: str | None
    settings: Mapping[str, Mapping[str, Json]]


@dataclass(frozen=True)
class ProfileReference:
    """The profile that decided, and how.

    Attributes:
        file: relative to the plan.
        digest: of its bytes.
        optimize: ``latency``, ``throughput`` or ``cold``.
        max_accuracy_drop: in percentage points; None allows what fp32 engines differ by.
    """

    file: str
    digest: str
    optimize: str
    max_accuracy_drop: float | None


@dataclass(frozen=True)
class Source:
    """What the plan was made from; with the target and the models, all that it depends on.

    Attributes:
        file: the YAML, relative to the plan; None for a built-in pipeline.
        builtin: the name of the built-in pipeline, None for a YAML.
        overrides: as they were given on the command line, in order.
        profile: None where prior knowledge decided alone.
    """

    file: str | None = None
    builtin: str | None = None
    overrides: tuple[str, ...] = ()
    profile: ProfileReference | None = None


@dataclass(frozen=True)
class External:
    """A module that no backend of ours runs.

    Attributes:
        kind: what it is, such as ``chat_bot``, or its task.
        model_name: as the YAML gives it, None where it gives none.
        dir: the folder of its model, as those of modules are named; None where it has none here.
        files: digests of all files in that folder, for whoever runs it reads what it likes.
    """

    kind: str
    model_name: Json
    dir: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A whole plan.

    Attributes:
        pipeline: what it is of.
        source: what it was made from.
        target: every fact of the machine that a decision read, absences included; no others.
        rules: the version of the rules that decided: the same inputs may give another plan under others.
        modules: every model, by its address in the YAML tree.
        graph: None where hpi-run itself can only run it module by module.
        external: modules that run elsewhere, by address.
        host: what runs the pipeline around the engines, None where ``graph`` does, or nothing runs it as a whole.
        serving: how a server answers requests that do not say it, None where the YAML says nothing of that.
        replicas: the numbers of the devices that each run a copy of the pipeline; empty where there is but one.
        must_understand: features that whoever executes this plan has to know.
        profile: what was measured of the whole pipeline with these engines, None where nothing was.
    """

    pipeline: PipelineRecord
    source: Source
    target: Target
    rules: str
    modules: Mapping[str, ModuleRecord]
    graph: Graph | None = None
    external: Mapping[str, External] = field(default_factory=dict)
    host: HostRecord | None = None
    serving: ServingRecord | None = None
    replicas: tuple[int, ...] = ()
    must_understand: tuple[str, ...] = ()
    profile: Measurement | None = None
