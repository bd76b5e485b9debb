"""Translate pools over windows, and over all of a picture or sequence."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.keras import options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step
from microlut.importers.keras.sequences import over_sequences
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.windows import Window

_Kind = type[MaxPool2D] | type[AveragePool2D]


def _pool(kind: _Kind) -> Handler:
    def handle(use: LayerUse) -> tuple[Step, ...]:
        height, width, channels = use.picture()
        size = options.pair(use.layer, "pool_size")
        window = options.window(use.layer, use.shape, "pool_size", size)
        return (Step(kind(window), (*window.output_size(height, width), channels)),)

    return handle


def _global_pool(kind: _Kind) -> Handler:
    def handle(use: LayerUse) -> tuple[Step, ...]:
        height, width, channels = use.picture()
        step = Step(kind(Window((height, width), (height, width))), (1, 1, channels))
        if options.flag(use.layer, "keepdims", False):
            return (step,)
        return step, Step(Reshape((channels,)), (channels,), (PREVIOUS,), "_flat")

    return handle


_KINDS: Mapping[str, _Kind] = {"Average": AveragePool2D, "Max": MaxPool2D}
_OVER_PICTURES = {
    **{f"{name}Pooling2D": _pool(kind) for name, kind in _KINDS.items()},
    **{f"Global{name}Pooling2D": _global_pool(kind) for name, kind in _KINDS.items()},
}
POOLS: Mapping[str, Handler] = {
    **_OVER_PICTURES,
    **{name.replace("2D", "1D"): over_sequences(each) for name, each in _OVER_PICTURES.items()},
}
