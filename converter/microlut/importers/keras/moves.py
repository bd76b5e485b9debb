"""Translate layers and operations that put values into other places."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.keras import options
from microlut.importers.keras.arguments import (
    around,
    axes_of,
    axis_of,
    chain,
    taking,
    whole_number,
    whole_numbers,
)
from microlut.importers.keras.config import Json
from microlut.importers.keras.gathering import (
    GATHERING_FUNCTIONS,
    GATHERING_LAYERS,
    GATHERING_OPTIONS,
)
from microlut.importers.keras.layer_use import Handler, LayerUse, Step
from microlut.importers.keras.resizing import (
    RESIZING_FUNCTIONS,
    RESIZING_LAYERS,
    RESIZING_OPTIONS,
)
from microlut.importers.keras.slicing import SLICING_FUNCTIONS, SLICING_LAYERS, SLICING_OPTIONS
from microlut.ops.depth_to_space import DepthToSpace
from microlut.ops.repeat import Repeat
from microlut.ops.reshape import Reshape
from microlut.ops.space_to_depth import SpaceToDepth
from microlut.ops.tile import Tile
from microlut.ops.transpose import Transpose


def _permute(use: LayerUse) -> tuple[Step, ...]:
    dims = options.integers(use.layer, "dims")
    return chain(use, Transpose(tuple(n - 1 for n in dims)))


def _repeat_vector(use: LayerUse) -> tuple[Step, ...]:
    count = options.integer(use.layer, "n")
    return chain(use, Reshape((1, *use.shape)), Tile((count, *[1] * len(use.shape))))


@taking("axes|perm")
def _transpose(use: LayerUse, given: Json) -> tuple[Step, ...]:
    order = given.get("axes")
    if not isinstance(order, list) or order[:1] != [0]:
        raise use.layer.unsupported(
            f"the order of dimensions is {order}",
            "supported are orders that begin with 0, the batch",
        )
    return chain(use, Transpose(tuple(axes_of(use, order[1:]))))


@taking("axis1", "axis2")
def _swap_axes(use: LayerUse, given: Json) -> tuple[Step, ...]:
    order = list(range(len(use.shape)))
    one, two = (axis_of(use, given.get(key)) for key in ("axis1", "axis2"))
    order[one], order[two] = two, one
    return chain(use, Transpose(tuple(order)))


@taking("source", "destination")
def _move_axis(use: LayerUse, given: Json) -> tuple[Step, ...]:
    sources, places = (axes_of(use, given.get(key)) for key in ("source", "destination"))
    order = [i for i in range(len(use.shape)) if i not in sources]
    for place, source in sorted(zip(places, sources, strict=False)):
        order.insert(place, source)
    return chain(use, Transpose(tuple(order)))


@taking("axis")
def _expand_dims(use: LayerUse, given: Json) -> tuple[Step, ...]:
    axis = given.get("axis")
    count = len(axis) if isinstance(axis, list) else 1
    shape = list(use.shape)
    for place in sorted(axes_of(use, axis, len(shape) + count)):
        shape.insert(place, 1)
    return chain(use, Reshape(tuple(shape)))


@taking("axis|squeeze_dims")
def _squeeze(use: LayerUse, given: Json) -> tuple[Step, ...]:
    shape, axis = use.shape, given.get("axis")
    found = [i for i, size in enumerate(shape) if size == 1]
    if axis not in (None, []):
        found = axes_of(use, axis)
    if any(shape[i] != 1 for i in found):
        raise use.layer.invalid(f"removes axis={axis} of {list(shape)}, which is not 1")
    left = tuple(size for i, size in enumerate(shape) if i not in found)
    if not left:
        raise use.layer.unsupported(
            f"removes all dimensions of {list(shape)}",
            "keep one: supported are shapes of one or more",
        )
    return chain(use, Reshape(left))


@taking("repeats|multiples|reps")
def _tile(use: LayerUse, given: Json) -> tuple[Step, ...]:
    repeats = given.get("repeats")
    counts = whole_numbers(use, repeats, "repeats")
    rank = len(use.shape) + 1
    counts = [1] * (rank - len(counts)) + counts
    if len(counts) != rank or counts[0] != 1:
        raise use.layer.unsupported(
            f"repeats={repeats} of {rank} dimensions",
            "supported are as many numbers as dimensions, with 1 for the batch",
        )
    return chain(use, Tile(tuple(counts[1:])))


@taking("repeats", "axis")
def _repeat(use: LayerUse, given: Json) -> tuple[Step, ...]:
    axis = given.get("axis")
    if axis is None:
        raise use.layer.unsupported("axis=None", "supported are all axes but the batch")
    count = whole_number(use, given.get("repeats"), "repeats")
    place = axis_of(use, axis)
    counts = around([1] * len(use.shape), place, place + 1, [count])
    return chain(use, Repeat(counts))


def _blocks(kind: type[DepthToSpace] | type[SpaceToDepth]) -> Handler:
    @taking("block_size", "data_format")
    def handle(use: LayerUse, given: Json) -> tuple[Step, ...]:
        data_format = given.get("data_format")
        if data_format not in (None, "NHWC", "channels_last"):
            raise use.layer.unsupported(f"data_format={data_format!r}", "supported is 'NHWC'")
        return chain(use, kind(whole_number(use, given.get("block_size"), "block_size")))

    return handle


MOVING_LAYERS: Mapping[str, Handler] = {
    **GATHERING_LAYERS,
    **RESIZING_LAYERS,
    **SLICING_LAYERS,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
}
MOVING_OPTIONS: Mapping[str, frozenset[str]] = {
    **GATHERING_OPTIONS,
    **RESIZING_OPTIONS,
    **SLICING_OPTIONS,
    "Permute": frozenset({"dims"}),
    "RepeatVector": frozenset({"n"}),
}
# By the names of Keras 3 and of TensorFlow.
MOVING_FUNCTIONS: Mapping[str, Handler] = {
    **GATHERING_FUNCTIONS,
    **RESIZING_FUNCTIONS,
    **SLICING_FUNCTIONS,
    "DepthToSpace": _blocks(DepthToSpace),
    "ExpandDims": _expand_dims,
    "Moveaxis": _move_axis,
    "Repeat": _repeat,
    "SpaceToDepth": _blocks(SpaceToDepth),
    "Squeeze": _squeeze,
    "Swapaxes": _swap_axes,
    "Tile": _tile,
    "Transpose": _transpose,
    "compat.v1.depth_to_space": _blocks(DepthToSpace),
    "compat.v1.expand_dims": _expand_dims,
    "compat.v1.space_to_depth": _blocks(SpaceToDepth),
    "compat.v1.squeeze": _squeeze,
    "compat.v1.transpose": _transpose,
    "expand_dims": _expand_dims,
    "nn.depth_to_space": _blocks(DepthToSpace),
    "nn.space_to_depth": _blocks(SpaceToDepth),
    "repeat": _repeat,
    "space_to_depth": _blocks(SpaceToDepth),
    "squeeze": _squeeze,
    "tile": _tile,
    "transpose": _transpose,
}
