"""Random functions of keras.ops, operators of Python and subscripts, over one tensor."""

from __future__ import annotations

from math import prod
from typing import Any

from drawn_layers import factors
from draws import (
    FIRST,
    NAMES,
    Rng,
    Seen,
    Steps,
    axes,
    axis,
    broadcast,
    constant,
    kind,
    maybe,
    number,
    one_of,
    whole,
)

_EVERYWHERE = (
    *("abs", "square", "sin", "cos", "erf", "sign", "floor", "ceil", "negative", "tanh"),
    *("arctan", "arcsinh"),
)
_POSITIVE = ("sqrt", "rsqrt", "log", "log1p", "reciprocal")
_NN = tuple(name for name in NAMES if name not in ("exponential", "linear", "mish", "softmax"))


@kind("function", weight=2)
def _function(rng: Rng, x: Seen) -> Steps:
    return [(f"ops.{one_of(rng, *_EVERYWHERE)}", {})]


@kind("function of positive values", weight=1.5)
def _of_positive(rng: Rng, x: Seen) -> Steps:
    what = f"ops.{one_of(rng, *_POSITIVE)}"
    if x.low > 0.05:
        return [(what, {})]
    before = one_of(rng, "ops.softplus", "ops.abs", "ops.square", "ops.sigmoid", "ops.exp")
    if x.high > 4 and before == "ops.exp":
        before = "ops.abs"
    least = {"constant": number(rng, 0.1, 1) or 0.5}
    return [(before, {}), *([("operator.add", least)] if before != "ops.exp" else []), (what, {})]


@kind("exponential", weight=0.5)
def _exponential(rng: Rng, x: Seen) -> Steps | None:
    return [(f"ops.{one_of(rng, 'exp', 'expm1')}", {})] if x.high < 5 else None


@kind("activation function", weight=1.5)
def _nn(rng: Rng, x: Seen) -> Steps:
    what = one_of(rng, *_NN)
    found: dict[str, Any] = {
        "leaky_relu": {"negative_slope": number(rng, 0, 0.9)},
        "elu": {"alpha": number(rng, 0.1, 2)},
        "celu": {"alpha": number(rng, 0.1, 2)},
        "gelu": {"approximate": maybe(rng)},
        "hard_shrink": {"threshold": number(rng, 0.1, 1)},
        "soft_shrink": {"threshold": number(rng, 0.1, 1)},
        "squareplus": {"b": whole(rng, 1, 6)},
    }
    return [(f"ops.{what}", found.get(what, {}) if maybe(rng, 0.7) else {})]


@kind("clip")
def _clip(rng: Rng, x: Seen) -> Steps:
    ends = sorted((number(rng, -3, 3), number(rng, -3, 3)))
    return [("ops.clip", {"x_min": ends[0], "x_max": ends[1] + 0.5})]


@kind("threshold", weight=0.5)
def _threshold(rng: Rng, x: Seen) -> Steps:
    limits = {"threshold": number(rng, -1, 1), "default_value": number(rng, -1, 1)}
    return [("ops.threshold", limits)]


@kind("softmax and normalize")
def _along(rng: Rng, x: Seen) -> Steps:
    if maybe(rng):
        return [("ops.softmax", {"axis": axis(rng, x.shape)})]
    return [("ops.normalize", {"axis": axis(rng, x.shape), "order": 2})]


@kind("arithmetic with a constant", weight=3)
def _arithmetic(rng: Rng, x: Seen) -> Steps:
    what = one_of(rng, "add", "sub", "mul", "truediv")
    value: Any = number(rng, -3, 3) or 1.0
    if maybe(rng, 0.6):
        shape = x.shape[-1:] if maybe(rng, 0.4) else broadcast(rng, x.shape)
        value = constant(rng, shape, 0.3 if what == "truediv" else -2.0)
        if maybe(rng, 0.4) and len(shape) == len(x.shape):
            value = constant(rng, (1, *shape), value.low)
    first = what != "truediv" and maybe(rng, 0.3)
    return [(f"operator.{what}", {"constant": value, **({"first": True} if first else {})})]


