"""Translate operators that ONNX Runtime makes of several when it optimizes a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.binary import two
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.gates import Gelu, Silu
from microlut.ops.mul import Mul
from microlut.ops.sigmoid import Sigmoid

_OPSET = 18  # that these operators follow
_QUICK = 1.702  # of QuickGelu


def _as(use: Use, handlers: Mapping[str, Handler], kind: str, *values: Value | None) -> list[Live]:
    """Return what an operator of ONNX makes of values, with the same attributes."""
    operator = replace(use.operator, kind=kind, domain="", opset=_OPSET)
    wanted = (True, *[False] * 2)
    found = handlers[kind](replace(use, operator=operator, values=values, wanted=wanted))
    return [each for each in found if isinstance(each, Live)]


def _sum(use: Use, left: Value | None, right: Value | None) -> Live:
    """Return the sum of two values, of which one depends on the inputs, or the only one."""
    if left is None or right is None:
        left, right = (right if left is None else left), None
    if isinstance(left, Live) and right is None:
        return left.real
    assert left is not None and right is not None
    both = [each.real if isinstance(each, Live) else each for each in (left, right)]
    return two(use, "Add", *both)


def _at(use: Use, index: int) -> Value | None:
    return use.values[index] if index < len(use.values) else None


def _bias_gelu(use: Use) -> Iterable[Value | None]:
    return (use.applied(_sum(use, use.live(), _at(use, 1)), Gelu()),)


def _fast_gelu(use: Use) -> Iterable[Value | None]:
    return (use.applied(_sum(use, use.live(), _at(use, 1)), Gelu(approximate=True)),)


def _quick_gelu(use: Use) -> Iterable[Value | None]:
    live, alpha = use.live(), float(use.option("alpha", _QUICK))
    if alpha == 1.0:
        return (use.applied(live, Silu()),)
    gate = use.applied(affine(use, live, alpha, 0.0), Sigmoid())
    return (use.like(use.add(Mul(), live.tensor, gate.tensor), live),)


def _fused(handlers: Mapping[str, Handler], kind: str) -> Handler:
    """Return the handler of an operator with an activation."""

    def handle(use: Use) -> Iterable[Value | None]:
        values, addend = use.values, None
        if kind == "Conv" and len(values) > 3:
            values, addend = values[:3], values[3]
        (made,) = _as(use, handlers, kind, *values)
        made = _sum(use, made, addend)
        name = str(use.option("activation", ""))
        if not name:
            return (made,)
        if name not in _ACTIVATIONS:
            raise use.operator.unsupported(
                f"activation {name}", f"supported are {', '.join(_ACTIVATIONS)}"
            )
        given = _ACTIVATIONS[name](use)
        operator = replace(use.operator, kind=name, domain="", opset=6, attributes=given)
        return handlers[name](replace(use, operator=operator, values=(made,)))

    return handle


def _product(handlers: Mapping[str, Handler], use: Use) -> Iterable[Value | None]:
    values: list[Value] = []
    for i, name in enumerate(("transA", "transB")):
        value, turn = use.values[i], bool(use.option(name, 0))
        assert value is not None
        if turn and isinstance(value, Live):
            value = use.turned(value)
        values.append(np.swapaxes(value, -1, -2) if turn and not isinstance(value, Live) else value)
    if use.option("transBatchA", 0) or use.option("transBatchB", 0):
        raise use.operator.unsupported("transBatchA or transBatchB", "supported is neither")
    (made,) = _as(use, handlers, "MatMul", *values)
    alpha = float(use.option("alpha", 1.0))
    return (made if alpha == 1.0 else affine(use, made, alpha, 0.0),)


def _normalized(handlers: Mapping[str, Handler], kind: str) -> Handler:
    """Return the handler of a normalization of a sum, which it gives as its fourth output."""

    def handle(use: Use) -> Iterable[Value | None]:
        whole = kind == "LayerNormalization"
        total = _sum(use, use.values[0], use.values[1])
        total = _sum(use, total, _at(use, 4 if whole else 3))
        rest = [_at(use, 2), *([_at(use, 3)] if whole else [])]
        (made,) = _as(use, handlers, kind, total, *rest)
        return (made, None, None, total)

    return handle


def microsoft_handlers(handlers: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """Return the handlers of ONNX Runtime's operators on real numbers, given those of ONNX."""
    own: dict[str, Handler] = {
        "BiasGelu": _bias_gelu,
        "FastGelu": _fast_gelu,
        "FusedConv": _fused(handlers, "Conv"),
        "FusedGemm": _fused(handlers, "Gemm"),
        "FusedMatMul": lambda use: _product(handlers, use),
        "Gelu": lambda use: (use.applied(use.live(), Gelu()),),
        "QuickGelu": _quick_gelu,
        "SkipLayerNormalization": _normalized(handlers, "LayerNormalization"),
        "SkipSimplifiedLayerNormalization": _normalized(handlers, "RMSNormalization"),
    }
    return {f"com.microsoft.{name}": handler for name, handler in own.items()}


_Options = Callable[[Use], dict[str, float]]
_ACTIVATIONS: Mapping[str, _Options] = {
    "Clip": lambda use: dict(
        zip(("min", "max"), use.option("activation_params", ()), strict=False)
    ),
    "HardSigmoid": lambda use: dict(
        zip(("alpha", "beta"), use.option("activation_params", ()), strict=False)
    ),
    "LeakyRelu": lambda use: {
        "alpha": next(
            iter(use.option("activation_params", ())), use.option("activation_alpha", 0.01)
        )
    },
    "Relu": lambda use: {},
    "Sigmoid": lambda use: {},
    "Tanh": lambda use: {},
}
