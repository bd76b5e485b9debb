"""The interface of kernels: what the planner and the code generator know about operators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar

from microlut.errors import UnsupportedModel
from microlut.integer import CompactStage, QuantizedGraph, compact_stage
from microlut.ops.add import QAdd
from microlut.ops.arrays import Shape
from microlut.ops.linear import QLinear
from microlut.ops.tensor import DType, Tensor
from microlut.plan.rounding import Rounding, output_rounding
from microlut.support.shown import Shown

VECTOR_CORE = "cortex-m55"  # the core whose kernels take 16 values at a time

Q = TypeVar("Q")  # the integer operator
F = TypeVar("F")  # the float operators that become it

Shapes = tuple[Shape, ...]
Work = Mapping[str, float]  # how often each part of a kernel runs
Division = Literal["", "windows", "outputs", "units", "values"]
Size = tuple[str, int, int]  # (what it is, its value, the largest that the engine holds)


@dataclass(frozen=True, slots=True)
class Tile:
    """What is computed at a time.

    Attributes:
        channels: Output channels decoded at a time.
        scratch_bytes: Scratch that this takes.
        rows: Rows per band, or blocks that stay.
        winograd: Whether a convolution runs by Winograd's method.
    """

    channels: int
    scratch_bytes: int
    rows: int = 0
    winograd: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """Bytes that an input and an output share, so that nothing is copied.

    Attributes:
        input: Index of the input.
        offset: Byte of the output where the input begins; negative if the output lies in the
            input.
        output: Index of the output.
    """

    input: int = 0
    offset: int = 0
    output: int = 0


@dataclass(frozen=True, repr=False)
class Call(Shown, Generic[Q]):
    """A kernel call without its tile.

    Attributes:
        op: The operator.
        inputs: Tensors that it reads.
        outputs: Tensors that it writes.
        sum: The addition that is part of a convolution.
        few_forms: Whether all quick output stages use one form, so that only its code is linked.
        few_tables: Whether flash holds no tables that only make the kernel quicker.
        in_place: The aliases that hold in the arena; all other bytes are copied.
        banded: Whether it makes some rows of a larger output.
    """

    op: Q
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    sum: Call[QAdd] | None = None
    few_forms: bool = False
    few_tables: bool = False
    in_place: frozenset[Alias] = frozenset()
    banded: bool = False

    @property
    def output(self) -> Tensor:
        """The first output; most calls have only one."""
        return self.outputs[0]

    @property
    def source(self) -> Shape:
        """Shape of the first input."""
        return self.inputs[0].shape

    @property
    def shape(self) -> Shape:
        """Shape of the first output."""
        return self.output.shape

    @cached_property
    def rounding(self) -> Rounding:
        """Form of the output stage, which only operators with weights have."""
        op: Any = self.op
        return output_rounding(op, self.output.zero_point, self.few_forms)

    def varied(self, **changes: Any) -> Call[Q]:  # noqa: ANN401 (they are those of the class)
        """Return the call with changes that leave its sums as they are, and so their rounding."""
        made = replace(self, **changes)
        if isinstance(self.op, QLinear):
            vars(made)["rounding"] = self.rounding  # which takes longer than all the rest
        return made

    @cached_property
    def stage(self) -> CompactStage | None:
        """The output stage as flash has it, if there is one.

        Raises:
            UnsupportedModel: Flash cannot hold its scales.
        """
        if not isinstance(self.op, QLinear):
            return None
        try:
            return compact_stage(self.op, self.inputs[0].quantized, self.output.quantized)
        except ValueError as error:
            raise UnsupportedModel(
                f"{self.output.name}: {error}; flash holds scales as the quantization stage rounds "
                "them: convert the model again"
            ) from error


def calls_of(graph: QuantizedGraph) -> dict[str, Call[Any]]:
    """Return the kernel calls of a graph by their nodes' names, in execution order."""
    known = graph.tensors()
    return {
        node.name: Call(node.op, tuple(known[name] for name in node.inputs), node.outputs)
        for node in graph.nodes
    }


def between_int16(work: Work) -> Counter[str]:
    """Return the work of a kernel between int16 tensors whose parts are those of its int8 form."""
    return Counter({f"{part} 16": count for part, count in work.items()})


