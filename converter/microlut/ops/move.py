"""Values of a tensor in other places, by one integer operator for all such operators."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, ScaleRule, demand, one_shape
from microlut.ops.builtin import Builtin
from microlut.ops.movement import Movement
from microlut.ops.movement_builtins import builtins
from microlut.ops.tensor import CONFIG, DType, Tensor


class Moving(FloatOp):
    """An operator that only moves values."""

    __slots__ = ()
    scale_rule: ClassVar[ScaleRule] = "same"
    becomes: ClassVar[str] = "move"

    @abstractmethod
    def movement(self, shape: Shape) -> Movement:
        """Return the movement of a tensor of a shape; raise ValueError if there is none."""

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (self.movement(one_shape(inputs)).shape,)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the moved values."""
        return (self.movement(inputs[0].shape[1:]).evaluate(inputs[0]),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (self.movement(tuple(inputs[0].shape[1:])).train(tf, inputs[0]),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QMove:
        """Return the integer form."""
        return QMove(self.movement(inputs[0].shape))


@dataclass(frozen=True, slots=True)
class QMove(IntegerOp):
    """A movement of integers."""

    movement: Movement
    kind: Literal["move"] = "move"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        self.movement.check(one_shape(inputs))
        return (self.movement.shape,)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the moved values."""
        return (self.movement.evaluate(arrays[0]),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the one builtin that moves alike, or several."""
        return builtins(self.movement, inputs[0], outputs[0])

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless both tensors have one quantization."""
        demand(inputs[0].quantized == outputs[0].quantized, "the scales of its tensors")
