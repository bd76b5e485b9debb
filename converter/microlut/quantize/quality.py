"""How near an integer network comes to its float network, without labels.

What is compared follows from what the output is. The last axis of a final softmax holds the classes
of one position: there are as many answers as there are positions, and the divergence is taken of
what the softmax reads, for int8 probabilities are true zeros below 1/512, which is more than an
answer has on average where there are a thousand classes. All other outputs are values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from microlut.graph import evaluate as float_ops
from microlut.graph.ir import FloatArray, Graph, Node, Reshape, Softmax
from microlut.integer import QuantizedGraph, dequantize_array, quantize_array
from microlut.integer import evaluate as int_ops
from microlut.quantize.figures import Comparison, Quality, Task

_BATCH = 32
_INPUTS = 128  # more hardly change what is found
_PRODUCTS = 1 << 32  # multiplications, some seconds
_VALUES = 1 << 27  # of all tensors together, 512 MB as floats


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


def judged(graph: Graph, task: Task = "auto") -> tuple[str, bool]:
    """Return the tensor that outputs are judged by, and whether it holds scores of classes.

    Args:
        graph: The float network after the passes.
        task: "auto" goes by whether the network ends with a softmax, "classes" takes all other
            outputs for the scores that a softmax would read, "values" takes the output as it is.
    """
    softmax = final_softmax(graph)
    if task != "values" and softmax is not None:
        return softmax.inputs[0], True
    return graph.output_name, task == "classes"


def final_softmax(graph: Graph) -> Node | None:
    """Return the softmax whose probabilities the graph returns, perhaps in another shape."""
    nodes = {node.name: node for node in graph.nodes}
    node = nodes.get(graph.output_name)
    while node is not None and isinstance(node.op, Reshape):
        node = nodes.get(node.inputs[0])
    return node if node is not None and isinstance(node.op, Softmax) else None


def without_softmax(graph: Graph) -> Graph:
    """Return the graph whose output is what a final softmax reads.

    The error of probabilities comes from the few inputs between two classes, so it is noisy: on
    other inputs of three reference models, the inputs of the softmax predict it better than it
    predicts itself.
    """
    return replace(graph, output_name=judged(graph)[0])


def quality(
    real: FloatArray,
    found: FloatArray,
    classes: bool,
    answers: NDArray[np.intp] | None = None,
) -> Quality:
    """Compare what another form of a network gives with what the float network does.

    Args:
        real: The judged tensor [n, ..., values] of the float network.
        found: The same of the other form.
        classes: Whether its last axis holds the scores of classes.
        answers: [n, ...] classes that the other form answers with, if rounded probabilities may
            have other ones than its scores.
    """
    if not classes or real.shape[-1] < 2:
        return Quality(relative_error(real, found), None, None, len(real))
    logp, logq = _log_softmax(real), _log_softmax(found)
    probabilities = np.exp(logp)
    old = logp.argmax(axis=1)
    new = logq.argmax(axis=1) if answers is None else answers.ravel()
    each = np.arange(len(logp))
    lost = probabilities[each, old] - probabilities[each, new]
    return Quality(
        divergence=float(np.mean(np.sum(probabilities * (logp - logq), axis=1))),
        agreement=100.0 * float(np.mean(old == new)),
        expected_drop=100.0 * float(np.mean(lost)),
        inputs=len(real),
    )


def relative_error(real: FloatArray, found: FloatArray) -> float:
    """Return the squared error of `found` over the squares of `real`; of zeros, 1 or if equal 0."""
    p, q = real.astype(np.float64), found.astype(np.float64)
    power = float(np.sum(p**2))
    return float(np.sum((p - q) ** 2)) / power if power else float(np.any(q))


def _log_softmax(scores: FloatArray) -> NDArray[np.float64]:
    """Return log probabilities [positions, classes] of scores [n, ..., classes]."""
    flat = scores.reshape(-1, scores.shape[-1]).astype(np.float64)
    flat -= flat.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = flat - np.log(np.sum(np.exp(flat), axis=1, keepdims=True))
    return result


def integer_quality(
    graph: Graph, quantized: QuantizedGraph, x: FloatArray, task: Task = "auto"
) -> Quality:
    """Run both networks on inputs [n, ...] and compare their outputs."""
    outputs = _Outputs(graph, quantized, task)
    for name, real, integer in _walk_both(graph, quantized, x):
        outputs.add(name, real, integer)
    return outputs.quality()


def compare(
    graph: Graph, quantized: QuantizedGraph, x: FloatArray, task: Task = "auto"
) -> Comparison:
    """Run both networks on inputs [n, ...] and compare all their tensors.

    Args:
        graph: Float graph.
        quantized: Its integer form, with the same nodes.
        x: The inputs.
        task: What the outputs are; see `judged`.
    """
    outputs = _Outputs(graph, quantized, task)
    signal = dict.fromkeys((node.name for node in quantized.nodes), 0.0)
    noise, rounding = dict(signal), dict(signal)
    for name, real, integer in _walk_both(graph, quantized, x):
        outputs.add(name, real, integer)
        if name != graph.input_name:
            own = quantized.quantization_of(name)
            signal[name] += _energy(real)
            noise[name] += _energy(real - dequantize_array(integer, own))
            rounding[name] += _energy(real - dequantize_array(quantize_array(real, own), own))
    return Comparison(
        outputs.quality(),
        {name: _decibels(power, noise[name]) for name, power in signal.items()},
        {name: _decibels(power, rounding[name]) for name, power in signal.items()},
        outputs.variation_snr(),
        outputs.are_constant(),
    )


class _Outputs:
    """Collects, batch by batch, the tensors that a network is judged by."""

    def __init__(self, graph: Graph, quantized: QuantizedGraph, task: Task) -> None:
        self._quantized = quantized
        self._scores, self._classes = judged(graph, task)
        softmax = final_softmax(graph)
        self._answers = softmax.name if softmax is not None and self._classes else self._scores
        self._output = graph.output_name
        names = {self._scores, self._answers, self._output}
        self._kept: dict[str, list[tuple[FloatArray, NDArray[np.int8]]]] = {n: [] for n in names}

    def add(self, name: str, real: FloatArray, integer: NDArray[np.int8]) -> None:
        """Add a tensor's values [batch, ...] in both networks, if it is one that is judged by."""
        if name in self._kept:
            self._kept[name].append((real, integer))

    def quality(self) -> Quality:
        """Return what the outputs lose."""
        real, found = self._both(self._scores)
        answers = self._both(self._answers)[1].argmax(axis=-1)
        return quality(real, self._dequantized(found), self._classes, answers)

    def variation_snr(self) -> float | None:
        """Return the variation from input to input over the noise in dB, if anything varies."""
        real, found = self._both(self._scores)
        varied = _energy(real - real.mean(axis=0, keepdims=True))
        return _decibels(varied, _energy(real - self._dequantized(found))) if varied else None

    def are_constant(self) -> bool:
        """Return whether all inputs get the same bytes where the float network's would differ."""
        real, found = self._both(self._output)
        wanted = quantize_array(real, self._quantized.output_quantization)
        return bool(np.all(found == found[:1]) and np.any(wanted != wanted[:1]))

    def _both(self, name: str) -> tuple[FloatArray, NDArray[np.int8]]:
        real, found = (np.concatenate(parts) for parts in zip(*self._kept[name], strict=True))
        return real, found

    def _dequantized(self, scores: NDArray[np.int8]) -> FloatArray:
        return dequantize_array(scores, self._quantized.quantization_of(self._scores))


def _walk_both(
    graph: Graph, quantized: QuantizedGraph, x: FloatArray
) -> Iterator[tuple[str, FloatArray, NDArray[np.int8]]]:
    """Yield each tensor of both networks, the input's included, for one batch after another."""
    for start in range(0, len(x), _BATCH):
        batch = x[start : start + _BATCH]
        first = quantize_array(batch, quantized.input_quantization)
        yield graph.input_name, batch, first
        integers = int_ops.walk(quantized, first)
        reals = (step for step in float_ops.walk(graph, batch) if step[0] is not None)
        for (node, integer), (_, real) in zip(integers, reals, strict=True):
            yield node.name, real, integer


def _energy(values: FloatArray) -> float:
    return float(np.sum(np.square(values, dtype=np.float64)))


def _decibels(signal: float, noise: float) -> float:
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal else float("-inf")
