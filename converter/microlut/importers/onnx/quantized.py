"""Translate operators on integers: the float graph has the real values that they stand for.

QuantizeLinear tells the range of a tensor, which is kept; DequantizeLinear gives the real values
back. QLinearConv and others are the operator on real values between the two. Weights are constants,
which `folding` dequantizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.dynamic import DYNAMIC, READS_DYNAMIC
from microlut.importers.onnx.file import library
from microlut.importers.onnx.logic import LOGIC
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Constant, Live, Stored, Value
from microlut.ops.identity import Identity

_LEAST_SCALE = float(np.finfo(np.float32).tiny)
_KNOWN = ("int8", "uint8", "int16", "uint16")
# Operators that move integers as they are.
_MOVES = frozenset(
    {"Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Reshape"}
    | {"Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"}
)

# Those whose kernels of integers round to the integers of their input.
_KEEPS_SCALES = frozenset({"Pad", "Resize", "Upsample"})
KEEPS_INTEGERS = _MOVES | _KEEPS_SCALES
_READS_INTEGERS = ("DequantizeLinear", "QLinear", "QGemm")
_RECURRENT, _LENGTHS = ("GRU", "LSTM", "RNN"), 4  # the place of sequence_lens
_CASTS = frozenset({"Cast", "CastLike"})


def integers_of(number: int) -> Stored | None:
    """Return how an input of a type of ONNX stores real values: as themselves; None for floats.

    Raises:
        ValueError: The type has no numbers.
    """
    try:
        dtype = np.dtype(library().helper.tensor_dtype_to_np_dtype(number)) if number else None
    except KeyError as error:
        raise ValueError(f"has values of the unknown type {number}") from error
    if dtype is None or dtype.kind == "f" or "float" in dtype.name:
        return None
    if dtype.kind not in "biu" and "int" not in dtype.name:
        raise ValueError(f"has values of type {dtype.name}")
    return Stored(1.0, 0, dtype.name)


def check_integers(use: Use, kind: str, stored: Stored) -> None:
    """Refuse to compute with integers: they would be rounded, or wrap around at their ends."""
    name = kind.removeprefix("com.microsoft.")
    is_plain = (stored.scale, stored.zero_point) == (1.0, 0)
    if kind in _KEEPS_SCALES and not is_plain:
        return
    if kind in _MOVES | READS_DYNAMIC or name.startswith(_READS_INTEGERS):
        return
    if kind in _CASTS | LOGIC.keys() and is_plain and stored != DYNAMIC:
        return
    lengths = use.values[_LENGTHS] if kind in _RECURRENT and len(use.values) > _LENGTHS else None
    if isinstance(lengths, Live):
        raise use.operator.unsupported(
            "its sequence_lens depends on the network's inputs",
            "supported are sequences of all steps: export the model without it",
        )
    raise use.operator.unsupported(
        f"computes with integers of type {stored.dtype}",
        "supported are casts of inputs to float, DequantizeLinear and what moves integers",
    )


def _stored(use: Use, scale: int, zero: int) -> Stored | None:
    """Return the scale and zero point that inputs have; None for one of each channel."""
    factor = np.asarray(use.constant(scale, "its scale"), np.float64)
    found = use.maybe(zero, "its zero point")
    point = np.zeros((), np.uint8) if found is None else np.asarray(found)
    if factor.size != 1 or point.size != 1:
        return None
    if point.dtype.name not in _KNOWN:
        raise use.operator.unsupported(
            f"makes numbers of type {point.dtype.name}", f"supported are {', '.join(_KNOWN)}"
        )
    value = float(factor.ravel()[0])
    if not 0 < value < np.inf:
        raise use.operator.invalid(f"its scale is {value:g}")
    if value < _LEAST_SCALE:
        raise use.operator.unsupported(
            f"its scale is {value:g}", f"supported are {_LEAST_SCALE:g} and more"
        )
    return Stored(value, int(point.ravel()[0]), point.dtype.name)


def _quantize(use: Use) -> Iterable[Value | None]:
    live, stored = use.live(), _stored(use, 1, 2)
    if stored is None:
        raise use.operator.unsupported(
            "quantizes each channel of a tensor on its own",
            "supported is one scale: quantize the model with per-tensor activations",
        )
    return (use.ranged(live, stored),)


def _dequantize(use: Use) -> Iterable[Value | None]:
    value = use.values[0]
    live, stored = use.live(), _stored(use, 1, 2)
    known = value.stored if isinstance(value, Live) else None
    if stored is not None and known == stored:
        return (use.applied(live, Identity()),)
    scale = np.asarray(use.constant(1, "its scale"), np.float64)
    found = use.maybe(2, "its zero point")
    zero = np.zeros(()) if found is None else np.asarray(found, np.float64)
    if scale.ndim == 1 and scale.size > 1:
        axis = use.axis(int(use.option("axis", 1)), len(live.shape))
        wide = (-1, *[1] * (len(live.shape) - axis - 1))
        scale, zero = scale.reshape(wide), np.broadcast_to(zero, scale.shape).reshape(wide)
    if known is not None:  # other numbers than those by which the tensor was quantized
        return (affine(use, live, scale / known.scale, (known.zero_point - zero) * scale),)
    return (affine(use, live, scale, -zero * scale),)


def _real(use: Use, index: int, axis: int | None = None) -> Value:
    """Return the real values of an input, its scale and its zero point, which follow each other."""
    value = use.values[index]
    if isinstance(value, Live):
        stored = _stored(use, index + 1, index + 2)
        if stored is None:
            raise use.operator.unsupported("scales of channels", "supported is one per tensor")
        if value.stored == stored:
            return value.real
        return _affine_of(use, value, stored)
    scale = np.asarray(use.constant(index + 1, "a scale"), np.float64)
    zero = np.asarray(use.constant(index + 2, "a zero point"), np.float64)
    numbers = np.asarray(use.constant(index, "its weights"), np.float64)
    if scale.size > 1 and axis is not None:
        wide = [1] * numbers.ndim
        wide[axis] = -1
        scale = scale.reshape(wide)
        zero = zero.reshape(wide) if zero.size > 1 else zero.reshape(())
    return _product(numbers, zero, scale)


def _product(numbers: NDArray[Any], zero: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    points, factors = (
        each if each.ndim == numbers.ndim else each.reshape(-1)[:1] for each in (zero, scale)
    )
    made: Constant = (numbers - points) * factors
    return made


def _affine_of(use: Use, value: Live, stored: Stored) -> Live:
    known = value.stored or Stored(1.0, 0, stored.dtype)
    scale = stored.scale / known.scale
    return affine(use, value.real, scale, (known.zero_point - stored.zero_point) * stored.scale)


def _as(use: Use, handlers: Mapping[str, Handler], kind: str, *values: Value | None) -> Live:
    """Return what an operator makes of real values."""
    if use.option("channels_last", 0):
        raise use.operator.unsupported("channels_last=1", "supported are channels first")
    opset = int(use.option("opset", use.operator.opset))  # of which ONNX Runtime's own ones are
    operator = replace(use.operator, kind=kind, domain="", opset=opset)
    (made,) = handlers[kind](replace(use, operator=operator, values=values, wanted=(True,)))
    assert isinstance(made, Live)
    return made


def _ranged(use: Use, made: Live, scale: int) -> Iterable[Value | None]:
    """Return a tensor with the scale and zero point of these inputs."""
    stored = _stored(use, scale, scale + 1)
    if stored is None:
        raise use.operator.unsupported("scales of channels", "supported is one per tensor")
    return (use.ranged(made, stored),)


def _bias(use: Use, index: int) -> Constant | None:
    """Return the real values of a bias, whose scale is the product of both others'."""
    if index >= len(use.values) or use.values[index] is None:
        return None
    unit = [np.asarray(use.constant(i, "a scale"), np.float64).ravel() for i in (1, 4)]
    return np.asarray(use.constant(index, "its bias"), np.float64) * unit[0] * unit[1]


