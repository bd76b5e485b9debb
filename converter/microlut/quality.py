"""How near an integer network comes to its float network: both and inputs in, figures out.

None of them needs labels: the float network's answers are the reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.interpreter import float_ops, int_ops
from microlut.ir import FloatArray, Graph, Softmax
from microlut.quantized import QuantizedGraph, dequantize_array, quantize_array

_BATCH = 32
_INPUTS = 128  # more hardly change what is found
_PRODUCTS = 1 << 32  # multiplications, some seconds
_VALUES = 1 << 27  # of all tensors together, 512 MB as floats
_LEAST_PROBABILITY = 1 / 512  # half a step of an int8 softmax, which has true zeros


@dataclass(frozen=True, slots=True)
class Quality:
    """What the outputs of an integer network lose.

    Attributes:
        divergence: Kullback-Leibler divergence from the float outputs in nats, mean over inputs,
            of a network that ends with a softmax; else squared error over squared outputs.
        agreement: Share of inputs with the float network's class, in percent; None with one output.
        expected_drop: Points of accuracy that are expected to be lost, by the float network's own
            probabilities: an input whose class changes loses what the float network gave the old
            class more than the new one. Without a softmax, 100 less the agreement.
        inputs: How many were looked at.
    """

    divergence: float
    agreement: float | None
    expected_drop: float | None
    inputs: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """How near an integer network comes, in all and tensor by tensor.

    Attributes:
        quality: Of the outputs.
        snr: Signal-to-noise ratio of every node's output in dB, by name. The noise is what the
            integer network's tensor differs from the float network's, everything before it
            included; exact tensors have an infinite ratio.
    """

    quality: Quality
    snr: Mapping[str, float]


def products(graph: Graph) -> int:
    """Return the multiplications of one inference in layers with weights, at least 1."""
    counts = (
        math.prod(node.shape) * (op.kernel.size // node.shape[-1]) for node, op in graph.weighted()
    )
    return max(1, sum(counts))


def affordable_inputs(graph: Graph) -> int:
    """Return how many inputs a network is worth running on: fewer of larger networks."""
    values = sum(math.prod(shape) for shape in (graph.input_shape, *(n.shape for n in graph.nodes)))
    by_cost = min(_PRODUCTS // products(graph), _VALUES // values)
    return max(1, min(_INPUTS, by_cost))


def spread(inputs: FloatArray, count: int) -> FloatArray:
    """Return at most `count` of the inputs [n, ...], from all over: they may be sorted by class."""
    if len(inputs) <= count:
        return inputs
    return inputs[np.linspace(0, len(inputs) - 1, count).round().astype(np.intp)]


def quality(graph: Graph, real: FloatArray, found: FloatArray) -> Quality:
    """Compare outputs [n, ...] of the float graph with those of another form of it."""
    real, found = real.reshape(len(real), -1), found.reshape(len(real), -1)
    lost = divergence(graph, real, found)
    if real.shape[1] < 2:
        return Quality(lost, None, None, len(real))
    each = np.arange(len(real))
    old, new = real.argmax(axis=1), found.argmax(axis=1)
    agreement = 100.0 * float(np.mean(old == new))
    drop = 100.0 - agreement
    if ends_with_softmax(graph):
        drop = 100.0 * float(np.mean(real[each, old] - real[each, new]))
    return Quality(lost, agreement, drop, len(real))


def divergence(graph: Graph, real: FloatArray, found: FloatArray) -> float:
    """Return how far outputs `found` [n, ...] are from those of the float graph, `real`.

    It is the mean Kullback-Leibler divergence in nats if the graph ends with a softmax, else the
    squared error over the squared outputs. Both grow with the square of small errors.
    """
    p, q = (values.reshape(len(real), -1).astype(np.float64) for values in (real, found))
    if not ends_with_softmax(graph):
        power = float(np.sum(p**2))
        return float(np.sum((p - q) ** 2)) / power if power else float(np.any(q))
    p, q = (_floored(values) for values in (p, q))
    return float(np.mean(np.sum(p * np.log(p / q), axis=1)))


def ends_with_softmax(graph: Graph) -> bool:
    """Return whether the graph's outputs are probabilities."""
    ops = {node.name: node.op for node in graph.nodes}
    return isinstance(ops.get(graph.output_name), Softmax)


def without_softmax(graph: Graph) -> Graph:
    """Return the graph whose output is what a final softmax reads.

    The error of probabilities comes from the few inputs between two classes, so it is noisy: on
    other inputs of three reference models, the inputs of the softmax predict it better than it
    predicts itself.
    """
    for node in graph.nodes:
        if node.name == graph.output_name and isinstance(node.op, Softmax):
            return replace(graph, output_name=node.inputs[0])
    return graph


def _floored(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.maximum(probabilities, _LEAST_PROBABILITY)
    floored: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return floored


def integer_quality(graph: Graph, quantized: QuantizedGraph, x: FloatArray) -> Quality:
    """Run both networks on inputs [n, ...] and compare their outputs."""
    starts = range(0, len(x), _BATCH)
    real = np.concatenate([float_ops.evaluate(graph, x[i : i + _BATCH]) for i in starts])
    integers = int_ops.evaluate(quantized, quantize_array(x, quantized.input_quantization))
    return quality(graph, real, dequantize_array(integers, quantized.output_quantization))


def compare(graph: Graph, quantized: QuantizedGraph, x: FloatArray) -> Comparison:
    """Run both networks on inputs [n, ...] and compare all their tensors.

    Args:
        graph: Float graph.
        quantized: Its integer form, with the same nodes.
        x: The inputs.
    """
    signal = dict.fromkeys((node.name for node in quantized.nodes), 0.0)
    noise = dict(signal)
    outputs: list[tuple[FloatArray, FloatArray]] = []
    for start in range(0, len(x), _BATCH):
        batch = x[start : start + _BATCH]
        integers = int_ops.walk(quantized, quantize_array(batch, quantized.input_quantization))
        reals = (step for step in float_ops.walk(graph, batch) if step[0] is not None)
        for (node, integer), (_, real) in zip(integers, reals, strict=True):
            found = dequantize_array(integer, node.quantization)
            signal[node.name] += float(np.sum(np.square(real, dtype=np.float64)))
            noise[node.name] += float(np.sum(np.square(real - found, dtype=np.float64)))
            if node.name == graph.output_name:
                outputs.append((real, found))
    real, found = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
    snr = {name: _decibels(power, noise[name]) for name, power in signal.items()}
    return Comparison(quality(graph, real, found), snr)


def _decibels(signal: float, noise: float) -> float:
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal else float("-inf")
