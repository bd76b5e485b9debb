"""Depthwise convolution by kernels of one column or one row: each line of a picture by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from microlut.ops.arrays import Shape
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.windows import Window
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Tile
from microlut.plan.kernels.shares import CHANNEL_BYTES, even_shares
from microlut.plan.rounding import Rounding

_CHANNELS_AT_A_TIME = 8  # a multiple of 8 indices ends on a byte at any width
_VECTOR = 16  # weights that are decoded at a time, where there are vectors
_LANES = 4  # channels that are spread at a time, and outputs that are made at a time


@dataclass(frozen=True, slots=True)
class Lines:
    """What the kernel mlut_depthwise_lines reads and writes; pixels along the kernel, lines across.

    Attributes:
        size: Of the kernel.
        stride: Along the kernel.
        dilation: The same; every pixel so far apart is on a line of its own.
        inputs: Pixels of the picture.
        outputs: The same.
        count: Lines of outputs.
        alone: Whether an output has the place of an input of its line, if shapes are equal.
    """

    size: int
    stride: int
    dilation: int
    inputs: int
    outputs: int
    count: int
    alone: bool

    @property
    def longest(self) -> int:
        """Outputs on a line, of those that are `dilation` pixels apart."""
        return -(-self.outputs // self.dilation)

    def pairs(self, outputs: int) -> int:
        """Return the pairs of inputs that some neighbouring outputs of a line read."""
        return -(-((outputs - 1) * self.stride + self.size) // 2)

    @property
    def taps(self) -> int:
        """Pairs of weights, with zeros where an odd output's begin or an even one's end."""
        return self.size // 2 + 1


def lines_of(window: Window, source: Shape, shape: Shape) -> Lines | None:
    """Return the lines of a call's shapes; None if the kernel does not support the window."""
    if 1 not in window.size:
        return None
    along = 0 if window.size[1] == 1 else 1
    padding = window.padding
    before = (padding.top, padding.left)
    dilation = window.dilation[along]
    beside = (padding.left, padding.right) if along == 0 else (padding.top, padding.bottom)
    if any(beside) or (dilation > 1 and window.strides[along] > 1):
        return None
    return Lines(
        *(window.size[along], window.strides[along], dilation),
        *(source[along], shape[along], shape[1 - along]),
        before[along] % dilation == 0,
    )


def line_tiles(call: Call[QDepthwiseConv2D], lines: Lines) -> Iterator[Tile]:
    """Yield shares of a line's outputs, each with all shares of the channels."""
    multiplier, channels = call.op.depth_multiplier, call.shape[2]
    for rows in even_shares(lines.longest, 1, least=2):
        fixed = 16 * lines.pairs(rows) + 32 * multiplier * lines.taps
        for tile in even_shares(channels, _CHANNELS_AT_A_TIME * multiplier):
            each = tile * CHANNEL_BYTES + lines.size * -(-tile // 4) * 4
            yield Tile(tile, aligned(fixed + each), rows)


def line_work(call: Call[QDepthwiseConv2D], lines: Lines, tile: Tile) -> Counter[str]:
    """Count tiles and groups of channels, runs of outputs on a line, and pairs of products."""
    op, channels = call.op, call.shape[2]
    bits, multiplier = op.weights.bits, op.depth_multiplier
    tiles = [min(tile.channels, channels - c) for c in range(0, channels, tile.channels)]
    groups = sum(-(-count // (_LANES * multiplier)) for count in tiles)
    runs = _runs(lines, tile)
    fours = lines.count * channels * sum(-(-run // 4) for run in runs)
    pairs = lines.count * groups * sum(lines.pairs(run) for run in runs)
    aligned_in = call.source[2] % _LANES == 0
    kind = "quick" if is_quick(call, lines) else "any"
    rounding = "any" if call.rounding is Rounding.ANY else "quick"
    return Counter(
        {
            "lines": 1.0,
            "channel": channels,
            "lines decode start": lines.size * len(tiles),
            f"depthwise decode {bits}": lines.size * channels,
            "lines group": groups,
            "lines taps": groups * multiplier * lines.taps,
            "lines run": lines.count * groups * len(runs),
            "lines pair" if aligned_in else "lines pair any": pairs,
            "lines channel": lines.count * channels * len(runs),
            f"lines {kind} four": fours,
            f"lines {kind} product": fours * lines.taps,
            f"lines output {rounding}": lines.count * channels * lines.outputs,
        }
    )


def vector_line_work(call: Call[QDepthwiseConv2D], lines: Lines, tile: Tile) -> Counter[str]:
    """Count the same of cores with vectors: of four channels, and of single products."""
    op, channels = call.op, call.shape[2]
    tiles = [min(tile.channels, channels - c) for c in range(0, channels, tile.channels)]
    groups = lines.count * sum(-(-count // _LANES) for count in tiles)
    runs = _runs(lines, tile)
    values = groups * sum((run - 1) * lines.stride + lines.size for run in runs)
    fours, ones = (
        groups * sum(part) for part in zip(*(divmod(run, 4) for run in runs), strict=True)
    )
    form = "quick" if is_quick(call, lines) else "any"
    whole = op.depth_multiplier == 1 and channels % _LANES == 0
    return Counter(
        {
            "lines": 1.0,
            "few channel": channels,
            "few decode start": lines.size * len(tiles),
            f"few decode {op.weights.bits}": lines.size * vectors_of(tiles),
            "lines run": groups * len(runs),
            "lines value" if whole else "lines value any": values,
            "lines four": fours,
            "lines four product": fours * lines.size,
            "lines one": ones,
            "lines one product": ones * lines.size,
            f"lines output {form}": 4 * fours + ones,
        }
    )


def vectors_of(tiles: Iterable[int]) -> int:
    """Return the vectors of weights in a row of all tiles."""
    return sum(-(-count // _VECTOR) for count in tiles)


def _runs(lines: Lines, tile: Tile) -> list[int]:
    """Return the numbers of outputs on a line that are made one after the other."""
    return [
        min(tile.rows, outputs - y)
        for first in range(min(lines.dilation, lines.outputs))
        for outputs in [-(-(lines.outputs - first) // lines.dilation)]
        for y in range(0, outputs, tile.rows)
    ]


def is_quick(call: Call[QDepthwiseConv2D], lines: Lines) -> bool:
    """Return whether the quick form supports a call."""
    return lines.stride == 1 and call.rounding is not Rounding.ANY
