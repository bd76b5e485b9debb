"""Translate dynamic quantization: the float graph has real values, which no scale rounds.

A scale that is found while the network runs cancels out: DynamicQuantizeLinear gives the tensor as
it is, with a scale of 1 and a zero point of 0, and products with integers follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Constant, Live, Stored, Value
from microlut.ops.identity import Identity

DYNAMIC = Stored(1.0, 0, "dynamic uint8")
QUANTIZED = "DynamicQuantize"  # how ONNX Runtime's own names begin
READS_DYNAMIC = frozenset(
    {"ConvInteger", "DequantizeLinear", "MatMulInteger", "com.microsoft.MatMulIntegerToFloat"}
)


def _quantize(use: Use) -> Iterable[Value | None]:
    made = use.applied(use.live(), Identity())
    return (replace(made, stored=DYNAMIC), np.asarray(1.0, np.float32), np.zeros((), np.uint8))


def _less_zero(use: Use, index: int, zero: int, axis: int) -> Value:
    """Return an input less its zero point, which may be one of each place along an axis."""
    point = np.asarray(0.0 if (found := use.maybe(zero, "its zero point")) is None else found)
    value = use.values[index]
    if isinstance(value, Live):
        if point.size != 1:
            raise use.operator.unsupported("zero points of rows", "supported is one per tensor")
        known = value.stored or DYNAMIC
        shift, scale = known.zero_point - float(point.ravel()[0]), 1.0 / known.scale
        return affine(use, value.real, scale, shift) if (scale, shift) != (1, 0) else value.real
    numbers = np.asarray(use.constant(index, "its weights"), np.float64)
    return numbers - _along(point.astype(np.float64), numbers, axis)


def _weights(use: Use, zero: int) -> Constant:
    """Return the second input less its zero point; it has to be constant."""
    numbers = _less_zero(use, 1, zero, -1)
    if not isinstance(numbers, np.ndarray):
        raise use.operator.unsupported("multiplies two tensors", "supported are weights")
    return numbers


def _along(values: Constant, numbers: Constant, axis: int) -> Constant:
    """Return numbers, of which there may be one of each place along an axis."""
    if values.size == 1:
        return values.reshape(())
    if values.ndim == numbers.ndim:
        return values
    wide = [1] * numbers.ndim
    wide[axis] = -1
    return values.reshape(wide)


def _made_by(use: Use, handlers: Mapping[str, Handler], kind: str, *values: Value | None) -> Live:
    operator = replace(use.operator, kind=kind, domain="")
    wanted = (True, *use.wanted[1:])
    made = next(iter(handlers[kind](replace(use, operator=operator, values=values, wanted=wanted))))
    assert isinstance(made, Live)
    return made


def dynamic_handlers(handlers: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """Return the handlers of dynamic quantization, given those of operators on real values."""

    def convolution(use: Use) -> Iterable[Value | None]:
        values = (_less_zero(use, 0, 2, 1), _less_zero(use, 1, 3, 0))
        return (_made_by(use, handlers, "Conv", *values),)

    def product(use: Use) -> Iterable[Value | None]:
        values = (_less_zero(use, 0, 2, -2), _less_zero(use, 1, 3, -1))
        return (_made_by(use, handlers, "MatMul", *values),)

    def with_scales(use: Use) -> Iterable[Value | None]:
        numbers = _weights(use, 5)
        scales = [np.asarray(use.constant(i, "a scale"), np.float64) for i in (2, 3)]
        weights = numbers * _along(scales[1], numbers, -1) * scales[0]
        return (_biased(use, 6, _less_zero(use, 0, 4, -2), weights),)

    def quantized_product(use: Use) -> Iterable[Value | None]:
        numbers = _weights(use, 3)
        scale = np.asarray(use.constant(2, "its scale"), np.float64)
        return (_biased(use, 4, use.live(), numbers * _along(scale, numbers, -1)),)

    def _biased(use: Use, bias: int, left: Value, right: Constant) -> Live:
        made = _made_by(use, handlers, "MatMul", left, right)
        found = use.maybe(bias, "its bias")
        return made if found is None else affine(use, made, 1.0, found)

    def lstm(use: Use) -> Iterable[Value | None]:
        values = list(use.values[:8])
        for place, scale in ((1, 8), (2, 10)):
            numbers = np.asarray(use.constant(place, "its weights"), np.float64)
            factor, zero = (
                np.asarray(use.constant(i, "a scale"), np.float64) for i in (scale, scale + 1)
            )
            each = (-1, 1, numbers.shape[-1]) if factor.size > len(numbers) else (-1, 1, 1)
            real = (numbers - zero.reshape(each)) * factor.reshape(each)
            values[place] = real.transpose(0, 2, 1)  # which the operator has the other way round
        operator = replace(use.operator, kind="LSTM", domain="")
        return handlers["LSTM"](replace(use, operator=operator, values=tuple(values)))

    return {
        "ConvInteger": convolution,
        "DynamicQuantizeLinear": _quantize,
        "MatMulInteger": product,
        "com.microsoft.DynamicQuantizeLSTM": lstm,
        "com.microsoft.DynamicQuantizeMatMul": quantized_product,
        "com.microsoft.MatMulIntegerToFloat": with_scales,
    }
