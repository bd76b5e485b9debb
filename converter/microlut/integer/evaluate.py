"""Run a quantized graph with integer arithmetic in NumPy, bit for bit as the C engine does.

Every array has a leading batch dimension. A state begins with its zero point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from microlut.graph.batch import Arrays, Batch, by_name, joined, only
from microlut.graph.network import last_reads
from microlut.integer.graph import QNode, QuantizedGraph
from microlut.ops.arrays import IntArray
from microlut.ops.tensor import Tensor

_BATCH_VALUES = 1 << 22  # values in flight, which bounds memory to some 32 MB per copy


def evaluate(graph: QuantizedGraph, x: Arrays) -> IntArray:
    """Return the only output [n, ...] for quantized inputs [n, ...]."""
    return only(outputs(graph, x))


def outputs(graph: QuantizedGraph, x: Arrays) -> Batch:
    """Return all outputs by name for quantized inputs [n, ...].

    With states, the samples are consecutive runs, and the first begins with fresh states; of a
    streamed network, so does the first of each whole window.
    """
    given = Batch(by_name(graph.inputs, x))
    if not len(given):
        ends = graph.output_tensors()
        return Batch({name: np.empty((0, *t.shape), t.dtype) for name, t in ends.items()})
    widest = max(tensor.size for tensor in graph.tensors().values())
    step = max(1, _BATCH_VALUES // widest)
    if graph.stream is not None:
        step *= graph.stream.runs
        starts = range(0, len(given), step)
        return joined(_in_order(graph, given[i : i + step]) for i in starts)
    if graph.states:
        return _in_order(graph, given)
    parts = [_run(graph, given[i : i + step], {}) for i in range(0, len(given), step)]
    return joined(_outputs(graph, part) for part in parts)


def walk(graph: QuantizedGraph, x: Arrays) -> Iterator[tuple[QNode, dict[str, IntArray]]]:
    """Yield every node with its outputs by name; forget tensors after their last consumer.

    States are fresh for every sample.
    """
    given = Batch(by_name(graph.inputs, x))
    return _walk(graph, given, _fresh(graph, len(given)))


def evaluate_node(
    node: QNode, arrays: list[IntArray], tensors: Mapping[str, Tensor]
) -> dict[str, IntArray]:
    """Return a node's outputs by name for its inputs [batch, ...]; `tensors` are the graph's."""
    inputs = [tensors[name] for name in node.inputs]
    values = node.op.evaluate(arrays, inputs, node.outputs)
    return {tensor.name: y for tensor, y in zip(node.outputs, values, strict=True)}


def _walk(
    graph: QuantizedGraph, x: Batch, states: Mapping[str, IntArray]
) -> Iterator[tuple[QNode, dict[str, IntArray]]]:
    tensors = graph.tensors()
    live = {**x.arrays, **states}
    for node, freed in zip(graph.nodes, last_reads(graph.nodes), strict=True):
        made = evaluate_node(node, [live[name] for name in node.inputs], tensors)
        live.update(made)
        for name in freed:
            live.pop(name)
        yield node, made


def _run(graph: QuantizedGraph, x: Batch, states: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Return the tensors needed after a run, by name."""
    found = {**x.arrays, **states}
    kept = graph.kept()
    for _, made in _walk(graph, x, states):
        found.update({name: values for name, values in made.items() if name in kept})
    return found


def _fresh(graph: QuantizedGraph, count: int) -> dict[str, IntArray]:
    tensors = [state.tensor for state in graph.states]
    return {t.name: np.full((count, *t.shape), t.zero_point, t.dtype) for t in tensors}


def _in_order(graph: QuantizedGraph, x: Batch) -> Batch:
    """Return the outputs of consecutive runs; those of a whole window begin with fresh states.

    Whole windows, of which nothing is left to the next one, run side by side.
    """
    runs = len(x) if graph.stream is None else graph.stream.runs
    states = _fresh(graph, -(-len(x) // runs))
    parts = []
    for run in range(min(runs, len(x))):
        sample = x[run::runs]
        found = _run(graph, sample, {n: values[: len(sample)] for n, values in states.items()})
        states = {state.tensor.name: found[state.source] for state in graph.states}
        parts.append(_outputs(graph, found))
    return _in_turn(parts, len(x))


def _in_turn(parts: list[Batch], count: int) -> Batch:
    """Return the samples of batches, one of each in turn."""
    found = {}
    for name, like in parts[0].arrays.items():
        made = np.empty((count, *like.shape[1:]), like.dtype)
        for i, part in enumerate(parts):
            made[i :: len(parts)] = part.arrays[name]
        found[name] = made
    return Batch(found)


def _outputs(graph: QuantizedGraph, found: Mapping[str, IntArray]) -> Batch:
    return Batch({name: found[tensor] for name, tensor in graph.ends.items()})
