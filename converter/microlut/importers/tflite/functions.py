"""Operators of one or two values: functions, sums, products, extremes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.importers.tflite.use import (
    PREVIOUS,
    Handler,
    Step,
    Use,
    Value,
    limited,
    without_batch,
)
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.base import FloatOp, IntegerOp
from microlut.ops.binary import Binary
from microlut.ops.gates import Gelu, HardSilu
from microlut.ops.maximum import Maximum
from microlut.ops.minimum import Minimum
from microlut.ops.mul import Mul
from microlut.ops.prelu import Prelu, stored_prelu
from microlut.ops.rectifiers import Elu, LeakyRelu
from microlut.ops.reduce import ReduceMax, ReduceSum
from microlut.ops.relu import Relu, rescaled_relu
from microlut.ops.saturating import Clip
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.softmax import Softmax
from microlut.ops.subtract import Subtract
from microlut.ops.tanh import Tanh
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.unary import (
    Abs,
    Ceil,
    Cos,
    Exp,
    Floor,
    Log,
    Power,
    Rsqrt,
    Sign,
    Sin,
    Sqrt,
    Square,
)
from microlut.ops.unit_normalization import UnitNormalization


def _of(make: Callable[[], FloatOp]) -> Handler:
    """Return the handler of a function without options."""

    def handler(use: Use) -> tuple[Step, ...]:
        use.tensor()
        return (Step(make()),)

    return handler


def _relu(kind: ActivationKind) -> Handler:
    def handler(use: Use) -> tuple[Step, ...]:
        use.tensor()
        return (Step(Relu(kind), exact=partial(_rectified, kind)),)

    return handler


def _rectified(
    kind: ActivationKind, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> IntegerOp:
    """Return a rectifier as devices compute it, which may change the scale."""
    (source,), (target,) = inputs, outputs
    equal = source.quantization == target.quantization
    if not equal and kind is ActivationKind.RELU and target.dtype == "int8":
        return rescaled_relu(source, target)
    if not equal:
        raise UnsupportedModel(f"goes to another scale, which {kind.upper()} on devices leaves out")
    return Relu(kind).quantize(inputs, outputs)


def _softmax(use: Use) -> tuple[Step, ...]:
    use.tensor()
    if use.option("Beta", 1.0) != 1.0:
        raise use.operator.unsupported(
            f"has beta={use.option('Beta'):g}", "supported is 1: scale its input before"
        )
    return (Step(Softmax()),)


@limited("real numbers; of integers at the end, which has the scores instead")
def _log_softmax(use: Use) -> tuple[Step, ...]:
    """Return x - m - log(sum of exp(x - m)), m being the largest."""
    shape = use.tensor().shape
    _check_real(use)
    last, rows = (len(without_batch(shape)) - 1,), (*shape[:-1], 1)
    return (
        Step(ReduceMax(last, True), output=None, suffix="_largest", full=rows),
        Step(Subtract(), (0, PREVIOUS), None, suffix="_below", full=shape),
        Step(Exp(), (PREVIOUS,), None, suffix="_parts", full=shape),
        Step(ReduceSum(last, True), (PREVIOUS,), None, suffix="_sum", full=rows),
        Step(Log(), (PREVIOUS,), None, suffix="_log", full=rows),
        Step(Subtract(), (PREVIOUS - 3, PREVIOUS)),
    )


def _leaky_relu(use: Use) -> tuple[Step, ...]:
    use.tensor()
    return (Step(LeakyRelu(float(use.option("Alpha")))),)


def _gelu(use: Use) -> tuple[Step, ...]:
    use.tensor()
    return (Step(Gelu(bool(use.option("Approximate")))),)


@limited("constant slopes")
def _prelu(use: Use) -> tuple[Step, ...]:
    use.tensor()
    values, slopes = use.given(1), use.real(1)
    shape = _dropped(use, slopes.shape)
    op = Prelu(frozen_array(slopes.reshape(shape)))
    if not use.is_integer:
        return (Step(op),)
    if values.constant is None or values.source.scales.size != 1:
        raise use.operator.invalid("has slopes without a scale")
    scale, point = float(values.source.scales[0]), int(values.source.zero_points[0])
    if values.source.dtype != "int8" or point:
        raise use.operator.unsupported(
            f"has slopes of {values.source.dtype} with zero point {point}",
            "supported are int8 and 0",
        )
    integers = frozen_array(values.constant.reshape(shape), np.int8)
    return (Step(op, exact=partial(stored_prelu, integers, scale)),)


def _dropped(use: Use, shape: Shape) -> Shape:
    """Return the shape of an operand without the batch that the other operand has."""
    offset, rank = use.offset(), len(use.tensor().shape)
    return shape[offset:] if len(shape) == rank and shape[:offset] == (1,) * offset else shape


def _binary(make: type[Binary]) -> Handler:
    """Return the handler of a function of two operands, of which one may be a constant."""

    def handler(use: Use) -> tuple[Step, ...]:
        pair = use.given(0), use.given(1)
        activation = use.activation()
        options: dict[str, Any] = {}
        if issubclass(make, Add | Subtract | Mul):
            options["activation"] = activation
        constants = [i for i, value in enumerate(pair) if value.constant is not None]
        full = _broadcast(use, pair)
        if not constants:
            return (Step(make(**options), (0, 1), full=full),)
        if len(constants) > 1:
            raise use.operator.invalid("reads no tensor")
        value = pair[constants[0]]
        real = value.real()
        shape = without_batch(real.shape) if len(real.shape) == len(full) else real.shape
        op = make(
            constant=frozen_array(real.reshape(shape)),
            constant_first=constants[0] == 0,
            **options,
        )
        if use.is_integer and value.source.scales.size != 1:
            raise use.operator.invalid("has a constant without a scale")
        exact = partial(_with_constant, op, value, shape) if use.is_integer else None
        return (Step(op, (1 - constants[0],), exact=exact, full=full),)

    return handler


def _broadcast(use: Use, pair: tuple[Value, Value]) -> Shape:
    try:
        full = np.broadcast_shapes(pair[0].shape, pair[1].shape)
    except ValueError as error:
        shapes = " and ".join(str(list(value.shape)) for value in pair)
        raise use.operator.invalid(f"reads shapes {shapes}") from error
    return tuple(int(n) for n in full)


def _with_constant(
    op: Binary, value: Value, shape: Shape, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> IntegerOp:
    """Return a function with the integers of its constant operand."""
    assert value.constant is not None
    source, values = value.source, value.constant.reshape(shape)
    point = int(source.zero_points[0])
    if source.dtype == "uint8":
        values, point = values.astype(np.int16) - 128, point - 128
    known = Quantization(float(source.scales[0]), point)
    integers = frozen_array(values, np.dtype(outputs[0].dtype).type)
    return op.with_integers(integers, known, inputs, outputs)


@limited("by a constant, of real numbers")
def _div(use: Use) -> tuple[Step, ...]:
    use.tensor()
    divisor = use.real(1)
    _check_real(use)
    if not np.all(divisor):
        raise use.operator.unsupported("divides by 0", "supported are other constants")
    return (
        Step(
            Mul(
                activation=use.activation(),
                constant=frozen_array((1.0 / divisor).reshape(_dropped(use, divisor.shape))),
            )
        ),
    )


def _neg(use: Use) -> tuple[Step, ...]:
    use.tensor()
    _check_real(use)
    return (Step(Mul(constant=frozen_array(np.full(1, -1.0)))),)


def _squared_difference(use: Use) -> tuple[Step, ...]:
    _check_real(use)
    (difference,) = _binary(Subtract)(use)
    first = replace(difference, output=None, suffix="_difference")
    return first, Step(Square(), (PREVIOUS,), full=difference.full)


@limited("of real numbers, with one constant exponent")
def _pow(use: Use) -> tuple[Step, ...]:
    use.tensor()
    exponents = use.real(1).reshape(-1)
    _check_real(use)
    power = float(exponents[0]) if exponents.size == 1 else 0.0
    if not Power.takes(power):
        raise use.operator.unsupported(
            f"has exponents {exponents[:3].tolist()}",
            f"supported is one other than 0, up to {Power.largest}",
        )
    return (Step(Square() if power == 2 else Power(power)),)


def _check_real(use: Use) -> None:
    if use.is_integer:
        raise use.operator.unsupported(
            "computes with integers", "supported is the float file, or a file without it"
        )


FUNCTIONS: Mapping[str, Handler] = {
    "ABS": _of(Abs),
    "ADD": _binary(Add),
    "CEIL": _of(Ceil),
    "COS": _of(Cos),
    "DIV": _div,
    "ELU": _of(Elu),
    "EXP": _of(Exp),
    "FLOOR": _of(Floor),
    "GELU": _gelu,
    "HARD_SWISH": _of(HardSilu),
    "L2_NORMALIZATION": _of(UnitNormalization),
    "LEAKY_RELU": _leaky_relu,
    "LOG": _of(Log),
    "LOG_SOFTMAX": _log_softmax,
    "LOGISTIC": _of(Sigmoid),
    "MAXIMUM": _binary(Maximum),
    "MINIMUM": _binary(Minimum),
    "MUL": _binary(Mul),
    "NEG": _neg,
    "POW": _pow,
    "PRELU": _prelu,
    "RELU": _relu(ActivationKind.RELU),
    "RELU6": _relu(ActivationKind.RELU6),
    "RELU_0_TO_1": _of(lambda: Clip(0.0, 1.0)),
    "RELU_N1_TO_1": _of(lambda: Clip(-1.0, 1.0)),
    "RSQRT": _of(Rsqrt),
    "SIGN": _of(Sign),
    "SIN": _of(Sin),
    "SOFTMAX": _softmax,
    "SQRT": _of(Sqrt),
    "SQUARE": _of(Square),
    "SQUARED_DIFFERENCE": _squared_difference,
    "SUB": _binary(Subtract),
    "TANH": _of(Tanh),
}
