"""Prepare a model for quantization: read it, run the passes, measure the ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, get_args

from microlut.conversion.aside import set_aside
from microlut.conversion.decisions import Decision
from microlut.conversion.findings import Finding
from microlut.conversion.input_checks import calibration_findings
from microlut.conversion.prepared import Prepared
from microlut.conversion.settings import Budget, Overrides, Settings, layer_choices, settings_of
from microlut.conversion.tensor_types import tensor_types
from microlut.errors import InvalidInput
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.graph.passes.prune_channels import pruned_layers
from microlut.importers import import_model
from microlut.importers.keras.custom import Custom, check_custom
from microlut.importers.sample_files import check_file
from microlut.importers.samples import Inputs, as_samples
from microlut.importers.scaling import scaled_alike
from microlut.ops.tensor import feature_ranges
from microlut.ops.weights import Granularity
from microlut.plan import DEFAULT_CORE, Goal, Optimize
from microlut.plan.limits import check_sizes
from microlut.quantize.equalize import equalized
from microlut.quantize.figures import Task
from microlut.quantize.ranges.activations import activation_quantization, quantized_tensors
from microlut.quantize.ranges.choose import (
    Ends,
    RangeChoice,
    choose_ranges,
    known_ranges,
    possible_ranges,
)
from microlut.quantize.ranges.inputs import ranged_inputs
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.types import with_conversions
from microlut.quantize.weights import Method
from microlut.quantize.without_data.fit import expected_ranges
from microlut.quantize.without_data.synthetic import synthetic_inputs
from microlut.support.arguments import (
    PathLike,
    check_choice,
    check_flag,
    check_text,
    integer,
    number_pair,
)
from microlut.support.progress import Progress, check_progress

STAGES = 5  # of a conversion; preparation is the first two

_NO_CALIBRATION = (
    "no calibration inputs: int8 activations need ranges measured on inputs like those in use; "
    "save some hundred, prepared as for training, with numpy.savez('calibration.npz', x=inputs) "
    "and give --calibration calibration.npz (labels are not needed); or give "
    "--input-range LOW HIGH to go by the weights and the batch-norm statistics alone"
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to quantize a model.

    Attributes:
        overrides: Options that override the settings.
        settings: The configuration file.
        input_range: Smallest and largest value of inputs. Needed without calibration inputs;
            replaces the range of calibration inputs.
        range_rule: How the ranges of activations follow from the calibration inputs.
        task: What the outputs are, for the figures about them and for budgets.
        distill: Whether to train the network to answer like the float network.
        goal: The goal of the memory plan.
        custom: What classes and layers of the model are; it overrides that of the settings.
        stream: The dimension of inputs along which frames come, without the batch, if the network
            is to take the next frames per run.
        aside: Whether to keep some calibration inputs aside to judge the result on, if they
            suffice.
    """

    overrides: Overrides = field(default_factory=Overrides)
    settings: Settings = field(default_factory=Settings)
    input_range: tuple[float, float] | None = None
    range_rule: RangeChoice = "auto"
    task: Task = "auto"
    distill: bool = True
    goal: Goal = field(default_factory=Goal)
    custom: Custom = field(default_factory=dict)
    stream: int | None = None
    aside: bool = False

    def __post_init__(self) -> None:
        if self.input_range is not None:
            object.__setattr__(self, "input_range", number_pair("input range", self.input_range))
        check_choice("range rule", self.range_rule, get_args(RangeChoice))
        check_choice("task", self.task, get_args(Task))
        check_flag("distill", self.distill)
        if self.stream is not None:
            object.__setattr__(self, "stream", integer("stream", self.stream, 0))

    @property
    def said(self) -> dict[str, str]:
        """Return what the user says about classes and layers, in the settings and beside them."""
        return {**self.settings.custom, **self.custom}


class PrepareOptions(TypedDict, total=False):
    """The options that conversions and searches have."""

    activations: int | None
    granularity: Granularity | None
    method: Method | None
    input_range: tuple[float, float] | None
    range_rule: RangeChoice
    task: Task
    settings: PathLike | None
    custom: Custom | None


class ConvertOptions(PrepareOptions, total=False):
    """The options of conversions, but for the core, which a board has."""

    bits: int | None
    sparsity: float | None
    budget: Budget | None
    distill: bool
    optimize: Optimize
    max_ram: int | None
    stream: int | None


def options_of(  # noqa: PLR0913 (the user's options, by name)
    *,
    bits: int | None = None,
    activations: int | None = None,
    granularity: Granularity | None = None,
    method: Method | None = None,
    sparsity: float | None = None,
    budget: Budget | None = None,
    input_range: tuple[float, float] | None = None,
    range_rule: RangeChoice = "auto",
    task: Task = "auto",
    distill: bool = True,
    settings: PathLike | None = None,
    custom: Custom | None = None,
    optimize: Optimize = "balanced",
    max_ram: int | None = None,
    core: str = DEFAULT_CORE,
    stream: int | None = None,
) -> Options:
    """Return the options of `convert` as one; raises InvalidInput for what is not allowed."""
    overrides = Overrides(bits, granularity, method, budget, activations, sparsity)
    goal = Goal(optimize, max_ram, core)
    said = check_custom(custom)
    found = settings_of(settings)
    axis = found.stream if stream is None else stream
    return Options(
        overrides, found, input_range, range_rule, task, distill, goal, custom=said, stream=axis
    )


