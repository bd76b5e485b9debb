"""Convolution: receptive fields are gathered four at a time and multiplied by decoded weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import ClassVar

from microlut.ops.conv2d import Conv2D, QConv2D
from microlut.plan.buffers import aligned
from microlut.plan.kernels import winograd
from microlut.plan.kernels.add import adds_quickly, sum_of
from microlut.plan.kernels.base import VECTOR_CORE, Call, Division, Kernel, Shapes, Size, Tile
from microlut.plan.kernels.coded import coded_work, group_rows
from microlut.plan.kernels.fields import COLUMNS, gathering, is_single, single_pixels
from microlut.plan.kernels.pictures import window_sizes
from microlut.plan.kernels.shares import CHANNEL_BYTES, even_shares

_STREAMED = 8  # channels decoded at a time where pixels stay: as many as are multiplied at once
_FEWEST_BLOCKS, _MOST_BLOCKS = 2, 64  # beyond, decoding again takes hardly any time
_FEWEST_QUADS = 2  # Cortex-M55 takes 16 bytes per row


class Conv2DKernel(Kernel[QConv2D, Conv2D]):
    """The kernel mlut_conv2d, which can add its outputs to another tensor."""

    divided_by: ClassVar[Division] = "windows"
    whole_in_place = True

    def tiles(self, call: Call[QConv2D]) -> Iterator[Tile]:
        """Yield shares of the output channels; a sum needs scratch for outputs of four pixels."""
        channels, columns = call.op.weights.indices.shape
        quads = max(-(-columns // 4), _FEWEST_QUADS)
        fixed = 32 * quads + (4 * quads if patches(call.op) else 0)
        each = CHANNEL_BYTES + 8 * quads + (4 if call.sum is not None else 0)
        for tile in even_shares(channels, max(2, group_rows(call.op.weights))):
            yield Tile(tile, aligned((tile + tile % 2) * each + fixed))
        yield from self._staying(call, fixed, each)

    def tiles_in_place(self, call: Call[QConv2D]) -> Iterator[Tile]:
        """Yield the tile of all channels, and those whose pixels stay: both read before writing."""
        whole, *others = self.tiles(call)
        yield whole
        yield from (tile for tile in others if tile.rows > 0)

    def channel_unit(self, call: Call[QConv2D], tile: Tile) -> int:
        """Return those of a tile, if the picture is gathered again for each."""
        return tile.channels if not tile.rows and tile.channels < call.shape[2] else 0

    def winograd_tiles(self, call: Call[QConv2D]) -> Iterator[Tile]:
        """Return the tiles of mlut_winograd."""
        return winograd.tiles(call)

    def _staying(self, call: Call[QConv2D], fixed: int, each: int) -> Iterator[Tile]:
        """Yield tiles of few channels with blocks of pixels that stay while tiles stream by."""
        channels, columns = call.op.weights.indices.shape
        every = -(-prod(call.shape[:2]) // COLUMNS)
        if channels <= _STREAMED:
            return
        quads = max(-(-columns // 4), _FEWEST_QUADS)
        for blocks in even_shares(every, 1):
            scratch = _STREAMED * each + fixed + (blocks - 1) * 32 * quads
            if _FEWEST_BLOCKS <= blocks <= _MOST_BLOCKS:
                yield Tile(_STREAMED, aligned(scratch), blocks)

    def overwrites(self, call: Call[QConv2D]) -> Iterable[int]:
        """Return the input of a 1x1 convolution without more output than input channels."""
        window = call.op.window
        simple = window.size == window.strides == (1, 1) and not window.padding
        return (0,) if simple and call.shape[-1] <= call.source[-1] else ()

    def work(self, call: Call[QConv2D], tile: Tile, core: str) -> Counter[str]:
        """Count passes over the picture, one per tile, and what each does."""
        if tile.winograd and core in winograd.CORES:
            found = winograd.work(call, tile)
        else:
            found = self._direct_work(call, tile, core)
        if call.sum is not None:
            kind = "quick" if adds_quickly(call.sum.op) else "any"
            channels = call.shape[2]
            rows = _rows(call, tile, core)
            found["sum span"] = prod(call.shape[:2]) * -(-channels // rows)
            found[f"sum {kind}"] = prod(call.shape)
        return found

    def _direct_work(self, call: Call[QConv2D], tile: Tile, core: str) -> Counter[str]:
        op, vectors = call.op, core == VECTOR_CORE
        channels, values = op.weights.indices.shape
        pixels, wide = prod(call.shape[:2]), 16 if vectors else 4
        rows = _rows(call, tile, core)
        passes = -(-channels // rows)
        groups, blocks = -(-values // wide), -(-pixels // COLUMNS)
        # How often all weights are decoded, and all pixels gathered.
        decoded = -(-blocks // tile.rows) if tile.rows and passes > 1 else 1
        gathered = 1 if tile.rows else passes
        pairs = sum(-(-min(rows, channels - first) // 2) for first in range(0, channels, rows))
        found = Counter(
            {
                "convolution": 1.0,
                "convolution pass": decoded * passes,
                "channel": decoded * channels,
                "block": blocks * passes,
                "tile": blocks * pairs * groups,
                "tile start": blocks * pairs,
                f"output {call.rounding.name.lower()}": pixels * channels,
            }
        )
        if op.weights.coded:
            each = coded_work(op.weights, range(0, channels, rows))
            found.update({part: decoded * count for part, count in each.items()})
        else:
            found[f"decode {op.weights.bits}"] = decoded * channels * (values // 8)
            found[f"decode rest {op.weights.bits}"] = decoded * channels * (values % 8 > 0)
        if is_single(call) and not vectors:
            once = single_pixels(call)
        else:
            once = gathering(call, wide, patch=patches(op) and not vectors)
            once["column"] += pixels
            once["cleared"] += (-pixels % COLUMNS) * groups
        for part, count in once.items():
            found[part] += gathered * count
        return found

    def sizes(self, op: QConv2D | Conv2D, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the sizes of pictures and window."""
        return window_sizes(inputs[0], outputs[0], op.window)

    def fields(self, call: Call[QConv2D]) -> Mapping[str, object]:
        """Return the forms of the kernel, and the addition."""
        total = None if call.sum is None else sum_of(call.sum)
        return {
            "rounding": call.rounding,
            "patch": patches(call.op),
            "sum": total,
            # Whether the convolution makes the left term of the addition.
            "sum_left": total is not None and total.left == call.output.name,
        }


def patches(op: QConv2D) -> bool:
    """Return whether receptive fields are gathered as bytes before they are widened.

    Where channels are a multiple of four or a field is one pixel, words are widened directly.
    """
    return op.weights.shape[3] % 4 != 0 and op.window.size != (1, 1)


def _rows(call: Call[QConv2D], tile: Tile, core: str) -> int:
    """Return how many output channels are decoded at a time."""
    return _vector_rows(call, tile) if core == VECTOR_CORE else tile.channels


def _vector_rows(call: Call[QConv2D], tile: Tile) -> int:
    """Return how many rows of weights fit in scratch on MVE; see lay_out of mve_conv2d.c."""
    values = call.op.weights.indices.shape[1]
    quads = -(-values // 4) if values > 8 else 2
    even, result = tile.channels + tile.channels % 2, 0 if call.sum is None else COLUMNS
    blocks = max(tile.rows, 1)
    room = even * (16 + 8 * quads) + blocks * 32 * quads + tile.channels * result
    room += 4 * quads if patches(call.op) else 0
    width = -(-values // 16) * 16
    rows: int = (room - blocks * COLUMNS * width) // (16 + width + result) // 2 * 2
    return max(rows, tile.channels)
