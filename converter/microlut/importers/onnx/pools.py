"""Translate pools over windows, and over all of a picture or sequence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.importers.onnx.windows import kernel_size, numbers, padded, window
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.windows import Window

_Kind = type[MaxPool2D] | type[AveragePool2D]


def _pool(kind: _Kind) -> Handler:
    def handle(use: Use) -> Iterable[Value | None]:
        if any(use.wanted[1:]):
            raise use.operator.unsupported(
                "its indices are read", "supported are the largest values: change the network"
            )
        picture, live = use.picture(use.live())
        sizes, count = live.shape[2:], len(live.shape) - 2
        kernel = kernel_size(use, None, count)
        strides = numbers(use, "strides", count, 1)
        dilations = numbers(use, "dilations", count, 1)
        if set(dilations) != {1}:
            raise use.operator.unsupported(
                f"dilations {dilations}", "supported are windows without gaps: change the network"
            )
        first, last = padded(use, sizes, kernel, strides)
        beyond = [0] * count
        if use.option("ceil_mode", 0):
            spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
            beyond = [
                _beyond(*each) for each in zip(sizes, spans, strides, first, last, strict=True)
            ]
        counted = kind is AveragePool2D and bool(use.option("count_include_pad", 0))
        if counted and any((*first, *last)):
            zeros = window(kernel, strides, (first, last), dilations).padding
            picture = use.add(Pad(zeros), picture, suffix="_pad")
            first = last = [0] * count
        ends = [max(a + b, 0) for a, b in zip(last, beyond, strict=True)]
        made = use.add(kind(window(kernel, strides, (first, ends), dilations)), picture)
        return (use.unpictured(made, len(live.shape)),)

    return handle


def _beyond(size: int, span: int, stride: int, first: int, last: int) -> int:
    """Return how far the last window of ceil_mode reaches beyond the padding."""
    rest = size + first + last - span
    places = -(-rest // stride) + 1
    if (places - 1) * stride >= size + first:  # it would begin in the padding after the picture
        places -= 1
    return (places - 1) * stride - rest


def global_pool(use: Use, live: Live, kind: _Kind) -> Live:
    """Return the mean or the largest value of each channel, of pictures with channels first."""
    picture, live = use.picture(live)
    height, width, _ = use.building.shapes[picture]
    made = use.add(kind(Window((height, width), (height, width))), picture)
    return use.unpictured(made, len(live.shape))


def _over_all(kind: _Kind) -> Handler:
    return lambda use: (global_pool(use, use.live(), kind),)


POOLS: Mapping[str, Handler] = {
    "AveragePool": _pool(AveragePool2D),
    "GlobalAveragePool": _over_all(AveragePool2D),
    "GlobalMaxPool": _over_all(MaxPool2D),
    "MaxPool": _pool(MaxPool2D),
}
