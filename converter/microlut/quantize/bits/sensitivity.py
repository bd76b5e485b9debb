"""Measure how sensitive the outputs are to the bits of each layer.

One layer at a time is quantized, at each width that it may have, and the rest of the float network
shows the effect on the outputs. The divergence is quadratic in small errors, so those of different
layers add up. That makes an allocation of bits by sums possible (Dong et al. 2019, "HAWQ", weight
layers for the same reason, by curvatures instead of the outputs themselves).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microlut.graph import evaluate as float_ops
from microlut.graph.batch import Arrays
from microlut.graph.ir import Graph
from microlut.integer.packing import weight_bytes
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray
from microlut.ops.linear import Linear
from microlut.ops.recurrent_step import RecurrentStep
from microlut.ops.svdf import Svdf
from microlut.ops.tensor import Tensor, dequantize_array, quantize_array
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.assign.covariance import reconstruction_moments
from microlut.quantize.own_rows import OWN_ROWS
from microlut.quantize.quality import affordable_inputs, relative_error, spread, without_softmax
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.recurrent import recurrent_weights, with_weights
from microlut.quantize.shared import kernel_owners
from microlut.quantize.storable import scale_rule
from microlut.quantize.svdf import filter_weights
from microlut.quantize.weight_error import real_kernel
from microlut.quantize.weights import WeightConfig, quantize_weights
from microlut.quantize.without_data.fit import fit_weights
from microlut.support.progress import Progress

# Rounds of the reconstruction: more make all widths better alike, and widths are compared here.
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to quantize a layer.

    Attributes:
        config: Bits, granularity and method.
        bytes: Flash bytes of packed indices and codebook.
        weights: Number of weights of the layer.
        divergence: Effect on the network's outputs, or on the inputs of a final softmax: squared
            error over squared outputs.
        calls: Further layers that share these weights; their effects are counted here.
    """

    config: WeightConfig
    bytes: int
    weights: int
    divergence: float
    calls: tuple[str, ...] = ()


Candidates = Mapping[str, tuple[Candidate, ...]]


def sensitivities(
    graph: Graph,
    ranges: Ranges,
    inputs: Arrays,
    options: Mapping[str, Sequence[WeightConfig]],
    progress: Progress,
) -> Candidates:
    """Measure every option of every layer; layers that share their weights are one.

    Args:
        graph: Float graph after the passes.
        ranges: Ranges of all tensors.
        inputs: [n, ...] calibration or synthetic inputs; an affordable number is used.
        options: Choices to try for each layer, by its node's name; those of the first of some
            layers that share their weights are for all of these.
        progress: Called with ("measure bits", layers done, layers).
    """
    graph = without_softmax(graph)
    inputs = spread(inputs, affordable_inputs(graph))
    tensors: dict[str, FloatArray] = {}
    for _, made in float_ops.walk(graph, inputs):
        tensors.update(made)
    tensors = float_ops.with_states(graph, tensors)
    quantizations = quantized_tensors(graph, ranges)
    found: dict[str, tuple[Candidate, ...]] = {}
    indices = {node.name: i for i, node in enumerate(graph.nodes)}
    owners = kernel_owners(graph)
    firsts: dict[str, str] = {}
    for done, name in enumerate(options):
        progress("measure bits", done, len(options))
        first = firsts.setdefault(owners[name], name)
        choices = _measure(graph, indices[name], tensors, quantizations, options[first])
        found[first] = choices if first == name else _together(found[first], choices, name)
    return found


def _together(
    first: Sequence[Candidate], further: Sequence[Candidate], name: str
) -> tuple[Candidate, ...]:
    """Return the choices for layers that share their weights, with the effects of another one."""
    return tuple(
        replace(choice, divergence=choice.divergence + more.divergence, calls=(*choice.calls, name))
        for choice, more in zip(first, further, strict=True)
    )


def _measure(
    graph: Graph,
    index: int,
    tensors: Mapping[str, FloatArray],
    quantized: Mapping[str, Tensor],
    configs: Sequence[WeightConfig],
) -> tuple[Candidate, ...]:
    node = graph.nodes[index]
    op, x = node.op, tensors[node.inputs[0]]
    source = quantized[node.inputs[0]]
    quantization = source.quantized
    if isinstance(op, OWN_ROWS):
        rounded = dequantize_array(quantize_array(x, quantization, source.dtype), quantization)
        if isinstance(op, Svdf):
            filters = [filter_weights(op, x, rounded, config) for config in configs]
            memory = tensors[node.inputs[1]]
            ends = [one.real(op).evaluate([rounded, memory])[0] for one in filters]
            sizes = [weight_bytes(one.weights) for one in filters]
        else:
            layer = op.layer if isinstance(op, RecurrentStep) else op
            made = [recurrent_weights(layer, x, rounded, config) for config in configs]
            ends = [with_weights(layer, one, x, rounded).evaluate([rounded])[0] for one in made]
            sizes = [weight_bytes(one.weights) for one in made]
        losses = [_lost(graph, index, end, tensors) for end in ends]
        each = zip(configs, sizes, losses, strict=True)
        return tuple(Candidate(config, size, op.kernel.size, lost) for config, size, lost in each)
    assert isinstance(op, Linear)
    rule = scale_rule(op, quantization, quantized[node.output].quantized)
    moments = None
    if any(config.needs_data for config in configs):
        read = quantize_array(x, quantization, source.dtype)
        moments = reconstruction_moments(op, read, quantization, x)
    choices = []
    for config in configs:
        if not config.needs_data:
            weights = fit_weights(op, x, config, rule)
        else:
            kernel = op.kernel, op.channel_axis
            weights = quantize_weights(*kernel, config, moments, rule, _ROUNDS)
        output = _output(op, weights, x, tensors[node.output], config.corrects)
        lost = _lost(graph, index, output, tensors)
        choices.append(Candidate(config, weight_bytes(weights), op.kernel.size, lost))
    return tuple(choices)


def _output(
    op: Linear, weights: QuantizedWeights, x: FloatArray, real: FloatArray, corrects: bool
) -> FloatArray:
    """Return the layer's output with quantized weights and, if so wanted, corrected means."""
    if op.activation is not ActivationKind.LINEAR:
        real = op.linear([x])
    found = op.with_weights(real_kernel(weights, op.channel_axis), op.bias).linear([x])
    axes = tuple(range(found.ndim - 1))
    if corrects:
        found += (real - found).mean(axis=axes, dtype=np.float64).astype(np.float32)
    return op.activation.apply(found)


def _lost(graph: Graph, index: int, output: FloatArray, tensors: Mapping[str, FloatArray]) -> float:
    """Return the effect on the network's outputs if node `index` gives `output`."""
    final = _rest(graph, index, output, tensors)
    return sum(relative_error(tensors[name], final[name]) for name in graph.outputs)


def _rest(
    graph: Graph, index: int, output: FloatArray, tensors: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return the network's outputs if node `index` gives `output`; others are as in `tensors`."""
    changed = {graph.nodes[index].output: output}
    for node in graph.nodes[index + 1 :]:
        if any(name in changed for name in node.inputs):
            inputs = [changed.get(name, tensors[name]) for name in node.inputs]
            changed.update(float_ops.evaluate_node(node, inputs))
    return {name: changed.get(name, tensors[name]) for name in graph.outputs}
