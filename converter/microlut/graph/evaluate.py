"""Run a float graph with NumPy. Every array has a leading batch dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.batch import Arrays, Batch, by_name, only
from microlut.graph.ir import Graph, Node
from microlut.graph.network import last_reads
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Tensor, dequantize_array, quantize_array


def evaluate(graph: Graph, x: Arrays) -> FloatArray:
    """Return the graph's only output [batch, ...] for inputs [batch, ...].

    Raises:
        InvalidInput: An input has another shape than the graph expects.
    """
    return only(outputs(graph, x))


def outputs(graph: Graph, x: Arrays) -> Batch:
    """Return all outputs of the graph by name; raise InvalidInput as `evaluate` does."""
    found = {}
    for _, made in walk(graph, x):
        found.update({name: y for name, y in made.items() if name in graph.outputs})
    return Batch({name: found[tensor] for name, tensor in graph.ends.items()})


def walk(graph: Graph, x: Arrays) -> Iterator[tuple[Node | None, dict[str, FloatArray]]]:
    """Yield tensors by name as they are computed: first (None, inputs), then (node, its outputs).

    States are zeros. A tensor is forgotten after its last consumer, so that only live ones occupy
    memory. Raises InvalidInput as `evaluate` does.
    """
    inputs = given(graph, _inputs(graph, x))
    yield None, inputs
    live = with_states(graph, inputs)
    for node, freed in zip(graph.nodes, last_reads(graph.nodes), strict=True):
        made = evaluate_node(node, [live[name] for name in node.inputs])
        live.update(made)
        for name in freed:
            del live[name]
        yield node, made


def with_states(graph: Graph, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return inputs [batch, ...] and the states of a first run, which are zeros, by name."""
    count = len(next(iter(inputs.values())))
    tensors = [state.tensor for state in graph.states]
    return {**inputs, **{t.name: np.zeros((count, *t.shape), np.float32) for t in tensors}}


def given(graph: Graph, arrays: Mapping[str, NDArray[Any]]) -> dict[str, FloatArray]:
    """Return inputs as the network reads them, in single precision."""
    known = {tensor.name: tensor for tensor in graph.inputs}
    return {name: settled(known[name], np.asarray(x, np.float32)) for name, x in arrays.items()}


def evaluate_node(node: Node, inputs: list[FloatArray]) -> dict[str, FloatArray]:
    """Return a node's outputs by tensor name."""
    values = node.op.evaluate(inputs)
    return {tensor.name: settled(tensor, y) for tensor, y in zip(node.outputs, values, strict=True)}


def settled(tensor: Tensor, x: FloatArray) -> FloatArray:
    """Return values of a tensor, of which one with a quantization has no others than its integers.

    Then the float network computes what the network of integers does, but for rounding within
    operators.
    """
    if tensor.quantization is None or tensor.dtype == "float32":
        return x
    return dequantize_array(
        quantize_array(x, tensor.quantization, tensor.dtype), tensor.quantization
    )


def _inputs(graph: Graph, x: Arrays) -> dict[str, FloatArray]:
    found = by_name(graph.inputs, x)
    for tensor in graph.inputs:
        shape = found[tensor.name].shape
        if shape[1:] != tensor.shape:
            raise InvalidInput(
                f"model {graph.name}: input {tensor.name!r} of shape {list(shape)}; "
                f"expected [samples, {', '.join(map(str, tensor.shape))}]"
            )
    return found
