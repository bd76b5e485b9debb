"""What random draws of layers share: the table of kinds, and small choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from recipe import Constant, Options, Part

Rng = np.random.Generator
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Seen:
    """A tensor that a call may read: its shape without the batch, and the range of its values."""

    name: str
    shape: Shape
    low: float
    high: float


Steps = list[tuple[str, Options]]  # calls in a row
Draw = Callable[[Rng, Seen], Steps | None]  # None: it does not fit


@dataclass(frozen=True)
class Kind:
    """A kind of layers over one tensor.

    Attributes:
        name: Its name.
        draw: Draws its options.
        ranks: Of tensors that it reads, without the batch.
        weight: How often it is drawn, compared with others.
        first: Options by which its layers have channels first; none: they have no channels.
    """

    name: str
    draw: Draw
    ranks: tuple[int, ...]
    weight: float
    first: Options | None = None


KINDS: list[Kind] = []
ANY = (1, 2, 3, 4)
FIRST: Mapping[str, Any] = {"data_format": "channels_first"}


def kind(
    name: str, ranks: Sequence[int] = ANY, weight: float = 1.0, first: Options | None = None
) -> Callable[[Draw], Draw]:
    """Add a kind to the table, by what draws it."""

    def add(draw: Draw) -> Draw:
        KINDS.append(Kind(name, draw, tuple(ranks), weight, first))
        return draw

    return add


def with_channels_first(draw: Draw, rng: Rng, x: Seen) -> Steps | None:
    """Return what is drawn for a tensor with channels first, by a draw for channels last."""
    first = next(kind.first for kind in KINDS if kind.draw is draw)
    if first is None or len(x.shape) < 2:
        return draw(rng, x)
    steps = draw(rng, replace(x, shape=(*x.shape[1:], x.shape[0])))
    return steps and [(what, {**options, **first}) for what, options in steps]


def one_of(rng: Rng, *values: Any) -> Any:
    return values[rng.integers(len(values))]


def maybe(rng: Rng, share: float = 0.5) -> bool:
    return bool(rng.random() < share)


def number(rng: Rng, low: float, high: float) -> float:
    """Return a number of few digits."""
    return float(round(rng.uniform(low, high), int(rng.integers(0, 4))))


def whole(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def seed(rng: Rng) -> int:
    return whole(rng, 0, 9999)


def axis(rng: Rng, shape: Shape) -> int:
    """Return a dimension, counted with the batch or from the end."""
    found = whole(rng, 1, len(shape))
    return found if maybe(rng) else found - len(shape) - 1


def axes(rng: Rng, shape: Shape) -> list[int]:
    """Return one dimension or more."""
    count = whole(rng, 1, len(shape))
    return sorted(int(n) for n in rng.permutation(len(shape))[:count] + 1)


def broadcast(rng: Rng, shape: Shape) -> Shape:
    """Return a shape that can be broadcast to another one."""
    kept = shape[whole(rng, 0, len(shape)) :] if maybe(rng) else shape
    return tuple(1 if maybe(rng, 0.3) else n for n in kept)


def constant(rng: Rng, shape: Shape, low: float = -2.0, high: float = 2.0) -> Constant:
    return Constant(shape, seed(rng), low, high)


NAMES = (
    *("relu", "relu6", "silu", "hard_silu", "gelu", "mish", "leaky_relu", "elu", "selu", "celu"),
    *("hard_sigmoid", "hard_tanh", "sparse_sigmoid", "softplus", "log_sigmoid", "softsign"),
    *("squareplus", "sparse_plus", "tanh_shrink", "hard_shrink", "soft_shrink", "sigmoid"),
    *("tanh", "exponential", "linear", "softmax"),
)


def activation(rng: Rng, rank: int) -> Options:
    """Return the option `activation`, or none."""
    roll = rng.random()
    if roll < 0.35:
        return {}
    if roll < 0.6:
        return {"activation": one_of(rng, "relu", "relu", "relu6")}
    if roll < 0.85:
        return {"activation": str(one_of(rng, *NAMES))}
    return {"activation": activation_layer(rng, rank)}


def activation_layer(rng: Rng, rank: int) -> Part:
    """Return a layer object as an activation."""
    what = one_of(rng, "ReLU", "LeakyReLU", "ELU", "Softmax")
    if what == "ReLU":
        return Part(what, relu(rng))
    if what == "LeakyReLU":
        return Part(what, {"negative_slope": number(rng, 0, 0.6)})
    if what == "ELU":
        return Part(what, {"alpha": number(rng, 0.1, 2)})
    return Part(what, {"axis": axis(rng, (1,) * rank)})


def relu(rng: Rng) -> Options:
    found: dict[str, Any] = {}
    if maybe(rng):
        found["max_value"] = one_of(rng, 6.0, 1.0, number(rng, 0.3, 4))
    if maybe(rng, 0.4):
        found["negative_slope"] = number(rng, 0, 1)
    if maybe(rng, 0.3):
        found["threshold"] = number(rng, 0, 1)
    return found


def bias(rng: Rng) -> Options:
    return {} if maybe(rng, 0.8) else {"use_bias": False}


def filters(rng: Rng) -> int:
    return int(one_of(rng, 1, 2, 3, 4, 5, 8, 9, 16))


def sizes(rng: Rng, shape: Sequence[int], valid: bool, most: int = 5) -> list[int]:
    """Return a window's size along each dimension."""
    return [
        int(min(whole(rng, 1, most), n) if valid else whole(rng, 1, min(most, n + 2)))
        for n in shape
    ]


def spatial(values: Sequence[int]) -> Any:
    """Return one number for all dimensions if they are alike."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def window(rng: Rng, shape: Sequence[int], key: str = "kernel_size") -> dict[str, Any]:
    """Return size, strides, padding and dilation of a convolution over these dimensions."""
    padding = one_of(rng, "same", "valid")
    size = sizes(rng, shape, padding == "valid")
    found = {key: spatial(size), "padding": padding}
    if maybe(rng, 0.4):
        strides = [whole(rng, 1, 3) for _ in shape]
        if padding == "valid":  # TensorFlow's oneDNN kernels give garbage for a lone output there
            places = zip(strides, size, shape, strict=True)
            strides = [1 if 0 < n - k < s else s for s, k, n in places]
        found["strides"] = spatial(strides)
    elif maybe(rng, 0.25) and key == "kernel_size":
        dilation = [
            whole(rng, 1, max(1, (n - 1) // max(1, k - 1)) if padding == "valid" else 3)
            for k, n in zip(size, shape, strict=True)
        ]
        found["dilation_rate"] = spatial(dilation)
    return found


def strides_alike(found: dict[str, Any]) -> dict[str, Any]:
    """Return a window with one stride, as Keras wants it of depthwise layers."""
    strides = found.get("strides", 1)
    return {**found, "strides": strides if isinstance(strides, int) else max(strides)}
