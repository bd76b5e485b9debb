"""Translate functions of one value, and softmax."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from microlut.importers.movements import along
from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.binary import two
from microlut.importers.onnx.logic import BOOL
from microlut.importers.onnx.reducing import reduced
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.gates import Gelu, HardSilu, Mish, Silu
from microlut.ops.identity import Identity
from microlut.ops.maximum import Maximum
from microlut.ops.minimum import Minimum
from microlut.ops.mul import Mul
from microlut.ops.rectifiers import BoundedRelu, Celu, Elu, LeakyRelu, Selu
from microlut.ops.reduce import ReduceMax, ReduceSum
from microlut.ops.relu import Relu
from microlut.ops.saturating import Clip, HardShrink, HardSigmoid, Softplus, SoftShrink, Softsign
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.softmax import Softmax
from microlut.ops.tanh import Tanh
from microlut.ops.trigonometric import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Cosh,
    Sinh,
    Tan,
)
from microlut.ops.unary import (
    Abs,
    Ceil,
    Cos,
    Erf,
    Exp,
    Floor,
    Log,
    Reciprocal,
    Round,
    Sign,
    Sin,
    Sqrt,
)

_FLOATS = (1, 10, 11, 16)  # float32, float16, float64 and bfloat16, in ONNX's numbers
_TRUTH = 9
_SELU = (1.6732631921768188, 1.0507010221481323)
_LARGEST = 3.4e38
_SINGLE_AXIS = 13  # opset from which Softmax is along one dimension


def _simple(make: Callable[[Use], FloatOp]) -> Handler:
    def handle(use: Use) -> Iterable[Value | None]:
        return (use.applied(use.live(), make(use)),)

    return handle


def _number(name: str, default: float) -> Callable[[Use], float]:
    def read(use: Use) -> float:
        value = float(use.option(name, default))
        if not abs(value) < _LARGEST:
            raise use.operator.invalid(f"{name} is {value}, expected a finite number")
        return value

    return read


def _clip(use: Use) -> Iterable[Value | None]:
    live = use.live()
    if any(isinstance(value, Live) for value in use.values[1:]):
        return (_between(use, live),)
    ends = []
    for index, (name, default) in enumerate((("min", -inf), ("max", inf)), 1):
        found = use.maybe(index, name)
        value = use.option(name, default) if found is None else float(np.asarray(found).ravel()[0])
        ends.append(value if abs(value) < _LARGEST else np.copysign(inf, value))
    low, high = ends
    op: FloatOp
    if (low, high) in ((0.0, inf), (0.0, 6.0)):
        op = Relu(ActivationKind.RELU6 if high == 6.0 else ActivationKind.RELU)
    elif low > high:  # ONNX: the largest value wins
        op = Clip(high, high)
    elif np.isfinite(ends).all():
        op = Clip(low, high)
    elif low == -inf and high == inf:
        op = Identity()
    elif low == -inf:
        op = Minimum(constant=frozen_array([high]))
    else:
        op = Maximum(constant=frozen_array([low]))
    return (use.applied(live, op),)


def _between(use: Use, live: Live) -> Live:
    """Return a tensor between limits of which one at least depends on the inputs."""
    for kind, limit in zip(("Max", "Min"), use.values[1:], strict=False):
        if limit is not None:
            live = two(use, kind, live, limit.real if isinstance(limit, Live) else limit)
    return live


def _hard_sigmoid(use: Use) -> Iterable[Value | None]:
    alpha, beta = _number("alpha", 0.2)(use), _number("beta", 0.5)(use)
    if beta == 0.5:
        return (use.applied(use.live(), HardSigmoid(alpha)),)
    return (use.applied(affine(use, use.live(), alpha, beta), Clip(0.0, 1.0)),)


def _selu(use: Use) -> Iterable[Value | None]:
    alpha, gamma = _number("alpha", _SELU[0])(use), _number("gamma", _SELU[1])(use)
    if np.allclose((alpha, gamma), _SELU, rtol=1e-6):
        return (use.applied(use.live(), Selu()),)
    return (affine(use, use.applied(use.live(), Elu(alpha)), gamma, 0.0),)


def _shrink(use: Use) -> FloatOp:
    limit, bias = _number("lambd", 0.5)(use), _number("bias", 0.0)(use)
    if bias not in (0.0, limit):
        raise use.operator.unsupported(f"bias={bias:g}", "supported are 0 and that of lambd")
    return SoftShrink(limit) if bias else HardShrink(limit)


def _gelu(use: Use) -> FloatOp:
    return Gelu(use.option("approximate", "none") == "tanh")


def _swish(use: Use) -> Iterable[Value | None]:
    live, alpha = use.live(), _number("alpha", 1.0)(use)
    if alpha == 1.0:
        return (use.applied(live, Silu()),)
    gate = use.applied(affine(use, live, alpha, 0.0), Sigmoid())
    return (use.like(use.add(Mul(), live.tensor, gate.tensor), live),)


def _negative(use: Use) -> Iterable[Value | None]:
    return (affine(use, use.live(), -1.0, 0.0),)


def _dropout(use: Use) -> Iterable[Value | None]:
    training = use.maybe(2, "training_mode")
    if any(use.wanted[1:]) or (training is not None and np.asarray(training).any()):
        raise use.operator.unsupported(
            "drops values, as in training", "export the model after model.eval()"
        )
    return (use.applied(use.live(), Identity()),)


def _cast(use: Use) -> Iterable[Value | None]:
    kind = use.option("to", 1)
    if kind == _TRUTH:
        return (replace(use.applied(use.live(), Sign(), Abs()), stored=BOOL),)
    if kind not in _FLOATS:
        raise use.operator.unsupported(
            "makes integers or truth values of what the inputs determine",
            "supported are casts to float: change the network and export it again",
        )
    return (use.applied(use.live(), Identity()),)


def _cast_like(use: Use) -> Iterable[Value | None]:
    if not isinstance(use.values[0], Live):
        return (use.values[0],)
    return (use.applied(use.live(), Identity()),)


def _softmax(use: Use) -> Iterable[Value | None]:
    live, later = use.live(), use.operator.opset >= _SINGLE_AXIS
    rank = len(live.shape)
    axis = use.axis(int(use.option("axis", -1 if later else 1)), rank)
    over = [axis] if later else list(range(axis, rank))
    if live.batch in over:
        live = use.whole(live)
    if use.operator.kind == "LogSoftmax":
        return (_log_softmax(use, live, over),)
    axes = [live.axis(i) for i in over]
    return (use.applied(live, *along(Softmax(), axes, live.inner)),)


def _log_softmax(use: Use, live: Live, over: Sequence[int]) -> Live:
    """Return x - m - log(sum of exp(x - m)), m being the largest.

    The logarithm of a softmax of 8 bits would know no values between log(1 / 256) and minus
    infinity.
    """
    below = two(use, "Sub", live, reduced(use, live, ReduceMax, over))
    total = reduced(use, use.applied(below, Exp()), ReduceSum, over)
    return two(use, "Sub", below, use.applied(total, Log()))


UNARY: Mapping[str, Handler] = {
    **{
        name: _simple(make)
        for name, make in {
            "Abs": lambda use: Abs(),
            "Ceil": lambda use: Ceil(),
            "Acos": lambda use: Acos(),
            "Acosh": lambda use: Acosh(),
            "Asin": lambda use: Asin(),
            "Asinh": lambda use: Asinh(),
            "Atan": lambda use: Atan(),
            "Atanh": lambda use: Atanh(),
            "Cosh": lambda use: Cosh(),
            "Sinh": lambda use: Sinh(),
            "Tan": lambda use: Tan(),
            "Round": lambda use: Round(),
            "Celu": lambda use: Celu(_number("alpha", 1.0)(use)),
            "Cos": lambda use: Cos(),
            "Elu": lambda use: Elu(_number("alpha", 1.0)(use)),
            "Erf": lambda use: Erf(),
            "Exp": lambda use: Exp(),
            "Floor": lambda use: Floor(),
            "Gelu": _gelu,
            "HardSwish": lambda use: HardSilu(),
            "Identity": lambda use: Identity(),
            "LeakyRelu": lambda use: LeakyRelu(_number("alpha", 0.01)(use)),
            "Log": lambda use: Log(),
            "Mish": lambda use: Mish(),
            "Reciprocal": lambda use: Reciprocal(),
            "Relu": lambda use: Relu(ActivationKind.RELU),
            "Shrink": _shrink,
            "Sigmoid": lambda use: Sigmoid(),
            "Sign": lambda use: Sign(),
            "Sin": lambda use: Sin(),
            "Softplus": lambda use: Softplus(),
            "Softsign": lambda use: Softsign(),
            "Sqrt": lambda use: Sqrt(),
            "Tanh": lambda use: Tanh(),
            "ThresholdedRelu": lambda use: BoundedRelu(threshold=_number("alpha", 1.0)(use)),
        }.items()
    },
    "Cast": _cast,
    "CastLike": _cast_like,
    "Clip": _clip,
    "Dropout": _dropout,
    "HardSigmoid": _hard_sigmoid,
    "LogSoftmax": _softmax,
    "Neg": _negative,
    "Selu": _selu,
    "Softmax": _softmax,
    "Swish": _swish,
}
