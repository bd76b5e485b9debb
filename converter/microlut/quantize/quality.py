"""Measure how near an integer network is to its float network, without labels.

The kind of output decides the comparison. The last axis of a final softmax has the classes of one
position, so there are as many answers as positions. The divergence is computed from the inputs of
the softmax, because int8 probabilities are zero below 1/512, which is more than the mean
probability with a thousand classes. A final sigmoid makes labels, which are values that each answer
yes or no. All other outputs are values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from microlut.graph import evaluate as float_ops
from microlut.graph.batch import Arrays, Batch, by_name
from microlut.graph.ir import Graph, Node
from microlut.integer import QuantizedGraph, quantized_inputs
from microlut.integer import evaluate as int_ops
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.reshape import Reshape
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import dequantize_array, quantize_array
from microlut.quantize.figures import Comparison, Kind, OutputComparison, Quality, Task, worst
from microlut.quantize.labels import label_qualities
from microlut.quantize.noise import Noise, decibels, energy

_BATCH = 32
_EVEN = 0.5  # the probability above which a label's answer is yes
_INPUTS = 128  # more hardly change the result
_PRODUCTS = 1 << 32  # multiplications, some seconds
_VALUES = 1 << 27  # of all tensors together, 512 MB as floats


def products(graph: Graph) -> int:
    """Return the multiplications of one inference in layers with weights, at least 1."""
    shapes = {name: tensor.shape for name, tensor in graph.tensors().items()}
    counts = (op.products(shapes[node.inputs[0]], node.shape) for node, op in graph.weighted())
    return max(1, sum(counts))


def affordable_inputs(graph: Graph) -> int:
    """Return how many inputs to run a network on: fewer for larger networks."""
    values = sum(tensor.size for tensor in graph.tensors().values())
    by_cost = min(_PRODUCTS // products(graph), _VALUES // values)
    return max(1, min(_INPUTS, by_cost))


def spread(inputs: Arrays, count: int) -> Arrays:
    """Return at most `count` of the inputs [n, ...], evenly spaced: they may be sorted by class."""
    if len(inputs) <= count:
        return inputs
    return inputs[np.linspace(0, len(inputs) - 1, count).round().astype(np.intp)]


def judged(graph: Graph, output: str, task: Task = "auto") -> tuple[str, bool]:
    """Return the tensor that an output is judged by, and whether it holds scores of classes.

    Args:
        graph: The float network after the passes.
        output: The output's tensor.
        task: "auto" depends on whether the network ends with a softmax, "classes" treats all other
            outputs as scores that a softmax would read, others use the output itself.
    """
    softmax = final_softmax(graph, output)
    if task in ("auto", "classes") and softmax is not None:
        return softmax.inputs[0], True
    return output, task == "classes"


def kind_of(graph: Graph, output: str, task: Task = "auto") -> Kind:
    """Return what an output is; the arguments are those of `judged`.

    With "auto", a final softmax makes classes and a final sigmoid labels, unless there are as many
    as an input has values: then they are most likely a picture made of a picture.
    """
    if task != "auto":
        return task
    if final_softmax(graph, output) is not None:
        return "classes"
    size = math.prod(graph.shape_of(output))
    made_alike = any(tensor.size == size for tensor in graph.inputs)
    labels = _final(graph, output, Sigmoid) is not None and not made_alike
    return "labels" if labels else "values"


def final_softmax(graph: Graph, output: str) -> Node | None:
    """Return the softmax whose probabilities an output is, perhaps in another shape."""
    return _final(graph, output, Softmax)


def scores_of(graph: Graph, output: str, kind: Kind) -> str:
    """Return what a final softmax of classes or sigmoid of labels reads, or else the output."""
    last = _last(graph, output, kind)
    return output if last is None else last.inputs[0]


def _last(graph: Graph, output: str, kind: Kind) -> Node | None:
    ends: Mapping[Kind, type[Softmax] | type[Sigmoid]]
    ends = {"classes": Softmax, "labels": Sigmoid}
    return _final(graph, output, ends[kind]) if kind in ends else None


def _final(graph: Graph, output: str, kind: type[Softmax] | type[Sigmoid]) -> Node | None:
    """Return the operator of a kind whose result an output is, perhaps in another shape."""
    makers = {tensor.name: node for node in graph.nodes for tensor in node.outputs}
    node = makers.get(output)
    while node is not None and isinstance(node.op, Reshape):
        node = makers.get(node.inputs[0])
    return node if node is not None and isinstance(node.op, kind) else None


def without_softmax(graph: Graph) -> Graph:
    """Return the graph whose outputs are what final softmaxes read.

    The error of probabilities comes from the few inputs between two classes, so it is noisy: on
    other inputs of three reference models, the inputs of the softmax predict it better than it
    predicts itself.
    """
    names = tuple(graph.ends)
    outputs = tuple(judged(graph, output)[0] for output in graph.outputs)
    return replace(graph, outputs=outputs, output_names=names)


def quality(
    real: FloatArray,
    found: FloatArray,
    classes: bool,
    answers: NDArray[np.intp] | None = None,
) -> Quality:
    """Compare the outputs of another form of a network with those of the float network.

    Args:
        real: The judged tensor [n, ..., values] of the float network.
        found: The same tensor of the other form.
        classes: Whether its last axis has the scores of classes.
        answers: [n, ...] classes of the other form, if rounded probabilities may give other ones
            than its scores.
    """
    if not classes or real.shape[-1] < 2:
        largest = float(np.abs(real.astype(np.float64) - found).max())
        error = relative_error(real, found)
        return Quality(error, None, None, len(real), largest_error=largest)
    logp, logq = _log_softmax(real), _log_softmax(found)
    probabilities = np.exp(logp)
    old = logp.argmax(axis=1)
    new = logq.argmax(axis=1) if answers is None else answers.ravel()
    each = np.arange(len(logp))
    lost = probabilities[each, old] - probabilities[each, new]
    by_input = 100.0 * lost.reshape(len(real), -1).mean(axis=1)
    deviation = float(by_input.std(ddof=1)) if len(real) > 1 else None
    return Quality(
        divergence=float(np.mean(np.sum(probabilities * (logp - logq), axis=1))),
        agreement=100.0 * float(np.mean(old == new)),
        expected_drop=100.0 * float(np.mean(lost)),
        inputs=len(real),
        drop_error=None if deviation is None else deviation / math.sqrt(len(real)),
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
    graph: Graph, quantized: QuantizedGraph, x: Arrays, task: Task = "auto"
) -> Quality:
    """Run both networks on inputs [n, ...] and compare their outputs: the worst one counts."""
    outputs = _all_outputs(graph, quantized, task)
    for name, real, integer in walk_both(graph, quantized, x):
        for output in outputs:
            output.add(name, real, integer)
    return worst(output.quality() for output in outputs)


def compare(graph: Graph, quantized: QuantizedGraph, x: Arrays, task: Task = "auto") -> Comparison:
    """Run both networks on inputs [n, ...] and compare all their tensors.

    Args:
        graph: Float graph.
        quantized: Its integer form, with the same nodes.
        x: The inputs.
        task: What the outputs are; see `judged`.
    """
    outputs = _all_outputs(graph, quantized, task)
    tensors = quantized.tensors()
    made = [tensor.name for node in graph.nodes for tensor in node.outputs]
    noises = {name: Noise(tensors[name]) for name in made}
    for name, real, integer in walk_both(graph, quantized, x):
        for output in outputs:
            output.add(name, real, integer)
        if name in noises:
            noises[name].add(real, integer)
    found = {output.tensor: output.comparison() for output in outputs}
    return Comparison(
        outputs={name: found[tensor] for name, tensor in graph.ends.items()},
        snr={name: noise.snr for name, noise in noises.items()},
        rounding_snr={name: noise.rounding_snr for name, noise in noises.items()},
        variation_snr={name: noise.variation_snr for name, noise in noises.items()},
        constant=frozenset(name for name, noise in noises.items() if noise.is_constant),
    )


class _Output:
    """Collects, batch by batch, the tensors that an output is judged by."""

    def __init__(self, graph: Graph, quantized: QuantizedGraph, output: str, task: Task) -> None:
        self._tensors = quantized.tensors()
        self._kind = kind_of(graph, output, task)
        last = _last(graph, output, self._kind)
        self._scores = output if last is None else last.inputs[0]
        self._answers = output if last is None else last.output
        self.tensor = output
        names = {self._scores, self._answers, output}
        self._kept: dict[str, list[tuple[FloatArray, IntArray]]] = {n: [] for n in names}

    def add(self, name: str, real: FloatArray, integer: IntArray) -> None:
        """Add a tensor's values [batch, ...] in both networks, if it is one that is judged by."""
        if name in self._kept:
            self._kept[name].append((real, integer))

    def quality(self) -> Quality:
        """Return the quality of the outputs."""
        scores, found = self._values(self._scores), self._both(self._answers)[1]
        if self._kind != "labels":
            return quality(*scores, self._kind == "classes", found.argmax(axis=-1))
        answers = self._values(self._answers)
        threshold = 0.0 if self._answers == self._scores else _EVEN
        labels = label_qualities(scores, answers, threshold)
        return replace(quality(*answers, False), labels=labels)

    def comparison(self) -> OutputComparison:
        """Return the quality of the outputs, and what else tells whether they are of use."""
        return OutputComparison(
            self.quality(), self._scores, self._variation_snr(), self._is_constant()
        )

    def _variation_snr(self) -> float | None:
        real, found = self._values(self._scores)
        varied = energy(real - real.mean(axis=0, keepdims=True))
        return decibels(varied, energy(real - found)) if varied else None

    def _is_constant(self) -> bool:
        real, found = self._both(self.tensor)
        output = self._tensors[self.tensor]
        wanted = quantize_array(real, output.quantized, output.dtype)
        return bool(np.all(found == found[:1]) and np.any(wanted != wanted[:1]))

    def _both(self, name: str) -> tuple[FloatArray, IntArray]:
        real, found = (np.concatenate(parts) for parts in zip(*self._kept[name], strict=True))
        return real, found

    def _values(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return the real values [n, ...] of a tensor in the float and in the integer network."""
        real, found = self._both(name)
        return real, dequantize_array(found, self._tensors[name].quantized)


def _all_outputs(graph: Graph, quantized: QuantizedGraph, task: Task) -> list[_Output]:
    return [_Output(graph, quantized, output, task) for output in dict.fromkeys(graph.outputs)]


def walk_both(
    graph: Graph, quantized: QuantizedGraph, x: Arrays
) -> Iterator[tuple[str, FloatArray, IntArray]]:
    """Yield each tensor of both networks, inputs included, for one batch after another.

    The integer network makes the tensors of the float one in the same order, and some between.
    """
    for start in range(0, len(x), _BATCH):
        batch = Batch(by_name(graph.inputs, x[start : start + _BATCH]))
        first = quantized_inputs(quantized, batch)
        reals = iter(float_ops.walk(graph, batch))
        _, given = next(reals)
        for name, values in list(given.items()):
            yield name, values, first.arrays[name]
        integers: dict[str, IntArray] = {}
        steps = int_ops.walk(quantized, first)
        for node, made in reals:
            while node is not None and node.output not in integers:
                integers.update(next(steps)[1])
            for name, values in made.items():
                yield name, values, integers.pop(name)
