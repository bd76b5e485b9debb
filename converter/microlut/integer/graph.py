"""The types of a quantized graph.

All numbers that the C engine needs are integers; the scales only describe the tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

from microlut.graph.network import AnyNode, Network, State
from microlut.ops import AnyIntegerOp
from microlut.ops.tensor import CONFIG, Quantization, Tensor
from microlut.ops.weighted import QWeighted

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, repr=False)
class QNode(AnyNode):
    """One operator on quantized tensors: the names of its inputs, and its outputs."""

    name: str
    op: AnyIntegerOp
    inputs: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    __pydantic_config__ = CONFIG

    @property
    def quantization(self) -> Quantization:
        """Scale and zero point of the first output."""
        return self.outputs[0].quantized


@dataclass(frozen=True, slots=True)
class Part:
    """The `count` frames of a whole window in an output, from `first` on, of those of all runs."""

    axis: int
    first: int
    count: int
    __pydantic_config__ = CONFIG


@dataclass(frozen=True, slots=True)
class Stream:
    """How a network takes whole windows frame by frame.

    Attributes:
        axis: The dimension of all inputs along which their frames lie.
        window: Frames of a whole window.
        runs: Runs per whole window.
        outputs: Where each output has the frames of a whole window; None: the last run's output is
            that of a whole window.
    """

    axis: int
    window: int
    runs: int
    outputs: tuple[Part | None, ...]
    __pydantic_config__ = CONFIG


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
        output_orders: As in the float graph.
        source: File from which the model was read.
        source_sha256: SHA-256 of that file's bytes.
        stream: How a streamed network takes whole windows; None: a run takes one.
        class_names: Names of the classes of the outputs that have as many values per answer.
    """

    name: str
    inputs: tuple[Tensor, ...]
    nodes: tuple[QNode, ...]
    outputs: tuple[str, ...]
    states: tuple[State, ...] = ()
    output_names: tuple[str, ...] = ()
    output_orders: tuple[tuple[int, ...] | None, ...] = ()
    source: str = ""
    source_sha256: str = ""
    stream: Stream | None = None
    class_names: tuple[str, ...] = ()
    __pydantic_config__ = CONFIG

    def class_name(self, number: int) -> str:
        """Return the name of a class, or its number if there are no names."""
        return self.class_names[number] if number < len(self.class_names) else str(number)

    def quantization_of(self, tensor: str) -> Quantization:
        """Return a tensor's scale and zero point; raise KeyError if there is none of that name."""
        return self.tensors()[tensor].quantized

    def weighted(self) -> tuple[tuple[QNode, QWeighted], ...]:
        """Return the nodes that have weights, with their operators, in execution order."""
        return tuple((node, node.op) for node in self.nodes if isinstance(node.op, QWeighted))

    def tflite_lacks(self) -> str:
        """Return the operators that TensorFlow Lite lacks, with the names of nodes; "" if none."""
        tensors = self.tensors()
        own = [
            node
            for node in self.nodes
            if not node.op.in_tflite([tensors[name] for name in node.inputs], node.outputs)
        ]
        kinds = ", ".join(sorted({node.op.kind for node in own}))
        more = f" and {len(own) - _MOST_NAMED} more" if len(own) > _MOST_NAMED else ""
        names = ", ".join(node.name for node in own[:_MOST_NAMED])
        return f"{kinds} ({names}{more})" if own else ""
