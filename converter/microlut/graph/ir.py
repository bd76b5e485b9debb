"""The float graph, which all stages before quantization share.

Shapes have no batch dimension; pictures are [height, width, channels]. Weights are in TensorFlow
Lite's layouts, so that nothing is transposed after import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from microlut.graph.network import AnyNode, Network, State
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp, IntegerOp
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.tensor import Tensor
from microlut.ops.weighted import Weighted


@dataclass(frozen=True, slots=True, repr=False)
class Node(AnyNode):
    """One operator with its tensors: the names of its inputs, and its outputs.

    Attributes:
        name: The layer's name, unique in the graph.
        op: What it computes.
        inputs: Names of tensors, in the operator's order.
        outputs: Tensors that it computes, in the operator's order.
        statistics: Statistics of the output before its activation, if a folded batch normalization
            has them.
    """

    name: str
    op: FloatOp
    inputs: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    statistics: ChannelStatistics | None = None


def single(name: str, op: FloatOp, inputs: tuple[str, ...], shape: Shape) -> Node:
    """Return a node with one output of its own name."""
    return Node(name, op, inputs, (Tensor(name, shape),))


@dataclass(frozen=True, slots=True, repr=False)
class Graph(Network[Node]):
    """A float network.

    Attributes:
        name: The model's name.
        inputs: Tensors that the caller provides.
        nodes: Operators, in an executable order.
        outputs: Names of the tensors that the caller receives.
        states: Tensors that outlive a run.
        output_names: Names of the outputs for callers, which passes keep; empty: those of the
            tensors.
        ranges: Ranges of tensors by name, as far as training has recorded them; passes find them.
        notes: What the user has to know about how the model was read.
        exact: Integer forms that came with the model, by the nodes' names, if it is one of
            integers. All tensors then have their type and quantization, and passes leave it alone.
        output_orders: For each output, the order in which the model has its dimensions, if that is
            another one (see `Tensor.order`); empty: for none.
    """

    name: str
    inputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    states: tuple[State, ...] = ()
    output_names: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    exact: Mapping[str, IntegerOp] = field(default_factory=dict)
    output_orders: tuple[tuple[int, ...] | None, ...] = ()

    def weighted(self) -> tuple[tuple[Node, Weighted], ...]:
        """Return the nodes that have weights, with their operators, in execution order."""
        return tuple((node, node.op) for node in self.nodes if isinstance(node.op, Weighted))
