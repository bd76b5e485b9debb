"""Random layers of Keras over one tensor."""

from __future__ import annotations

from math import prod
from typing import Any

from draws import (
    FIRST,
    NAMES,
    Rng,
    Seen,
    Shape,
    Steps,
    activation,
    axes,
    axis,
    bias,
    constant,
    filters,
    kind,
    maybe,
    number,
    one_of,
    relu,
    spatial,
    strides_alike,
    whole,
    window,
    with_channels_first,
)
from recipe import Options, Part


@kind("Activation", weight=2)
def _activation(rng: Rng, x: Seen) -> Steps:
    return [("Activation", {"activation": str(one_of(rng, *NAMES))})]


@kind("rectifier")
def _rectifier(rng: Rng, x: Seen) -> Steps:
    what = one_of(rng, "ReLU", "LeakyReLU", "ELU", "PReLU")
    if what == "ReLU":
        return [(what, relu(rng))]
    if what == "LeakyReLU":
        return [(what, {"negative_slope": number(rng, 0, 0.9)})]
    if what == "ELU":
        return [(what, {"alpha": number(rng, 0.1, 2)})]
    return [(what, {"shared_axes": axes(rng, x.shape)} if maybe(rng, 0.7) else {})]


@kind("Softmax")
def _softmax(rng: Rng, x: Seen) -> Steps:
    return [("Softmax", {"axis": axis(rng, x.shape) if maybe(rng, 0.8) else axes(rng, x.shape)})]


@kind("Dense", weight=2.5)
def _dense(rng: Rng, x: Seen) -> Steps:
    units = int(one_of(rng, 1, 2, 3, 4, 7, 10, 16, 33))
    return [("Dense", {"units": units, **activation(rng, len(x.shape)), **bias(rng)})]


@kind("BatchNormalization", weight=2, first={"axis": 1})
def _batch_norm(rng: Rng, x: Seen) -> Steps:
    found: dict[str, Any] = {"axis": axis(rng, x.shape)} if maybe(rng, 0.3) else {}
    found |= {key: False for key in ("center", "scale") if maybe(rng, 0.2)}
    return [("BatchNormalization", found | ({"epsilon": 0.01} if maybe(rng, 0.2) else {}))]


@kind("Rescaling")
def _rescaling(rng: Rng, x: Seen) -> Steps:
    channels = x.shape[-1]
    scale: Any = number(rng, 0.05, 3) if maybe(rng) else constant(rng, (channels,), 0.1, 2)
    offset: Any = number(rng, -2, 2) if maybe(rng) else constant(rng, (channels,))
    return [("Rescaling", {"scale": scale or 1.0, "offset": offset})]


@kind("Normalization")
def _normalization(rng: Rng, x: Seen) -> Steps:
    along = axis(rng, x.shape) if maybe(rng, 0.3) else -1
    size = (x.shape[along - 1 if along > 0 else along],)
    mean, variance = constant(rng, size), constant(rng, size, 0.2, 2)
    found = {"axis": along, "mean": mean, "variance": variance}
    return [("Normalization", found | ({"invert": True} if maybe(rng, 0.2) else {}))]


@kind("UnitNormalization", weight=0.6)
def _unit_normalization(rng: Rng, x: Seen) -> Steps:
    along: Any = axis(rng, x.shape) if maybe(rng, 0.6) else axes(rng, x.shape)
    return [("UnitNormalization", {"axis": along})]


@kind("dropped", weight=0.4)
def _dropped(rng: Rng, x: Seen) -> Steps:
    options: dict[str, Options] = {
        "ActivityRegularization": {"l1": 0.1},
        "Dropout": {"rate": 0.3},
        "GaussianDropout": {"rate": 0.2},
        "GaussianNoise": {"stddev": 0.5},
        "Identity": {},
    }
    if len(x.shape) in (2, 3):
        options[f"SpatialDropout{len(x.shape) - 1}D"] = {"rate": 0.1}
    what = str(one_of(rng, *options))
    return [(what, options[what])]


@kind("Flatten", (2, 3, 4), first=FIRST)
def _flatten(rng: Rng, x: Seen) -> Steps:
    return [("Flatten", {})]


