"""Prepare a model for quantization: read it, run the passes, measure the ranges."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.conversion.prepared import Prepared
from microlut.conversion.settings import Overrides, Settings, layer_choices
from microlut.errors import InvalidInput
from microlut.graph.ir import FloatArray, Graph
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


# Checks the network early, and the range of its input once that is known.
Check = Callable[[Graph, tuple[float, float] | None], None]


def unchecked(_graph: Graph, _limits: tuple[float, float] | None) -> None:
    """Accept every network."""


def prepare(
    model: Path | str | object,
    calibration: Path | str | NDArray[np.generic] | None,
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
        check(graph, options.input_range)
        inputs = synthetic_inputs(graph, options.input_range)
        ranges = expected_ranges(graph, inputs, options.input_range)
        return Prepared(graph, ranges, inputs, None, layers, None, options.task)
    samples = _calibration_inputs(calibration, graph)
    if options.input_range is not None and not scaled_alike(samples, *options.input_range):
        low, high = options.input_range
        raise InvalidInput(
            f"calibration inputs span {samples.min():g} to {samples.max():g}, but the range given "
            f"for inputs is {low:g} to {high:g}; give the range of inputs in use, or none"
        )
    chosen = choose_ranges(graph, samples, options.range_rule, options.input_range)
    first = chosen.ranges[graph.input_name]
    check(graph, first)
    warnings = tuple(input_warnings(samples, activation_quantization(*first)))
    samples = inputs = saturated(samples, first)
    if not with_data:
        inputs = synthetic_inputs(graph, first)
    rule, task = chosen.rule, options.task
    return Prepared(graph, chosen.ranges, inputs, samples, layers, rule, task, warnings)


def _calibration_inputs(calibration: Path | str | NDArray[np.generic], graph: Graph) -> FloatArray:
    if isinstance(calibration, Path | str):
        x = load_samples(calibration, graph.input_shape).x
    else:
        x = as_samples(np.asarray(calibration), graph.input_shape).x
    if x.min() == x.max():
        raise InvalidInput(
            f"calibration inputs are all {x.min():g}; give some hundred like those in use"
        )
    return x
