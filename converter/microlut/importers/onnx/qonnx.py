"""Translate operators of QONNX, as Brevitas, QKeras and FINN write networks of few bits.

Quantizers of weights are computed. Those of activations become a range, if they have 8 bits or
more, which int8 rounds to, else operators that round to as few levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.node import Operator
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Constant, Live, Stored, Value
from microlut.ops.base import FloatOp
from microlut.ops.identity import Identity
from microlut.ops.saturating import Clip
from microlut.ops.unary import Ceil, Floor, Round, Sign

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
_LAST = "qonnx.custom_op.channels_last"
_MOST_BITS = 32
_RANGE_BITS = 8  # from which activations have a range only
_ROUNDING: Mapping[str, tuple[FloatOp, Callable[[Any], Any]]] = {
    "ROUND": (Round(), np.round),
    "HALF_EVEN": (Round(), np.round),
    "FLOOR": (Floor(), np.floor),
    "CEIL": (Ceil(), np.ceil),
}
_Levels = tuple[NDArray[Any], NDArray[Any], float, float]


def quantized_constant(operator: Operator, values: Sequence[Value | None]) -> Constant | None:
    """Return what a quantizer makes of constants; None of other operators."""
    if operator.domain not in DOMAINS or operator.kind not in ("Quant", "BipolarQuant"):
        return None
    numbers, *rest = (np.asarray(value, np.float64) for value in values)
    if operator.kind == "BipolarQuant":
        made: Constant = (np.where(numbers >= 0, 1.0, -1.0) * rest[0]).astype(np.float32)
        return made
    scale, zero, low, high = _levels(operator, rest)
    rounded = _rounding(operator)[1](np.clip(numbers / scale + zero, low, high))
    return np.asarray((rounded - zero) * scale, np.float32)


def _levels(operator: Operator, rest: Sequence[NDArray[Any]]) -> _Levels:
    """Return scale, zero point, and the least and the largest integer."""
    scale, zero, given = rest
    bits = float(given.ravel()[0])
    if not (1 <= bits <= _MOST_BITS and (scale > 0).all() and np.isfinite(scale).all()):
        raise operator.invalid(f"has {bits:g} bits and scales from {scale.min():g} on")
    signed, narrow = (bool(operator.attributes.get(name, 0)) for name in ("signed", "narrow"))
    half = 2.0 ** (bits - 1)
    low, high = (narrow - half, half - 1) if signed else (0.0, 2 * half - 1 - narrow)
    return scale, zero, low, high


def _rounding(operator: Operator) -> tuple[FloatOp, Callable[[Any], Any]]:
    mode = str(operator.attributes.get("rounding_mode", "ROUND")).upper()
    found = _ROUNDING.get(mode)
    if found is None:
        raise operator.unsupported(f"rounding_mode {mode}", f"supported are {', '.join(_ROUNDING)}")
    return found


def _quant(use: Use) -> Iterable[Value | None]:
    live = use.live()
    rest = [
        np.asarray(use.constant(i, what), np.float64)
        for i, what in enumerate(("its scale", "its zero point", "its bits"), 1)
    ]
    scale, zero, low, high = _levels(use.operator, rest)
    op = _rounding(use.operator)[0]
    bits = float(rest[2].ravel()[0])
    if bits > _RANGE_BITS:
        return (use.applied(live, Identity()),)
    if bits == _RANGE_BITS and scale.size == zero.size == 1:
        dtype = "int8" if low < 0 else "uint8"
        stored = Stored(float(scale.ravel()[0]), int(zero.ravel()[0]), dtype)
        return (use.ranged(live, stored).real,)
    if scale.size == zero.size == 1:  # before the scale, which would spread what is cut off
        ends = ((end - float(zero.ravel()[0])) * float(scale.ravel()[0]) for end in (low, high))
        live = use.applied(live, Clip(*ends))
        made = use.applied(affine(use, live, 1 / scale, zero), op)
    else:
        made = use.applied(affine(use, live, 1 / scale, zero), Clip(low, high), op)
    return (affine(use, made, scale, -zero * scale),)


def _bipolar(use: Use) -> Iterable[Value | None]:
    live, scale = use.live(), np.asarray(use.constant(1, "its scale"), np.float64)
    signs = use.applied(live, Sign())
    made = use.applied(affine(use, signs, 1.0, 0.5), Sign())  # 1 of zero
    return (affine(use, made, scale, 0.0),)


def _channels_last(handler: Handler) -> Handler:
    """Return the handler of an operator whose tensors have their channels at the end."""

    def handle(use: Use) -> Iterable[Value | None]:
        live = use.live()
        rank = len(live.shape)
        first = use.reordered(live, [0, rank - 1, *range(1, rank - 1)])
        rest = [
            np.moveaxis(value, -1, 1)
            if isinstance(value, np.ndarray) and value.ndim == rank
            else value
            for value in use.values[1:]
        ]
        operator = replace(use.operator, domain="", opset=_OPSET)
        values = (first, *rest)
        for made in handler(replace(use, operator=operator, values=values)):
            last = [0, *range(2, rank), 1]
            yield use.reordered(made, last) if isinstance(made, Live) else made

    return handle


_OPSET = 13  # which these operators follow
_PICTURES = ("AveragePool", "BatchNormalization", "Conv", "MaxPool")


def qonnx_handlers(handlers: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """Return the handlers of QONNX's operators, given those of ONNX's own."""
    own = {"Quant": _quant, "BipolarQuant": _bipolar}
    return {
        **{f"{domain}.{kind}": handler for domain in DOMAINS for kind, handler in own.items()},
        **{f"{_LAST}.{kind}": _channels_last(handlers[kind]) for kind in _PICTURES},
    }