@kind("Reshape", weight=1.5)
def _reshape(rng: Rng, x: Seen) -> Steps:
    shape = list(factors(rng, prod(x.shape), whole(rng, 1, 4)))
    if maybe(rng, 0.3):
        shape[whole(rng, 0, len(shape) - 1)] = -1
    return [("Reshape", {"target_shape": tuple(shape)})]


def factors(rng: Rng, size: int, rank: int) -> Shape:
    """Return numbers whose product is `size`."""
    found = []
    for _ in range(rank - 1):
        one = int(one_of(rng, *(n for n in range(1, size + 1) if size % n == 0 and n <= 16)))
        found.append(one)
        size //= one
    found.append(size)
    return tuple(int(n) for n in rng.permutation(found))


@kind("Permute", (2, 3, 4))
def _permute(rng: Rng, x: Seen) -> Steps:
    return [("Permute", {"dims": tuple(int(n) + 1 for n in rng.permutation(len(x.shape)))})]


@kind("RepeatVector", (1,))
def _repeat_vector(rng: Rng, x: Seen) -> Steps:
    return [("RepeatVector", {"n": whole(rng, 1, 5)})]


@kind("convolution", (2, 3), 5, FIRST)
def _convolution(rng: Rng, x: Seen) -> Steps:
    return [_convolved(rng, x.shape, f"{len(x.shape) - 1}D")]


@kind("convolution of sequences", (3,), 0.3)
def _of_sequences(rng: Rng, x: Seen) -> Steps:
    """Keras applies a convolution over sequences to each of several."""
    what, found = _convolved(rng, x.shape[1:], "1D", "Conv")
    return [(what, {**found, **activation(rng, 3)})]


def _convolved(rng: Rng, shape: Shape, rank: str, kind: str = "") -> tuple[str, Options]:
    what = kind or one_of(rng, "Conv", "Conv", "Conv", "Depthwise", "Separable", "Transpose")
    *places, channels = shape
    common = {**activation(rng, len(shape)), **bias(rng)}
    if what == "Transpose":
        return f"Conv{rank}Transpose", {**_transposed(rng, places), **common}
    common |= window(rng, places)
    if what == "Conv":
        if rank == "1D" and maybe(rng, 0.2):
            common["padding"] = "causal"
        groups = [n for n in range(2, channels + 1) if channels % n == 0]
        if groups and maybe(rng, 0.2):
            common["groups"] = int(one_of(rng, *groups))
        count = filters(rng) if "groups" not in common else common["groups"] * whole(rng, 1, 3)
        return f"Conv{rank}", {"filters": count, **common}
    if maybe(rng, 0.3):
        common["depth_multiplier"] = whole(rng, 1, 3)
    common = strides_alike(common)
    if common.get("dilation_rate", 1) != 1 and common["strides"] != 1:
        common["strides"] = 1
    if what == "Depthwise":
        return f"DepthwiseConv{rank}", common
    return f"SeparableConv{rank}", {"filters": filters(rng), **common}


def _transposed(rng: Rng, places: list[int]) -> Options:
    strides = [whole(rng, 1, 3) for _ in places]
    size = [whole(rng, 1, 4) for _ in places]
    found: dict[str, Any] = {
        "filters": filters(rng),
        "kernel_size": spatial(size),
        "strides": spatial(strides),
        "padding": one_of(rng, "same", "valid"),
    }
    if maybe(rng, 0.3) and min(strides) > 1:
        extra = [whole(rng, 0, s - 1) for s in strides]
        found["output_padding"] = tuple(extra) if len(extra) > 1 else extra[0]
    return found


@kind("pool", (2, 3), 2, FIRST)
def _pool(rng: Rng, x: Seen) -> Steps:
    found = window(rng, x.shape[:-1], "pool_size")
    return [(f"{one_of(rng, 'Max', 'Average')}Pooling{len(x.shape) - 1}D", found)]


@kind("global pool", (2, 3), 0.7, FIRST)
def _global_pool(rng: Rng, x: Seen) -> Steps:
    what = f"Global{one_of(rng, 'Max', 'Average')}Pooling{len(x.shape) - 1}D"
    return [(what, {"keepdims": True} if maybe(rng) else {})]