@kind("limit by a constant")
def _limit(rng: Rng, x: Seen) -> Steps:
    what = one_of(rng, "maximum", "minimum")
    shape = () if maybe(rng, 0.4) else broadcast(rng, x.shape)
    return [(f"ops.{what}", {"constant": constant(rng, shape), "first": maybe(rng, 0.3)})]


@kind("power", weight=0.6)
def _power(rng: Rng, x: Seen) -> Steps | None:
    big = max(abs(x.low), abs(x.high)) > 10
    return None if big else [("operator.pow", {"constant": whole(rng, 1, 4)})]


@kind("reduction", weight=2)
def _reduction(rng: Rng, x: Seen) -> Steps | None:
    what = one_of(rng, "mean", "sum", "max", "min")
    keep = len(x.shape) == 1 or maybe(rng, 0.4)
    found = axes(rng, x.shape)
    if not keep and len(found) == len(x.shape):
        found = found[:-1]
    if maybe(rng, 0.3):
        found = [n - len(x.shape) - 1 for n in found]
    if not found:
        return None
    along: Any = found[0] if len(found) == 1 and maybe(rng) else tuple(found)
    return [(f"ops.{what}", {"axis": along, **({"keepdims": True} if keep else {})})]


@kind("subscript", weight=2)
def _subscript(rng: Rng, x: Seen) -> Steps:
    index: list[Any] = [slice(None)]
    kept = len(x.shape)
    for i, n in enumerate(x.shape):
        roll = rng.random()
        if roll < 0.35:
            index.append(slice(None))
        elif roll < 0.5 and kept > 1:
            index.append(whole(rng, -n, n - 1))
            kept -= 1
        elif roll < 0.6 and i == 0:
            index = [Ellipsis] if maybe(rng, 0.3) and len(x.shape) == 1 else index
            index.append(slice(None, None, -1))
        else:
            begin = whole(rng, 0, n - 1)
            end = one_of(rng, None, whole(rng, begin + 1, n))
            if end is not None and end < n and maybe(rng, 0.3):
                end -= n
            index.append(slice(begin or None, end, one_of(rng, None, None, 2, 3)))
    if maybe(rng, 0.15) and kept < 4:
        index.insert(whole(rng, 1, len(index)), None)
    return [("item", {"index": tuple(index)})]


@kind("split")
def _split(rng: Rng, x: Seen) -> Steps | None:
    along = whole(rng, 1, len(x.shape))
    size = x.shape[along - 1]
    if maybe(rng, 0.3) and len(x.shape) > 1:
        return [("ops.unstack", {"axis": along, "take": whole(rng, 0, size - 1)})]
    parts = [n for n in range(1, size + 1) if size % n == 0]
    count = int(one_of(rng, *parts))
    if maybe(rng, 0.4) and size > 2:
        cut = sorted({whole(rng, 1, size - 1), whole(rng, 1, size - 1)})
        at = whole(rng, 0, len(cut))
        return [("ops.split", {"indices_or_sections": cut, "axis": along, "take": at})]
    found = {"indices_or_sections": count, "axis": along, "take": whole(rng, 0, count - 1)}
    return [("ops.split", found)]


@kind("order", (2, 3, 4), 1.5)
def _order(rng: Rng, x: Seen) -> Steps:
    rank = len(x.shape)
    if maybe(rng):
        order = (0, *(int(n) + 1 for n in rng.permutation(rank)))
        return [("ops.transpose", {"axes": order})]
    one, two = axis(rng, x.shape), axis(rng, x.shape)
    if maybe(rng):
        return [("ops.swapaxes", {"axis1": one, "axis2": two})]
    return [("ops.moveaxis", {"source": one, "destination": two})]