class Kernel(ABC, Generic[Q, F]):
    """Facts about the kernel of one operator; instances have no state.

    Attributes:
        dtypes: Types of the outputs that it makes.
        whole_in_place: Whether it runs in place only with the tiles of `tiles_in_place`.
        advice: What users can do about a size that the engine cannot hold.
        divided_by: What of its output can be made without the rest: "windows", rows of the
            picture from the rows of the input that they see; "outputs", rows from all of the input;
            "units" of a dense layer; "values", as many as the field `count` says; or nothing.
    """

    divided_by: ClassVar[Division] = ""
    dtypes: ClassVar[tuple[DType, ...]] = ("int8",)
    whole_in_place: ClassVar[bool] = False
    advice: ClassVar[str] = "use a smaller model"

    @abstractmethod
    def tiles(self, call: Call[Q]) -> Iterator[Tile]:
        """Yield the possible tiles of a call, beginning with the one of all channels and rows.

        Of tiles with the same number of passes, only the smallest is yielded. Scratch bytes follow
        the formulas of the engine in firmware/include/microlut/<op>.h.
        """

    def tiles_in_place(self, call: Call[Q]) -> Iterable[Tile]:
        """Return the tiles with which a kernel with `whole_in_place` may overwrite its input."""
        return [next(self.tiles(call))]

    def winograd_tiles(self, call: Call[Q]) -> Iterable[Tile]:
        """Return the tiles with which another function computes the call by Winograd's method."""
        return ()

    def channel_unit(self, call: Call[Q], tile: Tile) -> int:
        """Return what the number of channels of a part of the output is a multiple of; 0: none."""
        return 0

    @abstractmethod
    def overwrites(self, call: Call[Q]) -> Iterable[int]:
        """Return the indices of the inputs that the first output may overwrite.

        The planner lets it overwrite those that nothing reads later.
        """

    def aliases(self, call: Call[Q]) -> Iterable[Alias]:
        """Return inputs that are unchanged parts of outputs, and outputs that are parts of inputs.

        All possible ones are returned, while only those of `call.in_place` need no copy.
        """
        return ()

    def is_called(self, call: Call[Q]) -> bool:
        """Return whether a run calls the kernel: not where the output is there already."""
        return True

    def function(self, call: Call[Q]) -> str:
        """Return the name of the engine's function without its prefix."""
        op: Any = call.op
        return str(op.kind)

    @abstractmethod
    def work(self, call: Call[Q], tile: Tile, core: str) -> Work:
        """Return how often each part of the kernel runs per call; costs.json has their costs."""

    @abstractmethod
    def sizes(self, op: Q | F, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the sizes that the struct of the engine has fields for, with their limits.

        Args:
            op: The integer operator, or the float one that becomes it.
            inputs: Shapes of the inputs.
            outputs: Shapes of the outputs.
        """

    @abstractmethod
    def fields(self, call: Call[Q]) -> Mapping[str, object]:
        """Return what the template of its struct and call needs in addition to the operator."""


class PlainKernel(Kernel[Q, F]):
    """A kernel without tiles, scratch or forms, which does not overwrite its inputs."""

    def tiles(self, call: Call[Q]) -> Iterator[Tile]:
        """Yield the only tile, without scratch."""
        yield Tile(0, 0)

    def overwrites(self, call: Call[Q]) -> Iterable[int]:
        """Return none."""
        return ()

    def fields(self, call: Call[Q]) -> Mapping[str, object]:
        """Return none, since the operator and its tensors suffice."""
        return {}


class ElementwiseKernel(PlainKernel[Q, F]):
    """A plain kernel that makes each value of values at the same place, and counts in 32 bits."""

    def overwrites(self, call: Call[Q]) -> Iterable[int]:
        """Return the inputs of the output's shape: others are broadcast."""
        return [i for i, tensor in enumerate(call.inputs) if tensor.shape == call.shape]

    def sizes(self, op: Q | F, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return none."""
        return ()


class SameBytesKernel(PlainKernel[Q, F]):
    """No kernel: the output is the input."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")

    def aliases(self, call: Call[Q]) -> Iterable[Alias]:
        """Return the alias of the whole output and the input."""
        return (Alias(),)

    def is_called(self, call: Call[Q]) -> bool:
        """Return False."""
        return False

    def work(self, call: Call[Q], tile: Tile, core: str) -> Work:
        """Return none."""
        return {}

    def sizes(self, op: Q | F, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return none."""
        return ()
