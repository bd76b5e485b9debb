"""Compile the report of a conversion."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from microlut.conversion.decisions import Decision
from microlut.conversion.findings import Finding
from microlut.conversion.memories import used_memories
from microlut.conversion.report import (
    ConvertReport,
    FileIntegers,
    JudgedOn,
    LayerReport,
    SegmentReport,
    StreamReport,
    TensorReport,
)
from microlut.conversion.settings import Budget
from microlut.distill.tuning import Tuned
from microlut.graph.passes.prune_channels import Pruned
from microlut.integer import QuantizedGraph
from microlut.integer.packing import stored_weights, weight_bytes
from microlut.integer.stream import warm_up_runs
from microlut.ops.linear import QLinear
from microlut.ops.tensor import Tensor, quantized_range
from microlut.ops.weighted import QWeighted
from microlut.ops.weights import QuantizedWeights
from microlut.plan import Plan, Step
from microlut.plan.pieces import longest, pieces_of
from microlut.quantize.divided import Divided
from microlut.quantize.figures import Comparison
from microlut.quantize.weights import LayerConfigs
from microlut.version import VERSION


@dataclass(frozen=True, slots=True)
class Making:
    """How a network was made, and how near it is to the float network.

    Attributes:
        configs: Configurations of the layers with weights, by name.
        budget: The budget that bits were chosen for, if any.
        calibration_samples: Number of calibration inputs.
        range_rule: How activation ranges follow from them; None without any.
        comparison: Comparison with the float network.
        distilled: Whether it was trained to answer like the float network.
        kept_aside: How many of the calibration inputs only judge.
        decisions: What was chosen by measuring.
        findings: Problems of the calibration inputs and the outputs.
        pruned: Layers that lost output channels before they were quantized.
        kept_int8: Layers that keep 8 bits in a network that was given 16.
        equalized: Layers whose output channels were divided to fill their tensor's range.
        custom: What the user has said that classes and layers are.
        measured: Least and largest value of each input among the calibration inputs, if any.
        file_integers: What became of the integers of a file that has them.
    """

    configs: LayerConfigs
    budget: Budget | None
    calibration_samples: int
    range_rule: str | None
    comparison: Comparison
    distilled: bool = False
    kept_aside: int = 0
    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()
    pruned: tuple[Pruned, ...] = ()
    kept_int8: tuple[str, ...] = ()
    equalized: tuple[Divided, ...] = ()
    tuned: Tuned | None = None
    custom: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    file_integers: FileIntegers = ""


def convert_report(plan: Plan, prefix: str, making: Making) -> ConvertReport:
    """Compile the report of a conversion."""
    graph = plan.graph
    merged = {step.sum.name: step.node.name for step in plan.steps if step.sum is not None}
    for segment in plan.segments:
        merged.update({part.node.name: segment.name for part in segment.parts})
    small = plan.goal.optimize == "size"  # which is not modelled
    stored, pieces = stored_weights(graph), pieces_of(plan)
    layers = tuple(
        _layer(step, making, merged, small, step.node.name in stored) for step in plan.steps
    )
    return ConvertReport(
        microlut=VERSION,
        model=graph.name,
        prefix=prefix,
        source=graph.source,
        source_sha256=graph.source_sha256,
        custom=dict(making.custom),
        bits=_average_bits(stored.values()),
        granularity=_common([config.granularity for config in making.configs.values()]),
        method=_common([config.method for config in making.configs.values()]),
        budget=None if making.budget is None else making.budget.as_json(),
        calibration_samples=making.calibration_samples,
        range_rule=making.range_rule,
        kept_aside=making.kept_aside,
        judged_on=_judged_on(making),
        decisions=making.decisions,
        distilled=making.distilled,
        quality=making.comparison.quality,
        qualities={name: one.quality for name, one in making.comparison.outputs.items()},
        findings=making.findings,
        warnings=tuple(finding.line for finding in making.findings),
        pruned=making.pruned,
        kept_int8=making.kept_int8,
        equalized=making.equalized,
        tuned=making.tuned,
        weight_bytes=plan.weight_bytes,
        parameter_bytes=plan.parameter_bytes,
        arena_bytes=plan.arena_bytes,
        arena_lower_bound_bytes=plan.arena_lower_bound,
        optimize=plan.goal.optimize,
        max_ram=plan.goal.max_ram,
        step_instructions=plan.goal.step_instructions,
        core=plan.goal.core,
        estimated_instructions=None if small else sum(step.instructions for step in plan.steps),
        steps=max(1, len(pieces)),
        longest_step_instructions=None if small else longest(pieces),
        macs=sum(layer.macs for layer in layers),
        inputs=tuple(
            replace(
                _tensor(tensor.name, tensor),
                measured=making.measured.get(tensor.name),
                order=tensor.order,
            )
            for tensor in graph.inputs
        ),
        outputs=tuple(
            replace(_tensor(name, tensor), order=order)
            for (name, tensor), order in zip(
                graph.output_tensors().items(),
                graph.output_orders or (None,) * len(graph.outputs),
                strict=True,
            )
        ),
        layers=layers,
        tflite_lacks=graph.tflite_lacks(),
        stream=_stream(graph),
        ram_curve=plan.curve,
        segments=tuple(
            SegmentReport(
                first=segment.parts[0].node.name,
                last=segment.name,
                layers=len(segment.parts),
                rows=segment.rows,
                buffer_bytes=segment.buffer_bytes,
            )
            for segment in plan.segments
        ),
        buffers=plan.buffers,
        memories=used_memories(plan),
        file_integers=making.file_integers,
    )


def _judged_on(making: Making) -> JudgedOn:
    if making.kept_aside:
        return "kept aside"
    return "calibration" if making.calibration_samples else "synthetic"


def _stream(graph: QuantizedGraph) -> StreamReport | None:
    found = graph.stream
    if found is None:
        return None
    return StreamReport(
        axis=found.axis,
        window=found.window,
        frames=graph.inputs[0].shape[found.axis],
        runs=found.runs,
        warm_up=warm_up_runs(graph),
        kept_bytes=sum(state.tensor.bytes for state in graph.states),
    )


def _average_bits(stored: Iterable[QuantizedWeights]) -> float:
    """Return the mean bits per weight; entropy-coded ones have those that their bytes take."""
    sizes = [
        (w.indices.size, 8 * weight_bytes(w) / w.indices.size if w.coded else w.bits)
        for w in stored
    ]
    weights = sum(size for size, _ in sizes)
    return sum(size * bits for size, bits in sizes) / weights if weights else 0.0


def _common(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else "mixed" if values else ""


def _tensor(name: str, tensor: Tensor) -> TensorReport:
    known, ends = tensor.quantized, quantized_range(tensor.quantized, tensor.dtype)
    plain = TensorReport(name, tensor.shape, known.scale, known.zero_point, ends)
    if known.features is None:
        return plain
    return replace(plain, scale=None, scales=known.features.scales, origins=known.features.origins)


def _is_whole(step: Step) -> bool:
    """Return whether a kernel call leaves the output of this step, and not a sum over it."""
    return (step.is_called and step.sum is None) or step.merged


def _layer(
    step: Step, making: Making, merged: Mapping[str, str], small: bool, stored: bool
) -> LayerReport:
    node = step.node
    kernel = node.name if step.is_called else merged.get(node.name)
    ratio = making.comparison.snr.get(node.output, math.inf)
    snr = ratio if math.isfinite(ratio) else None
    plain = LayerReport(
        name=node.name,
        kind=node.op.kind,
        shape=node.shape,
        macs=0,
        scratch_bytes=step.scratch_bytes,
        snr_db=snr,
        kernel=kernel,
        estimated_instructions=None if small else step.instructions,
        arena_offset=step.output_offset if _is_whole(step) else None,
    )
    if not isinstance(node.op, QWeighted):
        return plain
    weights, fit = node.op.weights, node.op.weights.fit
    config = making.configs[node.name]
    x, linear = step.call.inputs[0], node.op if isinstance(node.op, QLinear) else None
    return replace(
        plain,
        largest_sums=None if linear is None else tuple(linear.largest_sums(x).tolist()),
        sum_bits=None if linear is None else (64 if x.dtype == "int16" else 32),
        macs=node.op.products(step.call.source, node.shape),
        granularity=config.granularity,
        method=config.method,
        bits=weights.bits,
        coded=weights.coded,
        weight_bytes=weight_bytes(weights) if stored else 0,
        parameter_bytes=step.parameter_bytes,
        density=fit.density if fit else None,
        ks_gaussian=fit.ks_gaussian if fit else None,
        ks_laplace=fit.ks_laplace if fit else None,
        predicted_error=fit.predicted_error if fit else None,
        error=fit.error if fit else None,
    )
