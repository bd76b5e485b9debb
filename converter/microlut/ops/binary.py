"""Element-wise functions of two operands with broadcasting: their base, and their integer form.

An operand may be a constant, which the operator holds. Graphs have no constant tensors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.ops.activation import fused_name
from microlut.ops.arrays import FloatArray, Int64, IntArray, Shape, by_slices
from microlut.ops.base import FloatOp, IntegerOp, ScaleRule, demand
from microlut.ops.broadcast import aligned, aligned_tensors, broadcast_shape
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.json_arrays import OptionalIntArray
from microlut.ops.tensor import (
    CONFIG,
    DType,
    Quantization,
    Tensor,
    integer_limits,
    quantize_array,
)

T = TypeVar("T")
Function = Literal["add", "sub", "mul", "maximum", "minimum"]
Factor = tuple[int, int]  # (multiplier, shift)

LEFT_SHIFTS: Mapping[DType, int] = {"int8": 20, "int16": 15}  # of terms of ADD and SUB
# Of the larger scale of two terms: 2^-19 makes the output's factor 1, which is too large.
SMALLEST_SUM = 2.0**-18
LARGEST_SHIFT = 14  # of int8's MUL, whose products have 17 bits; those of int16 have 31
_FACTORS = {"add": 3, "sub": 3, "mul": 1, "maximum": 0, "minimum": 0}
_OPTIONS = {"add": "AddOptions", "sub": "SubOptions", "mul": "MulOptions"}


class Binary(FloatOp):
    """An element-wise function of two tensors, or of one and a constant, with broadcasting."""

    __slots__ = ()
    operands: ClassVar[int | None] = 2
    becomes: ClassVar[str] = "binary"
    function: ClassVar[Function]
    if TYPE_CHECKING:

        def __init__(self, **options: object) -> None: ...

        @property
        def constant(self) -> FloatArray | None:
            """The constant operand, without a batch dimension."""

        @property
        def constant_first(self) -> bool:
            """Whether the constant is the left operand."""

    @abstractmethod
    def limits(self, output: Tensor) -> tuple[int, int]:
        """Return the least and the largest output."""

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        constant = None if self.constant is None else self.constant.shape
        return (broadcast_shape(with_constant(inputs, constant, self.constant_first)),)

    def pair(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Return both operands [batch, ...], of equal rank."""
        constant = None if self.constant is None else self.constant[np.newaxis]
        return aligned(with_constant(inputs, constant, self.constant_first))

    def tensors(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, Any]:  # noqa: ANN401
        """Return both operands as TensorFlow tensors of equal rank."""
        constant = None if self.constant is None else tf.constant(self.constant[np.newaxis])
        return aligned_tensors(tf, with_constant(inputs, constant, self.constant_first))

    def scales(self, inputs: Sequence[float]) -> Sequence[float]:
        """Return the scales of both operands, of which those of tensors are given, in int8."""
        constant = None if self.constant is None else _covering(self.constant, "int8").scale
        return with_constant(inputs, constant, self.constant_first)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form."""
        if self.constant is None:
            return self.with_integers(None, None, inputs, outputs)
        output, dtype = outputs[0].quantized, outputs[0].dtype
        found = _covering(self.constant, dtype) if _FACTORS[self.function] else output
        values = quantize_array(self.constant, found, dtype)
        values.setflags(write=False)
        return self.with_integers(values, found, inputs, outputs)

    def with_integers(
        self,
        values: IntArray | None,
        found: Quantization | None,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
    ) -> QBinary:
        """Return the integer form with a constant of these values and this quantization, if any."""
        output, dtype = outputs[0].quantized, outputs[0].dtype
        given: Sequence[float] = [tensor.scale for tensor in inputs]
        scales = with_constant(given, found.scale if found else None, self.constant_first)
        factors = _factors(self.function, scales, output.scale, LEFT_SHIFTS[dtype])
        if any(shift > _most_shift(self.function, dtype) for _, shift in factors):
            raise UnsupportedModel(
                "its output is smaller than its terms by more than 32 bits hold; calibrate it with "
                "inputs on which it varies"
            )
        return QBinary(
            self.function,
            factors,
            *self.limits(outputs[0]),
            values,
            found,
            self.constant_first,
        )


class Extremum(Binary):
    """The larger or the smaller of two operands, whose tensors have one quantization."""

    __slots__ = ()
    scale_rule: ClassVar[ScaleRule] = "unify"

    def limits(self, output: Tensor) -> tuple[int, int]:
        """Return those of the type."""
        return integer_limits(output.dtype)


@dataclass(frozen=True, slots=True, repr=False)
class QBinary(IntegerOp):
    """ADD, SUB, MUL, MAXIMUM or MINIMUM of TensorFlow Lite, by `function`.

    Attributes:
        factors: (multiplier, shift) of the left term, the right term and the output of a sum or
            difference, see `QAdd`; of the output of a product; none of an extremum, whose tensors
            have one quantization.
        constant: The operand that is no tensor, without a batch dimension.
        constant_quantization: Its quantization.
        constant_first: Whether it is the left operand.
    """

    function: Function
    factors: tuple[Factor, ...]
    minimum: int
    maximum: int
    constant: OptionalIntArray = None
    constant_quantization: Quantization | None = None
    constant_first: bool = False
    kind: Literal["binary"] = "binary"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def both(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the left and the right operand; the constant as a tensor."""
        constant = None
        if self.constant is not None:
            shape = self.constant.shape
            constant = Tensor("constant", shape, inputs[0].dtype, self.constant_quantization)
        return with_constant(inputs, constant, self.constant_first)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        constant = None if self.constant is None else self.constant.shape
        return (broadcast_shape(with_constant(inputs, constant, self.constant_first)),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results [batch, ...]."""
        constant = None if self.constant is None else self.constant[np.newaxis]
        both = with_constant(arrays, constant, self.constant_first)
        tensors, output = self.both(inputs), outputs[0]

        def results(*operands: IntArray) -> IntArray:
            left, right = aligned(
                [
                    x.astype(np.int64) - tensor.zero_point
                    for x, tensor in zip(operands, tensors, strict=True)
                ]
            )
            found = self._function(left, right, LEFT_SHIFTS[output.dtype]) + output.zero_point
            clipped: IntArray = np.clip(found, self.minimum, self.maximum).astype(output.dtype)
            return clipped

        return (by_slices(results, both),)

    def _function(self, left: Int64, right: Int64, shift: int) -> Int64:
        """Return the results less the output's zero point, for operands less theirs."""
        match self.function:
            case "add" | "sub":
                first, second = (
                    multiply(x << shift, *factor)
                    for x, factor in zip((left, right), self.factors[:2], strict=True)
                )
                both = first + second if self.function == "add" else first - second
                return multiply(both, *self.factors[2])
            case "mul":
                return multiply(left * right, *self.factors[0])
            case "maximum":
                return np.maximum(left, right)
            case "minimum":
                return np.minimum(left, right)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the operator of the function's name."""
        constant = None
        if self.constant is not None:
            assert self.constant_quantization is not None
            scale, zero = self.constant_quantization.scale, self.constant_quantization.zero_point
            values = self.constant[np.newaxis]
            constant = Constant("operand", values, np.array([scale], np.float32), zero_point=zero)
        given: Sequence[Tensor | Constant] = inputs
        read = tuple(with_constant(given, constant, self.constant_first))
        options, fields = _OPTIONS.get(self.function), dict[str, Any]()
        if options is None:
            options = "MaximumMinimumOptions"
        else:
            fields["fusedActivationFunction"] = fused_name(self.minimum, self.maximum, outputs[0])
            if outputs[0].dtype == "int16" and self.function != "mul":
                fields["potScaleInt16"] = False  # any scales, not only powers of two
        return (
            Builtin(
                self.function.upper(),
                version(outputs[0], 2, 4),
                read,
                tuple(outputs),
                options,
                fields,
            ),
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless factors, limits and constant are valid."""
        wide = outputs[0].dtype == "int16"
        most = _most_shift(self.function, outputs[0].dtype)
        sound = all(0 <= m < 1 << 31 and -31 <= shift <= most for m, shift in self.factors)
        demand(sound and len(self.factors) == _FACTORS[self.function], "its multipliers")
        demand(outputs[0].holds(self.minimum, self.maximum), "its limits")
        demand((self.constant is None) == (self.constant_quantization is None), "its constant")
        sound = self.constant is None or self.constant.dtype == outputs[0].dtype
        demand(sound, "its constant")
        for tensor in self.both(inputs):
            sound = tensor.zero_point == 0 if wide else tensor.holds(tensor.zero_point)
            demand(sound, "its constant")
            same = tensor.quantized == outputs[0].quantized
            demand(same or len(self.factors) > 0, "the scales of its tensors")


def with_constant(given: Sequence[T], constant: T | None, first: bool) -> Sequence[T]:
    """Return the operands in order: what is given of the tensors, and of the constant if any."""
    if constant is None:
        return given
    return (constant, *given) if first else (*given, constant)


def _most_shift(function: Function, dtype: DType) -> int:
    """Return the largest shift to the left of a factor."""
    return LARGEST_SHIFT if function == "mul" and dtype == "int8" else 0


def _factors(
    function: Function, scales: Sequence[float], output: float, shift: int
) -> tuple[Factor, ...]:
    match function:
        case "add" | "sub":
            twice = 2.0 * max(scales)
            real = [*(s / twice for s in scales), twice / (2.0**shift * output)]
        case "mul":
            real = [scales[0] * scales[1] / output]
        case _:
            real = []
    found = [quantize_multiplier(factor) for factor in real]
    return tuple((factor.multiplier, factor.shift) for factor in found)


def _covering(values: FloatArray, dtype: DType) -> Quantization:
    """Return the quantization whose range is that of the values and zero."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    if low == high:
        return Quantization(1.0, 0)
    tiny = float(np.finfo(np.float32).tiny)
    if dtype == "int16":
        return Quantization(max(float(np.float32(max(-low, high) / 32767.0)), tiny), 0)
    scale = max(float(np.float32((high - low) / 255.0)), tiny)
    return Quantization(scale, int(np.clip(np.round(-128 - low / scale), -128, 127)))
