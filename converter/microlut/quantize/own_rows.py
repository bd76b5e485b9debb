"""Quantize layers with kernels of their own kind: recurrent ones, and filters over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from microlut.graph.ir import Node
from microlut.integer import QNode
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.base import IntegerOp
from microlut.ops.recurrent import Recurrent
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.recurrent_step import QRecurrentStep, RecurrentStep
from microlut.ops.svdf import Svdf
from microlut.ops.tensor import Tensor
from microlut.quantize.recurrent import Chosen, quantize_recurrent
from microlut.quantize.svdf import ChosenFilters, quantize_svdf
from microlut.quantize.weights import WeightConfig

OWN_ROWS = Recurrent | RecurrentStep | Svdf
Reads = tuple[FloatArray, IntArray]


@dataclass(slots=True)
class SharedRows:
    """Quantized weights of such layers, by the values of their kernels."""

    recurrent: dict[tuple[object, ...], Chosen] = field(default_factory=dict)
    filters: dict[tuple[object, ...], ChosenFilters] = field(default_factory=dict)


def quantize_rows(
    node: Node,
    stored: IntegerOp | None,
    reads: Reads,
    tensors: Mapping[str, Tensor],
    config: WeightConfig,
    shared: SharedRows,
) -> QNode:
    """Return the quantized node of a layer of these kinds.

    Args:
        node: The layer's node.
        stored: The layer with the integers that came with the model, if there are any.
        reads: Its inputs in the float network, and in the quantized one.
        tensors: The quantized tensors by name.
        config: How to quantize its weights.
        shared: Weights by their kernels, to which those of this one are added.

    Raises:
        UnsupportedModel: The engine's 32-bit numbers do not suffice.
    """
    op = node.op
    if isinstance(op, Svdf):
        return quantize_svdf(node, stored, reads, tensors, config, shared.filters)
    if not isinstance(op, RecurrentStep):
        return quantize_recurrent(node, stored, reads, tensors, config, shared.recurrent)
    assert isinstance(stored, QRecurrentStep)
    layer = replace(node, op=op.layer, inputs=node.inputs[:1], outputs=node.outputs[:1])
    made = quantize_recurrent(layer, stored.layer, reads, tensors, config, shared.recurrent)
    assert isinstance(made.op, QRecurrent)
    outputs = tuple(tensors[tensor.name] for tensor in node.outputs)
    return replace(made, op=replace(stored, layer=made.op), inputs=node.inputs, outputs=outputs)
