"""Prepare a model for quantization: read it, run the passes, measure the ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.conversion.prepared import Prepared
from microlut.conversion.settings import Overrides, Settings, layer_choices
from microlut.errors import InvalidInput
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.samples import as_samples, load_samples, scaled_alike
from microlut.plan import Goal
from microlut.plan.limits import check_sizes
from microlut.quantize.diagnosis import input_warnings
from microlut.quantize.figures import Task
from microlut.quantize.ranges.activations import activation_quantization
from microlut.quantize.ranges.choose import RangeChoice, choose_ranges, saturated
from microlut.quantize.weights import Method
from microlut.quantize.without_data.fit import expected_ranges
from microlut.quantize.without_data.synthetic import synthetic_inputs
from microlut.support.progress import Progress

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
    """

    overrides: Overrides = field(default_factory=Overrides)
    settings: Settings = field(default_factory=Settings)
    input_range: tuple[float, float] | None = None
    range_rule: RangeChoice = "auto"
    task: Task = "auto"
    distill: bool = True
    goal: Goal = field(default_factory=Goal)

    def __post_init__(self) -> None:
        if self.input_range is None:
            return
        low, high = self.input_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InvalidInput(
                f"input range is {low:g} to {high:g}; give a smallest and a larger largest value, "
                "such as 0 255"
            )


Calibration = Path | str | NDArray[np.generic] | Mapping[str, NDArray[np.generic]] | Batch
# Looks at the network, and when they are known at the ranges of its inputs, before much time is
# spent.
Check = Callable[[Graph, Mapping[str, tuple[float, float]] | None], None]


def unchecked(_graph: Graph, _limits: Mapping[str, tuple[float, float]] | None) -> None:
    """Look at nothing."""


def prepare(
    model: Path | str | object,
    calibration: Calibration | None,
    options: Options,
    name: str | None,
    progress: Progress,
    check: Check = unchecked,
) -> Prepared:
    """Import a model, run the passes and measure ranges; takes `convert_with`'s arguments."""
    if calibration is None and options.input_range is None:
        raise InvalidInput(_NO_CALIBRATION)
    progress("import", 0, STAGES)
    graph = run_passes(import_model(model, name))
    check_sizes(graph)
    default: Method = "fitted" if calibration is None else "calibrated"
    layers = layer_choices(graph, options.settings, options.overrides, default)
    with_data = any(layer.config.method != "fitted" for layer in layers.values())
    if calibration is None and (with_data or options.input_range is None):
        raise InvalidInput(_NO_CALIBRATION)
    check(graph, None)
    progress("calibrate", 1, STAGES)
    if calibration is None:
        assert options.input_range is not None
        limits = dict.fromkeys((tensor.name for tensor in graph.inputs), options.input_range)
        check(graph, limits)
        inputs = synthetic_inputs(graph, limits)
        ranges = expected_ranges(graph, inputs, limits)
        return Prepared(graph, ranges, inputs, None, layers, None, options.task)
    samples = _calibration_inputs(calibration, graph, options.input_range)
    chosen = choose_ranges(graph, samples, options.range_rule, options.input_range)
    limits = {tensor.name: chosen.ranges[tensor.name] for tensor in graph.inputs}
    check(graph, limits)
    warnings = tuple(
        warning
        for name, x in samples.arrays.items()
        for warning in input_warnings(x, activation_quantization(*limits[name]))
    )
    samples = inputs = Batch({n: saturated(x, limits[n]) for n, x in samples.arrays.items()})
    if not with_data:
        inputs = synthetic_inputs(graph, limits)
    rule, task = chosen.rule, options.task
    return Prepared(graph, chosen.ranges, inputs, samples, layers, rule, task, warnings)


def _calibration_inputs(
    calibration: Calibration, graph: Graph, limits: tuple[float, float] | None
) -> Batch:
    if isinstance(calibration, Path | str):
        samples = load_samples(calibration, graph.inputs)
    else:
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
