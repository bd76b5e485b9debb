"""The types of a quantized graph.

All numbers that the C engine needs are integers; the scales only describe the tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

from microlut.graph.network import Network, State
from microlut.ops import AnyIntegerOp
from microlut.ops.arrays import Shape
from microlut.ops.base import IntegerOp
from microlut.ops.linear import QLinear
from microlut.ops.tensor import CONFIG, Quantization, Tensor
from microlut.support.shown import Record, Shown


@dataclass(frozen=True, slots=True, repr=False)
class QNode(Shown):
    """One operator on quantized tensors: the names of its inputs, and its outputs."""

    name: str
    op: AnyIntegerOp
    inputs: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    __pydantic_config__ = CONFIG

    def records(self) -> list[Record]:
        """Return the node as one record."""
        op, inputs = type(self.op).__name__, " ".join(self.inputs)
        return [{"name": self.name, "op": op, "inputs": inputs, "shape": self.shape}]

    @property
    def output(self) -> str:
        """Name of the first output; most nodes have only one."""
        return self.outputs[0].name

    @property
    def shape(self) -> Shape:
        """Shape of the first output."""
        return self.outputs[0].shape

    @property
    def quantization(self) -> Quantization:
        """Scale and zero point of the first output."""
        return self.outputs[0].quantized


def qsingle(
    name: str, op: IntegerOp, inputs: tuple[str, ...], shape: Shape, quantization: Quantization
) -> QNode:
    """Return a node with one int8 output of its own name."""
    return QNode(name, op, inputs, (Tensor(name, shape, "int8", quantization),))


@dataclass(frozen=True, slots=True, repr=False)
class QuantizedGraph(Network[QNode]):
    """A network whose tensors are quantized.

    Attributes:
        name: The model's name.
        inputs: Tensors that the caller provides.
        nodes: Operators, in execution order.
        outputs: Names of the tensors that the caller receives.
        states: Tensors that outlive a run; they begin with their zero points.
        output_names: Names of the outputs for callers; empty: those of the tensors.
        source: File from which the model was read.
        source_sha256: SHA-256 of that file's bytes.
    """

    name: str
    inputs: tuple[Tensor, ...]
    nodes: tuple[QNode, ...]
    outputs: tuple[str, ...]
    states: tuple[State, ...] = ()
    output_names: tuple[str, ...] = ()
    source: str = ""
    source_sha256: str = ""
    __pydantic_config__ = CONFIG

    def quantization_of(self, tensor: str) -> Quantization:
        """Return a tensor's scale and zero point; raise KeyError if there is none of that name."""
        return self.tensors()[tensor].quantized

    def weighted(self) -> tuple[tuple[QNode, QLinear], ...]:
        """Return the nodes that have weights, with their operators, in execution order."""
        return tuple((node, node.op) for node in self.nodes if isinstance(node.op, QLinear))