# Looks at the network, and then at the ranges that each of its inputs may have, before much time is
# spent.
Check = Callable[[Graph, Mapping[str, tuple[Ends, ...]] | None], None]


def unchecked(_graph: Graph, _limits: Mapping[str, tuple[Ends, ...]] | None) -> None:
    """Look at nothing."""


def prepare(
    model: PathLike | object,
    calibration: Inputs | None,
    options: Options,
    name: str | None,
    progress: Progress,
    check: Check = unchecked,
) -> Prepared:
    """Import a model, run the passes and measure ranges; takes `convert_with`'s arguments."""
    check_text("name", name)
    check_progress(progress)
    if calibration is not None:
        check_file(calibration)
    progress("import", 0, STAGES)
    imported = import_model(model, name, options.said)
    graph = run_passes(imported)
    pruned = pruned_layers(imported, graph)
    check_sizes(graph)
    known = known_ranges(graph, options.input_range)
    limits = {tensor.name: known[tensor.name] for tensor in graph.inputs if tensor.name in known}
    if calibration is None and len(limits) < len(graph.inputs):
        raise InvalidInput(_NO_CALIBRATION)
    default: Method = "fitted" if calibration is None else "calibrated"
    layers = layer_choices(graph, options.settings, options.overrides, default)
    with_data = any(layer.config.needs_data for layer in layers.values())
    if calibration is None and with_data:
        raise InvalidInput(_NO_CALIBRATION)
    check(graph, None)
    samples = None
    if calibration is not None:
        samples = _calibration_inputs(calibration, graph, options.input_range)
    found = tensor_types(graph, options.settings, options.overrides)
    kept, (graph, types) = found.kept_int8, with_conversions(graph, found.types)
    progress("calibrate", 1, STAGES)
    if samples is None:
        stored = {name: activation_quantization(*ends) for name, ends in limits.items()}
        check(graph, {name: (feature_ranges(q),) for name, q in stored.items()})
        inputs = synthetic_inputs(graph, limits)
        ranges = expected_ranges(graph, inputs, limits).replaced(known).typed(types)
        task = options.task
        notes = _notes(graph)
        return Prepared(graph, ranges, inputs, None, layers, None, task, notes, pruned, kept)
    rules = options.range_rule, options.input_range, types
    check(graph, possible_ranges(graph, samples, *rules))
    used, aside = set_aside(samples) if options.aside else (samples, None)
    even = equalized(graph, used, {name: layer.config for name, layer in layers.items()})
    graph = even.graph
    chosen = choose_ranges(graph, used, *rules, aside)
    tensors = quantized_tensors(graph, chosen.ranges)
    given = [tensors[tensor.name] for tensor in graph.inputs]
    check(graph, {t.name: (feature_ranges(t.quantized, t.dtype),) for t in given})
    findings = (*_notes(graph), *calibration_findings(samples, imported, given))
    tamed = _tamed(graph, used, chosen.ranges)
    limits = {tensor.name: chosen.ranges[tensor.name] for tensor in graph.inputs}
    return Prepared(
        graph=graph,
        ranges=chosen.ranges,
        inputs=tamed if with_data else synthetic_inputs(graph, limits),
        samples=tamed,
        layers=layers,
        range_rule=chosen.rule,
        task=options.task,
        findings=findings,
        pruned=pruned,
        kept_int8=kept,
        measured={name: (float(x.min()), float(x.max())) for name, x in samples.arrays.items()},
        equalized=even.layers,
        aside=None if aside is None else _tamed(graph, aside, chosen.ranges),
        decisions=(
            Decision("ranges", chosen.rule, "error", aside is not None, dict(chosen.divergences)),
        ),
    )


def _tamed(graph: Graph, samples: Batch, ranges: Ranges) -> Batch:
    """Return inputs clipped to the ranges of the network, as the device clips them."""
    return Batch(
        {
            one.name: one.saturated(samples.arrays[one.name], ranges[one.tensor])
            for one in ranged_inputs(graph)
        }
    )


def _notes(graph: Graph) -> tuple[Finding, ...]:
    return tuple(Finding("left-out", "", note) for note in graph.notes)


def _calibration_inputs(
    calibration: Inputs, graph: Graph, limits: tuple[float, float] | None
) -> Batch:
    samples = as_samples(calibration, graph.inputs)
    for x in samples.inputs.arrays.values():
        if x.min() == x.max():
            raise InvalidInput(
                f"calibration inputs are all {x.min():g}; give some hundred like those in use"
            )
        if limits is not None and not scaled_alike(x, *limits):
            low, high = limits
            raise InvalidInput(
                f"calibration inputs span {x.min():g} to {x.max():g}, but the range given for "
                f"inputs is {low:g} to {high:g}; give the range of inputs in use, or none"
            )
    return samples.inputs
