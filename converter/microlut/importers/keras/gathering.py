"""Translate operations that pick places along axes, that pad, and that stack tensors."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.keras import options
from microlut.importers.keras.arguments import (
    around,
    axes_of,
    axis_of,
    chain,
    sides,
    taking,
    whole_number,
    whole_numbers,
)
from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import Handler, LayerUse, Step
from microlut.importers.movements import picked, zero_padding
from microlut.ops.concatenate import Concatenate
from microlut.ops.gather import Gather
from microlut.ops.movement import Axis, whole
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.transpose import Transpose


@taking("indices", "axis", "batch_dims", "mode")
def _take(use: LayerUse, given: Json) -> tuple[Step, ...]:
    if given.get("axis") is None or given.get("batch_dims") or given.get("mode"):
        raise use.layer.unsupported(
            "takes values without an axis, or along the batch",
            "supported is an axis other than the batch, without batch_dims and mode",
        )
    axis, indices = axis_of(use, given["axis"]), given.get("indices")
    one = not isinstance(indices, list)
    wanted = whole_numbers(use, [indices] if one else indices, "indices")
    size = use.shape[axis]
    if not wanted or not all(-size <= n < size for n in wanted):
        raise use.layer.invalid(f"takes {str(wanted)[:40]} of {size} values")
    op = picked(use.shape, axis, [n % size for n in wanted])
    left = around(use.shape, axis, axis + 1, [] if one else [len(wanted)])
    if not left:
        raise use.layer.unsupported("takes a single number", "take a list of one number")
    return chain(use, op, Reshape(left))


@taking("shift", "axis")
def _roll(use: LayerUse, given: Json) -> tuple[Step, ...]:
    if given.get("axis") is None:
        raise use.layer.unsupported("axis=None", "supported are all axes but the batch")
    axes, shift = axes_of(use, given["axis"]), given.get("shift")
    shifts = whole_numbers(use, shift if isinstance(shift, list) else [shift], "shift")
    if len(shifts) != len(axes):
        raise use.layer.invalid(f"shift={shift} does not fit axis={given['axis']}")
    ops = []
    for axis, by in zip(axes, shifts, strict=True):
        size = use.shape[axis]
        if by % size:
            ops.append(Gather(axis, tuple((i - by) % size for i in range(size))))
    return chain(use, *ops)


def _zero_padding(rank: int) -> Handler:
    def handle(use: LayerUse) -> tuple[Step, ...]:
        options.check_channels_last(use.layer)
        if len(use.shape) != rank + 1:
            raise use.layer.invalid(f"reads {list(use.shape)}, expected {rank + 1} dimensions")
        return chain(use, *zero_padding(use.shape, [*sides(use, "padding", rank, 1), (0, 0)]))

    return handle


@taking("pad_width|paddings", "mode", "constant_values", "data_format")
def _pad(use: LayerUse, given: Json) -> tuple[Step, ...]:
    value, rank = given.get("pad_width"), len(use.shape) + 1
    mode = str(given.get("mode") or "constant").lower()
    pairs = value if isinstance(value, list) else [[value, value]] * rank
    if len(pairs) == 1:
        pairs = pairs * rank
    amounts = [tuple(whole_numbers(use, pair, "pad_width")) for pair in pairs]
    if len(amounts) != rank or any(len(p) != 2 or min(p) < 0 for p in amounts):
        raise use.layer.invalid(f"pad_width={value}, expected {rank} pairs")
    if amounts[0] != (0, 0):
        raise use.layer.unsupported("pads the batch", "supported are [0, 0] for the batch")
    inner = [(pair[0], pair[1]) for pair in amounts[1:]]
    if mode == "constant":
        if given.get("constant_values"):
            raise use.layer.unsupported(
                f"constant_values={given['constant_values']}", "supported is padding with zeros"
            )
        return chain(use, *zero_padding(use.shape, inner))
    ops = []
    for axis, (size, (before, after)) in enumerate(zip(use.shape, inner, strict=True)):
        if before or after:
            places = [_beyond(use, i, size, mode) for i in range(-before, size + after)]
            ops.append(Gather(axis, tuple(places)))
    return chain(use, *ops)


def _beyond(use: LayerUse, place: int, size: int, mode: str) -> int:
    """Return the place whose value a place beyond an axis has."""
    if 0 <= place < size:
        return place
    if mode == "edge":
        return 0 if place < 0 else size - 1
    if mode not in ("reflect", "symmetric"):
        raise use.layer.unsupported(
            f"mode {mode!r}", "supported are 'constant', 'edge', 'reflect' and 'symmetric'"
        )
    step = 1 if mode == "symmetric" else 0
    found = -place - step if place < 0 else 2 * (size - 1) + step - place
    if not 0 <= found < size:
        raise use.layer.unsupported(
            f"pads {size} values with more than there are", "pad less, or use mode='edge'"
        )
    return found


@taking(
    *("top_padding|offset_height", "left_padding|offset_width", "bottom_padding", "right_padding"),
    *("target_height", "target_width", "data_format"),
)
def _pad_images(use: LayerUse, given: Json) -> tuple[Step, ...]:
    amounts = []
    for size, keys in zip(
        use.picture()[:2],
        (
            ("top_padding", "bottom_padding", "target_height"),
            ("left_padding", "right_padding", "target_width"),
        ),
        strict=True,
    ):
        before, after, target = (given.get(key) for key in keys)
        if target is not None:
            more = whole_number(use, target, keys[2]) - size
            before = more - after if before is None and type(after) is int else before
            after = more - before if after is None and type(before) is int else after
        amounts.append(
            (whole_number(use, before, keys[0], 0), whole_number(use, after, keys[1], 0))
        )
    return chain(use, *zero_padding(use.shape, [*amounts, (0, 0)]))


@taking("target_height", "target_width")
def _crop_or_pad(use: LayerUse, given: Json) -> tuple[Step, ...]:
    places, amounts = [], []
    for size, key in zip(use.picture()[:2], ("target_height", "target_width"), strict=True):
        more = whole_number(use, given.get(key), key) - size
        places.append(Axis(-more // 2, 1, size + more) if more < 0 else whole(size))
        amounts.append((more // 2, more - more // 2) if more > 0 else (0, 0))
    cut = Slice((*places, whole(use.shape[2])))
    return chain(use, cut, *zero_padding(cut.shapes([use.shape])[0], [*amounts, (0, 0)]))


@taking("axis")
def _stack(use: LayerUse, given: Json) -> tuple[Step, ...]:
    count, shape = len(use.shapes), use.shapes[0]
    axis = axis_of(use, given.get("axis", 0), len(shape) + 1)
    if any(other != shape for other in use.shapes):
        raise use.layer.invalid("stacks tensors of unlike shapes")
    if axis < len(shape):
        return chain(use, Concatenate(axis), Reshape(around(shape, axis, axis, [count])))
    rank = len(shape)
    order = (*range(1, rank + 1), 0)
    return chain(use, Concatenate(0), Reshape((count, *shape)), Transpose(order))


_PADDING = frozenset({"padding", "data_format"})
GATHERING_LAYERS: Mapping[str, Handler] = {
    "ZeroPadding1D": _zero_padding(1),
    "ZeroPadding2D": _zero_padding(2),
    "ZeroPadding3D": _zero_padding(3),
}
GATHERING_OPTIONS = dict.fromkeys(GATHERING_LAYERS, _PADDING)
GATHERING_FUNCTIONS: Mapping[str, Handler] = {
    "Pad": _pad,
    "PadImages": _pad_images,
    "Roll": _roll,
    "Stack": _stack,
    "Take": _take,
    "compat.v1.gather": _take,
    "compat.v1.pad": _pad,
    "gather": _take,
    "image.pad_to_bounding_box": _pad_images,
    "image.resize_with_crop_or_pad": _crop_or_pad,
    "pad": _pad,
    "roll": _roll,
    "stack": _stack,
}
