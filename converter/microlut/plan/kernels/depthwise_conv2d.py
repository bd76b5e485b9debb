"""Depthwise convolution: bands of the padded input are spread into planes, one per channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import ClassVar

from microlut.ops.depthwise_conv2d import DepthwiseConv2D, QDepthwiseConv2D
from microlut.ops.windows import Window
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import VECTOR_CORE, Call, Division, Kernel, Shapes, Size, Tile
from microlut.plan.kernels.depthwise_lines import (
    Lines,
    is_quick,
    line_tiles,
    line_work,
    lines_of,
    vector_line_work,
    vectors_of,
)
from microlut.plan.kernels.pictures import window_sizes
from microlut.plan.kernels.shares import CHANNEL_BYTES, even_shares
from microlut.plan.rounding import Rounding

_CHANNELS_AT_A_TIME = 8  # a multiple of 8 indices ends on a byte at any width
_LANES = 4  # channels that are spread at a time
_FEW = 3  # outputs for which spreading the inputs does not pay; a 3x3 kernel does it for two


class DepthwiseConv2DKernel(Kernel[QDepthwiseConv2D, DepthwiseConv2D]):
    """The kernels mlut_depthwise_conv2d, mlut_depthwise_lines and mlut_depthwise_few."""

    divided_by: ClassVar[Division] = "windows"
    whole_in_place = True

    def tiles(self, call: Call[QDepthwiseConv2D]) -> Iterator[Tile]:
        """Yield shares of the output rows, each with all shares of the channels."""
        op, (height, width, channels) = call.op, call.shape
        each = CHANNEL_BYTES + prod(op.weights.shape[:2])
        if has_few_outputs(call):
            for tile in even_shares(channels, _CHANNELS_AT_A_TIME):
                yield Tile(tile, aligned(tile * each))
            return
        lines = _lines(call)
        if lines is not None:
            yield from line_tiles(call, lines)
            return
        for rows in even_shares(height, 1, least=2):
            band = 8 * prod(_band(op.window, rows, width))
            for tile in even_shares(channels, _CHANNELS_AT_A_TIME * op.depth_multiplier):
                yield Tile(tile, aligned(tile * each + band), rows)

    def channel_unit(self, call: Call[QDepthwiseConv2D], tile: Tile) -> int:
        """Return as many as are decoded from whole bytes."""
        whole = self.function(call) == "depthwise_conv2d"
        return _CHANNELS_AT_A_TIME * call.op.depth_multiplier if whole else 0

    def overwrites(self, call: Call[QDepthwiseConv2D]) -> Iterable[int]:
        """Return the input if the output has its shape, and none reads another one's place."""
        if has_few_outputs(call):
            alone = prod(call.shape[:2]) == 1 and call.shape[2] % _LANES == 0
            return (0,) if call.shape == call.source and alone else ()
        lines = _lines(call)
        alone = lines is None or lines.alone
        return (0,) if call.shape == call.source and alone else ()

    def function(self, call: Call[QDepthwiseConv2D]) -> str:
        """Return the name of the function for the kernel's shape."""
        if has_few_outputs(call):
            return "depthwise_few"
        return "depthwise_conv2d" if _lines(call) is None else "depthwise_lines"

    def work(self, call: Call[QDepthwiseConv2D], tile: Tile, core: str) -> Counter[str]:
        """Count tiles of channels, bands of rows in each, and outputs."""
        op, vectors = call.op, core == VECTOR_CORE
        height, width, channels = call.shape
        lines = _lines(call)
        if has_few_outputs(call):
            return _few_work(call, tile, vectors=vectors)
        if lines is not None:
            return (vector_line_work if vectors else line_work)(call, lines, tile)
        window, positions = op.window, prod(op.weights.shape[:2])
        tiles = [min(tile.channels, channels - c) for c in range(0, channels, tile.channels)]
        bands = [min(tile.rows, height - y) for y in range(0, height, tile.rows)]
        tall, wide = _extent(window, tile.rows, width)
        lanes = _LANES * op.depth_multiplier
        groups = sum(-(-count // lanes) for count in tiles)
        aligned_in = call.source[2] % _LANES == 0 and op.depth_multiplier == 1
        spread = "spread" if aligned_in else "spread any"
        found = Counter(
            {
                "depthwise": 1.0,
                "depthwise tile": len(tiles),
                "channel": channels,
                "depthwise decode start": positions * len(tiles),
                f"depthwise decode {op.weights.bits}": positions * channels,
                "band": len(tiles) * len(bands),
                "fill": len(tiles) * len(bands) * -(-tall // 2) * wide,
                "group": groups * len(bands),
                "spread row": groups * len(bands) * tall,
                spread: groups * len(bands) * tall * min(wide, call.source[1]),
            }
        )
        quick = _quick_window(window) and call.rounding is not Rounding.ANY
        if quick and (aligned_in or not vectors):
            found.update(_quick_planes(call, bands, vectors=vectors))
            return found
        found["any plane"] = channels * len(bands)
        if vectors:
            outputs = height * width * -(-channels // 4) * 4
            found["any output"] = outputs
            found["any product"] = outputs * positions
        else:
            found.update(_any_planes(call, bands))
        return found

    def sizes(
        self, op: QDepthwiseConv2D | DepthwiseConv2D, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of pictures and window."""
        return window_sizes(inputs[0], outputs[0], op.window)

    def fields(self, call: Call[QDepthwiseConv2D]) -> Mapping[str, object]:
        """Return the kernel and its forms."""
        if has_few_outputs(call):
            return {"rounding": call.rounding, "convolve": None}
        lines = _lines(call)
        if lines is not None:
            form = "quick" if is_quick(call, lines) else "any"
            return {"rounding": call.rounding, "convolve": f"line_{form}"}
        quick = call.rounding is not Rounding.ANY and _quick_window(call.op.window)
        size = "3x3" if call.op.window.strides[1] == 1 else "3x3_2"
        form = f"{size}_{call.rounding.name.lower()}" if quick else "any"
        return {"rounding": call.rounding, "convolve": form}


def has_few_outputs(call: Call[QDepthwiseConv2D]) -> bool:
    """Return whether mlut_depthwise_few computes a call; none that makes a part of an output."""
    if call.op.depth_multiplier != 1 or call.banded:
        return False
    return prod(call.shape[:2]) <= (1 if _quick_window(call.op.window) else _FEW)


def _few_work(call: Call[QDepthwiseConv2D], tile: Tile, *, vectors: bool) -> Counter[str]:
    """Count tiles, and groups of four channels of all outputs; vectors may have fewer lanes."""
    op, (height, width, channels) = call.op, call.shape
    window, outputs = op.window, height * width
    tiles = [min(tile.channels, channels - c) for c in range(0, channels, tile.channels)]
    groups = outputs * sum(-(-count // _LANES) if vectors else count // _LANES for count in tiles)
    rest = 0 if vectors else outputs * sum(count % _LANES for count in tiles)
    positions = prod(window.size)
    rounding = "any" if call.rounding is Rounding.ANY else "quick"
    return Counter(
        {
            "few": 1.0,
            "few tile": len(tiles),
            "few channel": channels,
            "few decode start": positions * len(tiles),
            f"few decode {op.weights.bits}": positions
            * (vectors_of(tiles) if vectors else channels),
            "few window": outputs * len(tiles),
            "few four": groups,
            "few row": groups * (1 if window.size[1] == 1 else window.size[0]),
            "few product": groups * positions,
            "few rest": rest,
            "few rest product": rest * positions,
            f"few output {rounding}": outputs * channels,
        }
    )


def _lines(call: Call[QDepthwiseConv2D]) -> Lines | None:
    return lines_of(call.op.window, call.source, call.shape)


def _quick_window(window: Window) -> bool:
    """Return whether the quick forms support a window."""
    plain = window.size == (3, 3) and window.dilation == (1, 1)
    return plain and max(window.strides) <= 2


def _quick_planes(call: Call[QDepthwiseConv2D], bands: list[int], *, vectors: bool) -> Counter[str]:
    """Return the work of the quick forms, which compute two rows at a time where possible."""
    (height, width, channels), (down, right) = call.shape, call.op.window.strides
    two = sum(rows // 2 for rows in bands) if down == right == 1 else 0
    one = height - 2 * two
    signed = call.rounding.name.lower()
    steps = -(-width // 2) if vectors and right == 1 else width
    return Counter(
        {
            "plane": channels * len(bands),
            "plane row": channels * (two + one),
            "plane odd": channels * (two + one) * (width % 2),
            f"two {signed}": channels * two * steps,
            f"one {signed}": channels * one * steps,
        }
    )


def _any_planes(call: Call[QDepthwiseConv2D], bands: list[int]) -> Counter[str]:
    """Return the work of the form for all kernels: four outputs at a time in wide pictures."""
    (height, width, channels), window = call.shape, call.op.window
    rows = [y for band in bands for y in range(band)]
    steps = sum(_steps(window, y * window.strides[0]) for y in rows)
    groups, kind = (-(-width // 4), "four") if width >= 4 else (width, "one")
    rounding = "any" if call.rounding is Rounding.ANY else "quick"
    return Counter(
        {
            f"any output {rounding}": height
            * channels
            * (4 * groups if kind == "four" else groups),
            f"any {kind}": height * channels * groups,
            f"any {kind} row": channels * groups * steps,
            f"any {kind} pair": channels * groups * steps * window.size[1],
        }
    )


def _steps(window: Window, row: int) -> int:
    """Return in how many steps kernel rows are taken from an input row on, two where possible."""
    height = window.size[0]
    if window.dilation[0] != 1:
        return height
    return -(-height // 2) if row % 2 == 0 else height // 2 + 1


def _extent(window: Window, rows: int, width: int) -> tuple[int, int]:
    """Return the height and width of the padded input that some output rows need."""
    down, across = window.strides
    return (rows - 1) * down + window.spans[0], (width - 1) * across + window.spans[1]


def _band(window: Window, rows: int, width: int) -> tuple[int, int]:
    """Return the height, rounded up to even, and the width of one of the four int16 planes."""
    tall, wide = _extent(window, rows, width)
    return tall + tall % 2, wide
