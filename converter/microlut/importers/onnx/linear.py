"""Translate convolutions, products with matrices, and the like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from microlut.importers.grouped import parts_of
from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.binary import two
from microlut.importers.onnx.joined import joined
from microlut.importers.onnx.moves import part_of
from microlut.importers.onnx.products import multiplied
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.importers.onnx.windows import kernel_size, numbers, padded, window
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.movement import Axis
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.transpose_conv2d import TransposeConv2D

_MATRIX = 2  # dimensions
_MOST_MATRICES = 64


def _convolution(use: Use) -> Iterable[Value | None]:
    picture, live = use.picture(use.live())
    channels, sizes = live.shape[1], live.shape[2:]
    groups = int(use.option("group", 1))
    weights = _kernel(use, len(sizes))
    filters = len(weights)
    if groups < 1 or channels % groups or filters % groups or weights.shape[1] * groups != channels:
        raise use.operator.invalid(
            f"has weights {list(weights.shape)} and {groups} groups for {channels} channels"
        )
    bias = _bias(use, filters)
    strides = numbers(use, "strides", len(sizes), 1)
    kernel = kernel_size(use, weights.shape[4 - len(sizes) :], len(sizes))
    over = window(
        kernel,
        strides,
        padded(use, sizes, kernel, strides),
        numbers(use, "dilations", len(sizes), 1),
    )
    if groups == channels and groups > 1:
        flat = frozen_array(np.moveaxis(weights[:, 0], 0, -1))
        made = use.add(DepthwiseConv2D(flat, bias, over, filters // channels), picture)
    else:
        op = Conv2D(frozen_array(np.moveaxis(weights, 1, -1)), bias, over)
        made = use.add(op, picture) if groups == 1 else _in_groups(use, op, picture)
    return (use.unpictured(made, len(live.shape)),)


def _in_groups(use: Use, whole: Conv2D | TransposeConv2D, picture: str) -> str:
    """Return a convolution whose groups of channels are convolved on their own."""
    made: list[str] = []
    for part, op in _parts(whole, use.building.shapes[picture]):
        made.append(use.chain(picture, part, op, suffix=f"_group{len(made)}"))
    return use.add(Concatenate(2), *made)


def _parts(
    whole: Conv2D | TransposeConv2D, shape: Shape
) -> Iterator[tuple[Slice, Conv2D | TransposeConv2D]]:
    if isinstance(whole, Conv2D):
        yield from parts_of(whole, shape)
    else:
        yield from parts_of(whole, shape)


def _kernel(use: Use, spatial: int) -> FloatArray:
    """Return weights as those of pictures: height and width are the last two dimensions."""
    found = use.weights(1, "its weights")
    if found.ndim != spatial + 2:
        raise use.operator.invalid(f"has weights {list(found.shape)}, expected {spatial + 2} sizes")
    return found if spatial == 2 else frozen_array(found[:, :, np.newaxis])


def _bias(use: Use, count: int) -> FloatArray:
    if use.maybe(2, "its bias") is None:
        return frozen_array(np.zeros(count))
    return use.weights(2, "its bias", (count,))


def _transposed(use: Use) -> Iterable[Value | None]:
    picture, live = use.picture(use.live())
    channels, sizes = live.shape[1], live.shape[2:]
    count, groups = len(sizes), int(use.option("group", 1))
    weights = _kernel(use, count)
    if groups < 1 or channels % groups or len(weights) != channels:
        raise use.operator.invalid(
            f"has weights {list(weights.shape)} and {groups} groups for {channels} channels"
        )
    dilations = numbers(use, "dilations", count, 1)
    weights = _spread(weights, [1] * (2 - count) + dilations)
    kernel = list(weights.shape[4 - count :])
    strides = numbers(use, "strides", count, 1)
    pads, size = _transposed_size(use, sizes, kernel, strides)
    over = window(kernel, strides, pads, [1] * count)
    each = weights.shape[1]
    by_group = weights.reshape(groups, channels // groups, each, *weights.shape[2:])
    filters = np.moveaxis(by_group, 1, -1).reshape(groups * each, *over.size, channels // groups)
    height, width = ([1] * (2 - count) + size)[:2]
    op = TransposeConv2D(frozen_array(filters), _bias(use, groups * each), over, (height, width))
    made = use.add(op, picture) if groups == 1 else _in_groups(use, op, picture)
    return (use.unpictured(made, len(live.shape)),)


def _spread(weights: FloatArray, dilations: Sequence[int]) -> FloatArray:
    """Return weights with zeros between them instead of a dilation."""
    sizes = [(k - 1) * d + 1 for k, d in zip(weights.shape[2:], dilations, strict=True)]
    wide = np.zeros((*weights.shape[:2], *sizes), np.float32)
    wide[:, :, :: dilations[0], :: dilations[1]] = weights
    return frozen_array(wide)


def _transposed_size(
    use: Use, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> tuple[tuple[list[int], list[int]], list[int]]:
    """Return the padding before and after, and the size of the output."""
    count, mode = len(sizes), use.option("auto_pad", "NOTSET")
    extra = numbers(use, "output_padding", count, 0)
    whole = [(n - 1) * s + k for n, s, k in zip(sizes, strides, kernel, strict=True)]
    wanted = use.option("output_shape", None)
    if wanted is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(sizes, strides, strict=True)]
    if wanted is None:
        pads = numbers(use, "pads", 2 * count, 0) if mode != "VALID" else [0] * 2 * count
        first, last = pads[:count], pads[count:]
        size = [n + e - a - b for n, e, a, b in zip(whole, extra, first, last, strict=True)]
    else:
        size = [int(n) for n in wanted][-count:]
        total = [n + e - m for n, e, m in zip(whole, extra, size, strict=True)]
        half = [max(n, 0) // 2 for n in total]
        more = [max(n, 0) - h for n, h in zip(total, half, strict=True)]
        first, last = (half, more) if mode == "SAME_UPPER" else (more, half)
    if min(first) < 0 or min(size) < 1:
        raise use.operator.unsupported(
            f"makes {size} pixels, with padding {first}", "supported is padding of at least 0"
        )
    # What a convolution over the output would have to be padded by after it.
    ends = [
        max((n - 1) * s + k - m - a, 0)
        for n, s, k, m, a in zip(sizes, strides, kernel, size, first, strict=True)
    ]
    return (first, ends), size


def _gemm(use: Use) -> Iterable[Value | None]:
    alpha, beta = float(use.option("alpha", 1.0)), float(use.option("beta", 1.0))
    left = use.values[0]
    across = [bool(use.option(name, 0)) for name in ("transA", "transB")]
    if isinstance(left, Live) and isinstance(use.values[1], Live):
        read, right = (
            use.turned(use.live(i)) if turn else use.live(i) for i, turn in enumerate(across)
        )
        made = multiplied(use, read, right)
        if alpha != 1.0:
            made = affine(use, made, alpha, 0.0)
    elif not isinstance(left, Live):  # A B = (B' A')'
        live, other = use.live(1), use.weights(0, "A")
        matrix = alpha * (other.T if across[0] else other)
        read = live if across[1] else use.turned(live)
        made = use.turned(product(use, read, matrix, None))
    else:
        live, other = use.live(0), use.weights(1, "B")
        matrix = alpha * (other if across[1] else other.T)
        read = use.turned(live) if across[0] else live
        bias = None
        addend = use.values[2] if len(use.values) > 2 else None
        if (
            isinstance(addend, np.ndarray)
            and addend.size in (1, len(matrix))
            and not (addend.ndim == _MATRIX and addend.shape[0] > 1)
        ):
            bias = np.broadcast_to(beta * use.weights(2, "C").ravel(), (len(matrix),))
            return (product(use, read, matrix, bias),)
        made = product(use, read, matrix, bias)
    addend = use.values[2] if len(use.values) > 2 else None
    if addend is None:
        return (made,)
    if isinstance(addend, Live):
        scaled = addend.real if beta == 1.0 else affine(use, addend.real, beta, 0.0)
        return (two(use, "Add", made, scaled),)
    return (two(use, "Add", made, beta * use.weights(2, "C")),)


def product(use: Use, live: Live, matrix: object, bias: object) -> Live:
    """Return the products of the last dimension with the rows of a matrix."""
    kernel = use.checked(np.asarray(matrix), "its matrix")
    if live.batch == len(live.shape) - 1:
        live = use.whole(live)
    if kernel.ndim != _MATRIX or kernel.shape[1] != live.shape[-1]:
        raise use.operator.invalid(
            f"multiplies {list(live.shape)} with a matrix of {list(kernel.shape[::-1])}"
        )
    added = np.zeros(len(kernel)) if bias is None else np.asarray(bias)
    tensor = use.chain(live.tensor, Reshape(live.inner))
    made = use.add(Dense(kernel, use.checked(added, "its bias")), tensor)
    return use.given(made, (*live.shape[:-1], len(kernel)), live.batch)


def _matmul(use: Use) -> Iterable[Value | None]:
    left, right = use.values[:2]
    if isinstance(left, Live) and isinstance(right, Live):
        return (multiplied(use, left.real, right.real),)
    if isinstance(left, Live):
        several = use.weights(1, "its matrix")
        if several.ndim > _MATRIX and several.shape[-_MATRIX - 1] > 1:
            return (_by_several(use, use.live(0), several),)
        matrix = _matrix(use, 1)
        if matrix.ndim == 1:
            made = product(use, use.live(0), matrix[np.newaxis], None)
            return (_without(use, made, len(made.shape) - 1),)
        return (product(use, use.live(0), matrix.T, None),)
    live, matrix = use.live(1), _matrix(use, 0)
    vector = len(live.shape) == 1
    if vector:
        live = use.given(live.tensor, (*live.shape, 1), live.batch)
    made = product(use, use.turned(live), np.atleast_2d(matrix), None)
    made = use.turned(made)
    if vector:
        made = _without(use, made, len(made.shape) - 1)
    return (_without(use, made, len(made.shape) - 2) if matrix.ndim == 1 else made,)


def _by_several(use: Use, live: Live, matrices: FloatArray) -> Live:
    """Return the products with several constant matrices, each of which is a layer."""
    *others, count, length, columns = matrices.shape
    if len(live.shape) <= _MATRIX:
        live = use.given(use.whole(live).tensor, (1,) * (3 - len(live.shape)) + live.shape)
    place = len(live.shape) - _MATRIX - 1
    if set(others) - {1} or count > _MOST_MATRICES or live.shape[place] not in (1, count):
        raise use.operator.unsupported(
            f"multiplies with matrices {list(matrices.shape)}",
            f"supported are up to {_MOST_MATRICES} in a row",
        )
    if live.batch == place:
        live = use.whole(live)
    parts = [live] * count
    if live.shape[place] > 1:
        parts = [part_of(use, live, {place: Axis(i, 1, 1)}) for i in range(count)]
    each = matrices.reshape(count, length, columns)
    made = [product(use, part, one.T, None) for part, one in zip(parts, each, strict=True)]
    return joined(use, made, place)


def _without(use: Use, live: Live, axis: int) -> Live:
    """Return a tensor without a dimension of size 1."""
    shape = tuple(n for i, n in enumerate(live.shape) if i != axis)
    batch = live.batch
    if batch is not None and batch > axis:
        batch -= 1
    return use.given(live.tensor, shape, batch)


def _matrix(use: Use, index: int) -> FloatArray:
    found = use.weights(index, "its matrix")
    while found.ndim > _MATRIX and found.shape[0] == 1:
        found = found[0]
    if found.ndim > _MATRIX:
        raise use.operator.unsupported(
            f"multiplies with {len(found)} matrices", "supported is one matrix"
        )
    return found


LINEAR: Mapping[str, Handler] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
