"""Translate layers and operations that take parts of a tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from microlut.importers.keras import options
from microlut.importers.keras.arguments import (
    axes_of,
    axis_of,
    chain,
    sides,
    taking,
    whole_number,
    whole_numbers,
)
from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, limited
from microlut.importers.keras.subscripts import SUBSCRIPTS
from microlut.ops.movement import Axis, whole
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice


def cropped(use: LayerUse, sides: Sequence[tuple[int, int]]) -> tuple[Step, ...]:
    """Return the steps that cut something off both ends of each dimension; the rest stays."""
    shape = use.shape
    if any(size <= sum(pair) for size, pair in zip(shape, sides, strict=False)):
        raise use.layer.invalid(f"crops {[list(pair) for pair in sides]} of {list(shape)}")
    left = len(shape) - len(sides)
    axes = [
        Axis(before, 1, size - before - after)
        for size, (before, after) in zip(shape, (*sides, *[(0, 0)] * left), strict=True)
    ]
    return chain(use, Slice(tuple(axes)))


def _cropping(rank: int) -> Handler:
    def handle(use: LayerUse) -> tuple[Step, ...]:
        options.check_channels_last(use.layer)
        if len(use.shape) != rank + 1:
            raise use.layer.invalid(
                f"reads shape {list(use.shape)}, expected {rank + 1} dimensions"
            )
        return cropped(use, sides(use, "cropping", rank, 1))

    return handle


@limited("to sizes up to that of the input")
def _center_crop(use: LayerUse) -> tuple[Step, ...]:
    height, width, _ = use.picture()
    wanted = [options.integer(use.layer, key) for key in ("height", "width")]
    more = height - wanted[0], width - wanted[1]
    if min(more) < 0:
        raise use.layer.unsupported(
            f"makes pictures of {wanted[0]} x {wanted[1]} pixels out of {height} x {width}",
            "supported are sizes up to that of the input: use a Resizing layer",
        )
    return cropped(use, [(n // 2, n - n // 2) for n in more])


@taking("indices_or_sections|num_or_size_splits", "axis", "num")
def _split(use: LayerUse, given: Json) -> tuple[Step, ...]:
    axis = axis_of(use, given.get("axis", 0))
    size, how = use.shape[axis], given.get("indices_or_sections")
    if isinstance(how, list) and use.layer.class_name == "TFOpLambda":
        sizes = whole_numbers(use, how, "num_or_size_splits")
        rest = size - sum(n for n in sizes if n != -1)
        sizes = [rest if n == -1 else n for n in sizes]
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    elif isinstance(how, list):
        ends = [*whole_numbers(use, how, "indices_or_sections"), size]
    else:
        parts = whole_number(use, how, "number of parts")
        ends = [size // parts * (i + 1) for i in range(parts)]
    if ends[-1] != size or use.output >= len(ends) or sorted(ends) != ends:
        raise use.layer.invalid(f"splits {size} values along axis={axis + 1} into {how}")
    begin = ends[use.output - 1] if use.output else 0
    return chain(use, _part(use, axis, Axis(begin, 1, ends[use.output] - begin)))


@taking("num", "axis")
def _unstack(use: LayerUse, given: Json) -> tuple[Step, ...]:
    axis = axis_of(use, given.get("axis", 0))
    left = (*use.shape[:axis], *use.shape[axis + 1 :])
    if not left:
        raise use.layer.unsupported("takes single numbers", "keep one dimension: use split")
    return chain(use, _part(use, axis, Axis(use.output, 1, 1)), Reshape(left))


def _part(use: LayerUse, axis: int, places: Axis) -> Slice:
    axes = list(map(whole, use.shape))
    axes[axis] = places
    return Slice(tuple(axes))


@taking("axis")
def _flip(use: LayerUse, given: Json) -> tuple[Step, ...]:
    axis = given.get("axis")
    if axis is None:
        raise use.layer.unsupported("axis=None", "supported are all axes but the batch")
    return _flipped(use, axes_of(use, axis))


def _flip_picture(axis: int) -> Handler:
    @taking()
    def handle(use: LayerUse, given: Json) -> tuple[Step, ...]:
        use.picture()
        return _flipped(use, [axis])

    return handle


def _flipped(use: LayerUse, axes: Sequence[int]) -> tuple[Step, ...]:
    return chain(
        use,
        Slice(
            tuple(
                Axis(size - 1, -1, size) if i in axes and size > 1 else whole(size)
                for i, size in enumerate(use.shape)
            )
        ),
    )


@taking(
    *("top_cropping|offset_height", "left_cropping|offset_width", "bottom_cropping"),
    *("right_cropping", "target_height", "target_width", "data_format"),
)
def _crop_images(use: LayerUse, given: Json) -> tuple[Step, ...]:
    height, width, _ = use.picture()
    keys = ("top_cropping", "bottom_cropping", "target_height")
    rows = _ends(use, height, *(given.get(key) for key in keys))
    keys = ("left_cropping", "right_cropping", "target_width")
    return cropped(use, [rows, _ends(use, width, *(given.get(key) for key in keys))])


def _ends(use: LayerUse, size: int, before: Any, after: Any, left: Any) -> tuple[int, int]:  # noqa: ANN401
    """Return what is cut off both ends of a dimension, of which Keras has one or what is left."""
    known = [whole_number(use, n, "cropping", 0) for n in (before, after, left) if n is not None]
    if len(known) < 2:
        raise use.layer.unsupported("crops to the size of another tensor", "give the size")
    first = known[0] if before is not None else size - known[0] - known[-1]
    return first, known[1] if after is not None and before is not None else size - first - known[-1]


@taking("central_fraction")
def _central_crop(use: LayerUse, given: Json) -> tuple[Step, ...]:
    height, width, _ = use.picture()
    fraction = given.get("central_fraction")
    if not isinstance(fraction, int | float) or not 0 < fraction <= 1:
        raise use.layer.invalid(f"central_fraction is {fraction!r}, expected one in (0, 1]")
    cut = [int((size - size * fraction) / 2) for size in (height, width)]
    return cropped(use, [(n, n) for n in cut])


_CROPPING = frozenset({"cropping", "data_format"})
SLICING_LAYERS: Mapping[str, Handler] = {
    "CenterCrop": _center_crop,
    "Cropping1D": _cropping(1),
    "Cropping2D": _cropping(2),
    "Cropping3D": _cropping(3),
}
SLICING_OPTIONS: Mapping[str, frozenset[str]] = {
    "CenterCrop": frozenset({"height", "width", "data_format"}),
    **dict.fromkeys(("Cropping1D", "Cropping2D", "Cropping3D"), _CROPPING),
}
SLICING_FUNCTIONS: Mapping[str, Handler] = {
    **SUBSCRIPTS,
    "CropImages": _crop_images,
    "Flip": _flip,
    "Split": _split,
    "Unstack": _unstack,
    "image.central_crop": _central_crop,
    "image.crop_to_bounding_box": _crop_images,
    "image.flip_left_right": _flip_picture(1),
    "image.flip_up_down": _flip_picture(0),
    "reverse": _flip,
    "split": _split,
    "unstack": _unstack,
}
