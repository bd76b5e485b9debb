"""Networks of integers: what is fixed by the file, and what options mean for them."""

from __future__ import annotations

from dataclasses import replace

from microlut.conversion.aside import set_aside
from microlut.conversion.calibration import (
    NO_CALIBRATION,
    STAGES,
    calibration_inputs,
    notes_of,
    tamed,
)
from microlut.conversion.early_checks import Check
from microlut.conversion.input_checks import calibration_findings
from microlut.conversion.layer_choices import layer_choices
from microlut.conversion.options import Options
from microlut.conversion.prepared import Prepared
from microlut.conversion.report import FileIntegers
from microlut.conversion.tensor_types import OF_INTEGERS, check_types_free
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.importers.samples import Inputs
from microlut.integer import QuantizedGraph
from microlut.ops.tensor import Activation, feature_ranges, quantized_range
from microlut.plan.limits import check_sizes
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.weights import Method
from microlut.quantize.without_data.filling import filling_inputs
from microlut.support.progress import Progress


def stored_ranges(graph: Graph) -> Ranges:
    """Return the ranges and types of all tensors, which the file says."""
    tensors = graph.tensors()
    limits = {name: quantized_range(t.quantized, t.dtype) for name, t in tensors.items()}
    types: dict[str, Activation] = {n: "int16" for n, t in tensors.items() if t.dtype == "int16"}
    return Ranges(limits, types)


def file_integers(graph: Graph, quantized: QuantizedGraph) -> FileIntegers:
    """Return whether a network has all the integers of its file; "" if the file has none."""
    if not graph.exact:
        return ""
    kept = all(node.op is graph.exact.get(node.name) for node in quantized.nodes)
    return "kept" if kept else "recoded"


def check_integers(options: Options) -> None:
    """Raise InvalidInput for options that would change what the file fixes."""
    settings = options.settings
    check_types_free(options.overrides.activations or settings.activations, settings.tensors)
    rule = None if options.range_rule == "auto" else options.range_rule
    for name, given in (("--input-range", options.input_range), ("--ranges", rule)):
        if given is not None:
            raise InvalidInput(f"{OF_INTEGERS}; leave {name} out, or give the float model")


def prepared_integers(
    graph: Graph,
    calibration: Inputs | None,
    options: Options,
    progress: Progress,
    check: Check,
) -> Prepared:
    """Prepare a network of integers, whose quantization is that of the file."""
    check_sizes(graph)
    check_integers(options)
    default: Method = "fitted" if calibration is None else "calibrated"
    layers = layer_choices(graph, options.settings, options.overrides, default)
    if calibration is None and any(layer.config.needs_data for layer in layers.values()):
        raise InvalidInput(NO_CALIBRATION)
    check(graph, None)
    progress("calibrate", 1, STAGES)
    ranges = stored_ranges(graph)
    check(graph, {t.name: (feature_ranges(t.quantized, t.dtype),) for t in graph.inputs})
    with_data = any(layer.config.needs_data for layer in layers.values())
    synthetic = filling_inputs(graph, ranges)
    found = Prepared(graph, ranges, synthetic, None, layers, None, options.task, notes_of(graph))
    if calibration is None:
        return found
    samples = calibration_inputs(calibration, graph, None)
    used, aside = set_aside(samples) if options.aside else (samples, None)
    clipped = tamed(graph, used, ranges)
    return replace(
        found,
        inputs=clipped if with_data else synthetic,
        samples=clipped,
        findings=(*found.findings, *calibration_findings(samples, graph, graph.inputs)),
        measured={name: (float(x.min()), float(x.max())) for name, x in samples.arrays.items()},
        aside=None if aside is None else tamed(graph, aside, ranges),
    )