# Operators of two operands, each followed by its scale and zero point, and then the output's.
_OF_TWO: Mapping[str, str] = {"QLinearAdd": "Add", "QLinearMul": "Mul"}
# Those of one operand, its scale and zero point, and then the output's.
_OF_ONE: Mapping[str, str] = {
    "QLinearAveragePool": "AveragePool",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearReduceMean": "ReduceMean",
    "QLinearSigmoid": "Sigmoid",
    "QLinearSoftmax": "Softmax",
}


def quantized_handlers(handlers: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """Return the handlers of operators on integers, given those of operators on real values."""

    def convolution(use: Use) -> Iterable[Value | None]:
        read = (_real(use, 0), _real(use, 3, axis=0), _bias(use, 8))
        return _ranged(use, _as(use, handlers, "Conv", *read), 6)

    def product(use: Use) -> Iterable[Value | None]:
        read = (_real(use, 0, axis=-2), _real(use, 3, axis=-1))
        return _ranged(use, _as(use, handlers, "MatMul", *read), 6)

    def gemm(use: Use) -> Iterable[Value | None]:
        axis = 0 if use.option("transB", 0) else 1
        read = (_real(use, 0), _real(use, 3, axis=axis), _bias(use, 6))
        return _ranged(use, _as(use, handlers, "Gemm", *read), 7)

    def of_two(use: Use) -> Iterable[Value | None]:
        kind = _OF_TWO[use.operator.kind]
        return _ranged(use, _as(use, handlers, kind, _real(use, 0), _real(use, 3)), 6)

    def of_one(use: Use) -> Iterable[Value | None]:
        kind = _OF_ONE[use.operator.kind]
        return _ranged(use, _as(use, handlers, kind, _real(use, 0)), 3)

    def joined(use: Use) -> Iterable[Value | None]:
        read = [_real(use, i) for i in range(2, len(use.values), 3)]
        return _ranged(use, _as(use, handlers, "Concat", *read), 0)

    own = {
        "DequantizeLinear": _dequantize,
        "QGemm": gemm,
        "QLinearConcat": joined,
        "QLinearConv": convolution,
        "QuantizeLinear": _quantize,
        **dict.fromkeys(_OF_ONE, of_one),
        **dict.fromkeys(_OF_TWO, of_two),
    }
    return {
        "DequantizeLinear": _dequantize,
        "QLinearConv": convolution,
        "QLinearMatMul": product,
        "QuantizeLinear": _quantize,
        **{f"com.microsoft.{name}": handler for name, handler in own.items()},
    }
