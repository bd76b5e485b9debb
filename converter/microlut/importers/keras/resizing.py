"""Translate layers and operations that make pictures of another size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from microlut.importers.keras import options
from microlut.importers.keras.arguments import chain, taking, whole_numbers
from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, limited
from microlut.importers.movements import chosen_pixels, nearest_places
from microlut.ops.repeat import Repeat
from microlut.ops.resize_bilinear import Alignment, ResizeBilinear
from microlut.support.arguments import shown

_RATIO = ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "preserve_aspect_ratio")
_Mode = Literal["bilinear", "nearest"]


def _resized(
    use: LayerUse, size: Sequence[int], mode: str, alignment: Alignment = "centers"
) -> tuple[Step, ...]:
    """Return the steps that make pictures of a size, or nothing if they have it."""
    height, width, channels = use.picture()
    if min(size) < 1:
        raise use.layer.invalid(f"makes pictures of {size[0]} x {size[1]} pixels")
    if (height, width) == tuple(size):
        return chain(use)
    if mode == "bilinear":
        return chain(use, ResizeBilinear(size[0], size[1], alignment))
    if mode != "nearest":
        raise use.layer.unsupported(
            f"interpolation {mode!r}", "supported are 'nearest' and 'bilinear': train with one"
        )
    shape = (height, width, channels)
    counts = [-(-wanted // n) for wanted, n in zip(size, shape, strict=False)]
    if alignment != "corners" and (counts[0] * height, counts[1] * width) == tuple(size):
        return chain(use, Repeat((counts[0], counts[1], 1)))
    rows, columns = (
        nearest_places(n, wanted, alignment) for n, wanted in zip(shape, size, strict=False)
    )
    return chain(use, *chosen_pixels(shape, rows, columns))


def _up_sampling(rank: int) -> Handler:
    @limited("`interpolation` nearest or bilinear" if rank == 2 else "")
    def handle(use: LayerUse) -> tuple[Step, ...]:
        layer = use.layer
        options.check_channels_last(layer)
        if len(use.shape) != rank + 1:
            raise layer.invalid(f"reads {list(use.shape)}, expected {rank + 1} dimensions")
        value = layer.config.get("size", 2)
        counts = value if isinstance(value, list) else [value] * rank
        if len(counts) != rank or any(type(n) is not int or n < 1 for n in counts):
            raise layer.invalid(f"option size is {shown(value)}, expected {rank} positive integers")
        mode = str(layer.config.get("interpolation") or "nearest").lower()
        if mode == "nearest":
            return chain(use, Repeat((*counts, 1)))
        return _resized(use, [n * k for n, k in zip(use.shape, counts, strict=False)], mode)

    return handle


@limited("`interpolation` nearest or bilinear; no antialias, nor keeping the ratio of the sides")
def _resizing(use: LayerUse) -> tuple[Step, ...]:
    size = [options.integer(use.layer, key) for key in ("height", "width")]
    return _to_size(use, size, use.layer.config)


def _to_size(use: LayerUse, size: list[int], given: Json) -> tuple[Step, ...]:
    """Return the steps that make pictures of a size, by the options of a layer or a function."""
    height, width, _ = use.picture()
    _refuse(use, given, size[0] * width != size[1] * height)
    if given.get("antialias") and size != [height, width]:
        raise use.layer.unsupported("antialias=True", "supported is antialias=False: train with it")
    return _resized(use, size, str(given.get("interpolation") or "bilinear").lower())


def _refuse(use: LayerUse, given: Json, other_ratio: bool) -> None:
    """Refuse options that keep the ratio of the sides, if they have an effect."""
    for key in _RATIO:
        if given.get(key) and other_ratio:
            raise use.layer.unsupported(
                f"{key}=True", f"supported is {key}=False: crop with CenterCrop before it"
            )


@taking(
    *("size", "interpolation|method", "preserve_aspect_ratio", "antialias"),
    *("crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value", "data_format"),
)
def _resize(use: LayerUse, given: Json) -> tuple[Step, ...]:
    return _to_size(use, _size(use, given), given)


def _size(use: LayerUse, given: Json) -> list[int]:
    size: Any = given.get("size")
    found = whole_numbers(use, [size, size] if type(size) is int else size, "size")
    if len(found) != 2:
        raise use.layer.invalid(f"size={size}, expected height and width")
    return found


def _old_resize(mode: _Mode) -> Handler:
    """Return a handler for a function of TensorFlow 1, whose pixels' corners lie on each other."""

    @taking("size", "align_corners", "half_pixel_centers")
    def handle(use: LayerUse, given: Json) -> tuple[Step, ...]:
        alignment: Alignment = "corners" if given.get("align_corners") else "origin"
        if given.get("half_pixel_centers"):
            alignment = "centers"
        return _resized(use, _size(use, given), mode, alignment)

    return handle


_UP = frozenset({"size", "data_format"})
_RESIZING = frozenset({"height", "width", "interpolation", "antialias", "data_format"})
RESIZING_LAYERS: Mapping[str, Handler] = {
    "Resizing": _resizing,
    "UpSampling1D": _up_sampling(1),
    "UpSampling2D": _up_sampling(2),
    "UpSampling3D": _up_sampling(3),
}
RESIZING_OPTIONS: Mapping[str, frozenset[str]] = {
    "Resizing": _RESIZING | {*_RATIO[:2], "fill_mode", "fill_value"},
    "UpSampling1D": _UP,
    "UpSampling2D": _UP | {"interpolation"},
    "UpSampling3D": _UP,
}
RESIZING_FUNCTIONS: Mapping[str, Handler] = {
    "Resize": _resize,
    "compat.v1.image.resize_bilinear": _old_resize("bilinear"),
    "compat.v1.image.resize_nearest_neighbor": _old_resize("nearest"),
    "image.resize": _resize,
}
