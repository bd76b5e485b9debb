"""The contract of kernels: what the planner and the code generator know about an operator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar, Generic, TypeVar

from microlut.integer import QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.arrays import Shape
from microlut.ops.tensor import Quantization
from microlut.plan.rounding import Rounding, output_rounding

VECTOR_CORE = "cortex-m55"  # the core whose kernels take 16 values at a time

Q = TypeVar("Q")  # the integer operator
F = TypeVar("F")  # the float operators that become it

Work = Mapping[str, float]  # how often each part of a kernel runs
Size = tuple[str, int, int]  # (what it is, its value, the most that the engine holds)


@dataclass(frozen=True, slots=True)
class Tile:
    """Output channels decoded together, the scratch bytes of the layer, and rows of a band."""

    channels: int
    scratch_bytes: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that a kernel reads or writes."""

    name: str
    shape: Shape
    quantization: Quantization

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Alias:
    """Bytes that an input and the output have in common, so that nothing need be copied.

    Attributes:
        input: Which of the inputs.
        offset: Where its first byte lies in the output; negative if the output lies in the input.
    """

    input: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Call(Generic[Q]):
    """A kernel call without its tile.

    Attributes:
        op: The operator.
        inputs: Tensors that it reads.
        output: The tensor that it writes.
        sum: The addition that a convolution does itself.
        few_forms: Whether all quick output stages take one form, so that only its code is linked.
        in_place: The inputs that already lie where the output has them.
    """

    op: Q
    inputs: tuple[Operand, ...]
    output: Operand
    sum: Call[QAdd] | None = None
    few_forms: bool = False
    in_place: frozenset[int] = frozenset()

    @property
    def source(self) -> Shape:
        """Shape of the first input."""
        return self.inputs[0].shape

    @property
    def shape(self) -> Shape:
        """Shape of the output."""
        return self.output.shape

    @cached_property
    def rounding(self) -> Rounding:
        """Form of the output stage; only operators with weights have one."""
        op: Any = self.op
        return output_rounding(op, self.output.quantization.zero_point, self.few_forms)


def calls_of(graph: QuantizedGraph) -> dict[str, Call[Any]]:
    """Return the kernel calls of a graph by their nodes' names, in execution order."""
    operands = {graph.inputs[0].name: input_operand(graph)}
    for node in graph.nodes:
        operands[node.name] = Operand(node.name, node.shape, node.quantization)
    return {
        node.name: Call(node.op, tuple(operands[i] for i in node.inputs), operands[node.name])
        for node in graph.nodes
    }


def input_operand(graph: QuantizedGraph) -> Operand:
    """Return the tensor that a graph reads."""
    return Operand(graph.inputs[0].name, graph.inputs[0].shape, graph.inputs[0].quantized)


class Kernel(ABC, Generic[Q, F]):
    """What is known about the kernel of one operator; it has no state.

    Attributes:
        whole_in_place: Whether it runs in place only with a tile of all channels and rows.
        advice: What to do about a size that the engine cannot hold.
    """

    whole_in_place: ClassVar[bool] = False
    advice: ClassVar[str] = "use a smaller model"

    @abstractmethod
    def tiles(self, call: Call[Q]) -> Iterator[Tile]:
        """Yield the tiles that a call can be done in, that of all channels and rows first.

        Of the tiles that need as many passes, only the smallest is among them. The scratch bytes
        are the engine's own formulas, which firmware/include/microlut/<op>.h states.
        """

    @abstractmethod
    def overwrites(self, call: Call[Q]) -> Iterable[int]:
        """Return the inputs that the output may be written over, if nothing reads them later."""

    def aliases(self, call: Call[Q]) -> Iterable[Alias]:
        """Return which inputs are part of the output as it is, or the output of them."""
        return ()

    @abstractmethod
    def work(self, call: Call[Q], tile: Tile, core: str) -> Work:
        """Return how often each part of the kernel runs; costs.json has what each part takes."""

    @abstractmethod
    def sizes(self, op: Q | F, sources: tuple[Shape, ...], shape: Shape) -> Iterable[Size]:
        """Return the numbers that its structure in the engine has fields for, with their limits.

        Args:
            op: The integer operator, or the float one that becomes it.
            sources: The inputs' shapes.
            shape: The output's shape.
        """

    @abstractmethod
    def fields(self, call: Call[Q]) -> Mapping[str, object]:
        """Return what the template of its structure and call needs beside the operator itself."""


class PlainKernel(Kernel[Q, F]):
    """A kernel without tiles, scratch and forms, which must not write over its inputs."""

    def tiles(self, call: Call[Q]) -> Iterator[Tile]:
        """Yield the only way to do a call."""
        yield Tile(0, 0)

    def overwrites(self, call: Call[Q]) -> Iterable[int]:
        """Return none."""
        return ()

    def fields(self, call: Call[Q]) -> Mapping[str, object]:
        """Return none: the operator and its tensors say all."""
        return {}
