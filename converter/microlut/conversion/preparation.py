"""Prepare a model for quantization: read it, run the passes, measure the ranges."""

from __future__ import annotations

from microlut.conversion.aside import set_aside
from microlut.conversion.calibration import (
    NO_CALIBRATION,
    STAGES,
    calibration_inputs,
    notes_of,
    tamed,
)
from microlut.conversion.decisions import Decision
from microlut.conversion.early_checks import Check, unchecked
from microlut.conversion.input_checks import calibration_findings
from microlut.conversion.integers import prepared_integers
from microlut.conversion.layer_choices import layer_choices
from microlut.conversion.options import Options
from microlut.conversion.prepared import Prepared
from microlut.conversion.tensor_types import tensor_types
from microlut.errors import InvalidInput
from microlut.graph.passes import run_passes
from microlut.graph.passes.prune_channels import pruned_layers
from microlut.importers import import_model
from microlut.importers.sample_files import check_file
from microlut.importers.samples import Inputs
from microlut.ops.tensor import feature_ranges
from microlut.plan.limits import check_sizes
from microlut.quantize.equalize import equalized
from microlut.quantize.ranges.activations import activation_quantization, quantized_tensors
from microlut.quantize.ranges.choose import (
    choose_ranges,
    known_ranges,
    possible_ranges,
)
from microlut.quantize.types import with_conversions
from microlut.quantize.weights import Method
from microlut.quantize.without_data.fit import expected_ranges
from microlut.quantize.without_data.synthetic import synthetic_inputs
from microlut.support.arguments import (
    PathLike,
    check_text,
)
from microlut.support.progress import Progress, check_progress


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
    if imported.exact:
        return prepared_integers(imported, calibration, options, progress, check)
    graph = run_passes(imported)
    pruned = pruned_layers(imported, graph)
    check_sizes(graph)
    known = known_ranges(graph, options.input_range)
    limits = {tensor.name: known[tensor.name] for tensor in graph.inputs if tensor.name in known}
    if calibration is None and len(limits) < len(graph.inputs):
        raise InvalidInput(NO_CALIBRATION)
    default: Method = "fitted" if calibration is None else "calibrated"
    layers = layer_choices(graph, options.settings, options.overrides, default)
    with_data = any(layer.config.needs_data for layer in layers.values())
    if calibration is None and with_data:
        raise InvalidInput(NO_CALIBRATION)
    check(graph, None)
    samples = None
    if calibration is not None:
        samples = calibration_inputs(calibration, graph, options.input_range)
    found = tensor_types(graph, options.settings, options.overrides)
    kept, (graph, types) = found.kept_int8, with_conversions(graph, found.types)
    progress("calibrate", 1, STAGES)
    if samples is None:
        stored = {name: activation_quantization(*ends) for name, ends in limits.items()}
        check(graph, {name: (feature_ranges(q),) for name, q in stored.items()})
        inputs = synthetic_inputs(graph, limits)
        ranges = expected_ranges(graph, inputs, limits).replaced(known).typed(types)
        task = options.task
        notes = notes_of(graph)
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
    findings = (*notes_of(graph), *calibration_findings(samples, imported, given))
    clipped = tamed(graph, used, chosen.ranges)
    limits = {tensor.name: chosen.ranges[tensor.name] for tensor in graph.inputs}
    return Prepared(
        graph=graph,
        ranges=chosen.ranges,
        inputs=clipped if with_data else synthetic_inputs(graph, limits),
        samples=clipped,
        layers=layers,
        range_rule=chosen.rule,
        task=options.task,
        findings=findings,
        pruned=pruned,
        kept_int8=kept,
        measured={name: (float(x.min()), float(x.max())) for name, x in samples.arrays.items()},
        equalized=even.layers,
        aside=None if aside is None else tamed(graph, aside, chosen.ranges),
        decisions=(
            Decision("ranges", chosen.rule, "error", aside is not None, dict(chosen.divergences)),
        ),
        free_bits=options.settings.defaults.bits is None and options.overrides.bits is None,
    )
