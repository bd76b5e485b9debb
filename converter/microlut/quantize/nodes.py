"""Nodes of the integer network that follow from their tensors, or that came with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from microlut.errors import UnsupportedModel
from microlut.graph.ir import Graph, Node
from microlut.integer import QNode
from microlut.ops.base import IntegerOp
from microlut.ops.requantize import requantized
from microlut.ops.table import rescale_table
from microlut.ops.tensor import Tensor
from microlut.ops.weighted import Weighted
from microlut.quantize.weights import LayerConfigs
from microlut.support.unused_names import unused

_PLAIN_INT8 = 8  # bits


def quantized_outputs(node: Node, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the outputs of a node with their quantization."""
    return tuple(tensors[tensor.name] for tensor in node.outputs)


def exact_node(graph: Graph, node: Node, configs: LayerConfigs) -> QNode | None:
    """Return a node with the integers that came with the model, unless its weights change.

    They do with fewer bits, and where some become zero.
    """
    op = graph.exact.get(node.name)
    if op is not None and isinstance(node.op, Weighted):
        config = configs[node.name]
        if config.bits < _PLAIN_INT8 or config.sparsity > 0:
            return None
    return None if op is None else QNode(node.name, op, node.inputs, node.outputs)


def integer_nodes(node: Node, tensors: Mapping[str, Tensor]) -> tuple[QNode, ...]:
    """Return the integer form of an operator without weights.

    If the operator needs its inputs in the output's scale, those in another are rescaled first.
    """
    outputs = quantized_outputs(node, tensors)
    before: list[QNode] = []
    inputs: list[Tensor] = []
    for i, name in enumerate(node.inputs):
        source = tensors[name]
        if node.op.scale_rule == "unify" and source.quantization != outputs[0].quantization:
            own = unused(f"{node.name}/input{i}", tensors)
            target = replace(source, name=own, quantization=outputs[0].quantization)
            before.append(QNode(own, _rescaled(source, target), (name,), (target,)))
            source = target
        inputs.append(source)
    try:
        op = node.op.quantize(inputs, outputs)
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{node.name}: {error}") from error
    return (*before, QNode(node.name, op, tuple(tensor.name for tensor in inputs), outputs))


def _rescaled(source: Tensor, target: Tensor) -> IntegerOp:
    """Return the operator that changes the scale of a tensor."""
    if target.dtype == "int16":
        return requantized(source, target)
    return rescale_table(source.quantized, target.quantized)