@kind("ZeroPadding", (2, 3, 4), first=FIRST)
def _zero_padding(rng: Rng, x: Seen) -> Steps:
    rank = len(x.shape) - 1
    pairs = [(whole(rng, 0, 2), whole(rng, 0, 2)) for _ in range(rank)]
    return [(f"ZeroPadding{rank}D", {"padding": pairs[0] if rank == 1 else tuple(pairs)})]


@kind("Cropping", (2, 3, 4), first=FIRST)
def _cropping(rng: Rng, x: Seen) -> Steps:
    rank = len(x.shape) - 1
    pairs = []
    for n in x.shape[:-1]:
        before = whole(rng, 0, min(2, n - 1))
        pairs.append((before, whole(rng, 0, min(2, n - 1 - before))))
    return [(f"Cropping{rank}D", {"cropping": pairs[0] if rank == 1 else tuple(pairs)})]


@kind("UpSampling", (2, 3, 4), first=FIRST)
def _up_sampling(rng: Rng, x: Seen) -> Steps:
    rank = len(x.shape) - 1
    size = [whole(rng, 1, 3) for _ in range(rank)]
    found: dict[str, Any] = {"size": size[0] if rank == 1 else tuple(size)}
    if rank == 2 and maybe(rng):
        found["interpolation"] = "bilinear"
    return [(f"UpSampling{rank}D", found)]


@kind("Resizing", (3,), first=FIRST)
def _resizing(rng: Rng, x: Seen) -> Steps:
    if maybe(rng, 0.2):
        height, width = (whole(rng, 1, n) for n in x.shape[:2])
        return [("CenterCrop", {"height": height, "width": width})]
    height, width = whole(rng, 1, 9), whole(rng, 1, 9)
    mode = one_of(rng, "nearest", "bilinear")
    return [("Resizing", {"height": height, "width": width, "interpolation": mode})]


@kind("recurrent", (2,), 2)
def _recurrent(rng: Rng, x: Seen) -> Steps:
    if maybe(rng, 0.7):
        return [_cell(rng)]
    what, options = _cell(rng)
    if what == "RNN" and "cell" in options:
        what, options = "LSTM", {"units": 3}
    options = {key: value for key, value in options.items() if key != "go_backwards"}
    mode = one_of(rng, "concat", "sum", "ave", "mul")
    return [("Bidirectional", {"layer": Part(what, options), "merge_mode": mode})]


def _cell(rng: Rng) -> tuple[str, dict[str, Any]]:
    what = one_of(rng, "LSTM", "GRU", "SimpleRNN")
    found: dict[str, Any] = {"units": whole(rng, 1, 7), **bias(rng)}
    if what == "GRU" and maybe(rng, 0.4):
        found["reset_after"] = False
    loop = {key: True for key in ("return_sequences", "go_backwards") if maybe(rng, 0.4)}
    if maybe(rng, 0.15):
        return "RNN", {"cell": Part(f"{what}Cell", found), **loop}
    return what, found | loop


@kind("TimeDistributed", (2, 3, 4), 1.5)
def _time_distributed(rng: Rng, x: Seen) -> Steps | None:
    """Draw a layer over what each step has."""
    each = Seen(x.name, x.shape[1:], x.low, x.high)
    inner = {1: _VECTOR, 2: _SEQUENCE, 3: _PICTURE}[len(each.shape)]
    draw = one_of(rng, *inner)
    steps = with_channels_first(draw, rng, each) if maybe(rng, 0.15) else draw(rng, each)
    if not steps or len(steps) > 1:
        return None
    what, options = steps[0]
    return [("TimeDistributed", {"layer": Part(what, options)})]


_VECTOR = (_dense, _dense, _activation, _softmax, _batch_norm, _rectifier, _reshape, _rescaling)
_SEQUENCE = (*_VECTOR, _flatten, _permute, _convolution, _pool, _global_pool, _cropping)
_SEQUENCE += (_zero_padding, _up_sampling, _unit_normalization)
_PICTURE = (*_SEQUENCE, _convolution, _convolution, _pool, _pool, _resizing)