@kind("new shape")
def _new_shape(rng: Rng, x: Seen) -> Steps:
    ones = [i + 1 for i, n in enumerate(x.shape) if n == 1]
    if ones and len(x.shape) > 1 and maybe(rng, 0.7):
        return [("ops.squeeze", {"axis": int(one_of(rng, *ones))})]
    if len(x.shape) < 4 and maybe(rng):
        return [("ops.expand_dims", {"axis": whole(rng, 1, len(x.shape) + 1)})]
    shape = factors(rng, prod(x.shape), whole(rng, 1, 4))
    return [("ops.reshape", {"newshape": (-1, *shape)})]


@kind("copies", weight=1.5)
def _copies(rng: Rng, x: Seen) -> Steps:
    roll = rng.random()
    if roll < 0.3:
        counts = tuple(whole(rng, 1, 2) for _ in x.shape)
        return [("ops.tile", {"repeats": (1, *counts)})]
    if roll < 0.5:
        return [("ops.repeat", {"repeats": whole(rng, 1, 3), "axis": axis(rng, x.shape)})]
    if roll < 0.7:
        return [("ops.flip", {"axis": axis(rng, x.shape)})]
    if roll < 0.85:
        return [("ops.roll", {"shift": whole(rng, -3, 5), "axis": axis(rng, x.shape)})]
    along = whole(rng, 1, len(x.shape))
    size = x.shape[along - 1]
    indices = [whole(rng, 0, size - 1) for _ in range(whole(rng, 1, 5))]
    return [("ops.take", {"indices": indices, "axis": along})]


@kind("pad", weight=1.5)
def _pad(rng: Rng, x: Seen) -> Steps:
    mode = one_of(rng, "constant", "constant", "edge", "reflect", "symmetric")
    most = {"constant": 3, "edge": 3, "reflect": -1, "symmetric": 0}[mode]
    pairs = []
    for n in x.shape:
        limit = most if mode in ("constant", "edge") else min(2, n + most)
        pad = maybe(rng, 0.6)
        pairs.append((whole(rng, 0, limit), whole(rng, 0, limit)) if pad else (0, 0))
    if mode == "edge":
        return [("ops.pad", {"pad_width": ((0, 0), *pairs), "mode": "edge"})]
    return [("ops.pad", {"pad_width": ((0, 0), *pairs), "mode": mode})]


@kind("depth and space", (3,), first=FIRST)
def _depth(rng: Rng, x: Seen) -> Steps | None:
    height, width, channels = x.shape
    size = int(one_of(rng, 2, 2, 3))
    if channels % size**2 == 0:
        return [("ops.depth_to_space", {"block_size": size})]
    if height % size == width % size == 0:
        return [("ops.space_to_depth", {"block_size": size})]
    return None


@kind("functions of pictures", (3,), first=FIRST)
def _pictures(rng: Rng, x: Seen) -> Steps:
    roll, (height, width, _) = rng.random(), x.shape
    if roll < 0.4:
        size = (whole(rng, 1, 8), whole(rng, 1, 8))
        return [("ops.image.resize", {"size": size, "interpolation": _mode(rng)})]
    if roll < 0.6:
        keys = ("top_padding", "left_padding", "bottom_padding", "right_padding")
        return [("ops.image.pad_images", {key: whole(rng, 0, 2) for key in keys})]
    if roll < 0.75:
        found = {
            "top_cropping": whole(rng, 0, min(2, height - 1)),
            "left_cropping": whole(rng, 0, min(2, width - 1)),
        }
        found["target_height"] = whole(rng, 1, height - found["top_cropping"])
        found["target_width"] = whole(rng, 1, width - found["left_cropping"])
        return [("ops.image.crop_images", found)]
    size = [whole(rng, 1, min(3, n)) for n in (height, width)]
    found = {"pool_size": tuple(size), "padding": one_of(rng, "same", "valid")}
    if maybe(rng):
        found["strides"] = whole(rng, 1, 3)
    return [(f"ops.{one_of(rng, 'max_pool', 'average_pool')}", found)]


def _mode(rng: Rng) -> str:
    return str(one_of(rng, "nearest", "bilinear"))
