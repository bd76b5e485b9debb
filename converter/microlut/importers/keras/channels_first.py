"""Read layers with data_format "channels_first" as the same layers with channels last.

Each stands between a transpose and one back. Passes let those between two layers cancel, so that
one at an input and one at an output remain; each tensor of the model keeps its shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import (
    PREVIOUS,
    Handler,
    LayerUse,
    Step,
    behind,
    limited,
    limits_of,
)
from microlut.importers.movements import reordered

_FIRST = ("channels_first", "nchw", "ncw")
_SPATIAL = {"1D": 1, "2D": 2, "3D": 3}
_PICTURES = 2  # dimensions besides the channels, of layers whose names do not say how many
_SOFTMAX = ("softmax", "softmax_v2")
_FUNCTION = "function"


def is_channels_first(options: Json) -> bool:
    """Return whether the options of a layer, or a function's arguments, say so."""
    found = options.get("data_format")
    return isinstance(found, str) and found.lower() in _FIRST


def in_either_order(handler: Handler) -> Handler:
    """Return the handler of a layer in any data_format, given one of channels last."""

    @limited(limits_of(handler))
    def handle(use: LayerUse) -> tuple[Step, ...]:
        if is_channels_first(use.layer.config):
            return with_channels_last(use, handler)
        return handler(use)

    return handle


def with_channels_last(use: LayerUse, handler: Handler, steps: int = 0) -> tuple[Step, ...]:
    """Return the steps of a layer with channels first, given the handler of one with them last.

    Args:
        use: The layer.
        handler: What reads it with data_format "channels_last".
        steps: How many dimensions before those of the layer it is applied to each index of.
    """
    rank, kind = len(use.shape), use.layer.class_name
    spatial = next((n for name, n in _SPATIAL.items() if name in kind), _PICTURES)
    axis = steps if kind == "Flatten" else max(rank - 1 - spatial, 0)
    order = [*(i for i in range(rank) if i != axis), axis]
    config = {**use.layer.config, "data_format": "channels_last"}
    if "activation" in config:
        config["activation"] = _activation(config["activation"], order)
    before = Step(
        reordered(use.shape, order), tuple(use.shape[i] for i in order), (0,), "_channels_last"
    )
    layer = replace(use.layer, config=config)
    made = behind(handler(replace(use, layer=layer, shapes=(before.shape,))))
    shape = made[-1].shape
    if len(shape) != rank:  # the layer leaves no dimensions besides the channels
        return before, *made
    back = [order.index(i) for i in range(rank)]
    after = Step(
        reordered(shape, back), tuple(shape[i] for i in back), (PREVIOUS,), "_channels_first"
    )
    return before, *made, after


def _activation(value: object, order: Sequence[int]) -> object:
    """Return an activation, with the axes of a softmax as dimensions in another order have them."""
    axes: object = -1
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        inner: Json = value["config"]
        if value.get("class_name") == "Activation":
            changed = {**inner, "activation": _activation(inner.get("activation"), order)}
            return {**value, "config": changed}
        if value.get("class_name") != "Softmax":
            return value
        axes = inner.get("axis", -1)
    elif (value.get("config") if isinstance(value, dict) else value) not in _SOFTMAX:
        return value
    found = [_place(axis, order) for axis in (axes if isinstance(axes, list) else [axes])]
    return {"class_name": "Softmax", "config": {"name": "softmax", "axis": found}}


def _place(axis: object, order: Sequence[int]) -> object:
    """Return an axis, which is counted with the batch, in another order of dimensions."""
    rank = len(order)
    if not isinstance(axis, int) or axis == 0 or not -rank <= axis <= rank:
        return axis  # the batch, or none: refused as in any order
    return order.index(axis - 1 if axis > 0 else axis + rank) + 1
