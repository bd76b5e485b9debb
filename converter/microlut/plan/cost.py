"""What a kernel call costs: a layer and its tile in, executed instructions out.

A call does a handful of things, each so and so often: decode a weight, gather a row of a receptive
field, multiply two rows by four fields, write an output. How often follows from shapes, bits and
tile; what each takes was measured on every core in an emulator (`benchmarks/costs.py`, which writes
`costs.json` and tells how far this model is off).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microlut.integer import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.arrays import Shape
from microlut.ops.base import IntegerOp
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.linear import QLinear
from microlut.ops.mean import QMean
from microlut.ops.overlap import pair_table
from microlut.ops.pool2d import QPool2D
from microlut.ops.reshape import QReshape
from microlut.ops.windows import Window
from microlut.plan.rounding import Rounding, adds_quickly, output_rounding, quick_window
from microlut.plan.scratch import Tile, patches

_FILE = Path(__file__).with_name("costs.json")
_COLUMNS = 4  # receptive fields that are multiplied at a time
_LANES = 4  # channels that a depthwise convolution spreads at a time
# Of a row, that dense layers decode at a time; else as many as bits.
_UNIT_BYTES = {"2": 2, "2_6": 2, "3_6": 3, "4": 1, "4_6": 1, "6": 3}
_VECTOR = "cortex-m55"  # the core whose kernels take 16 values at a time
# Cores that run the files of another one, and take as many instructions within one percent. What
# is none of these is expected to compile portable C as RISC-V does.
_LIKE = {
    "cortex-m0": "cortex-m0plus",
    "cortex-m7": "cortex-m4f",
    "cortex-m33": "cortex-m4f",
    "host": "riscv32imc",
}

Work = Mapping[str, float]  # how often each part of a kernel runs


@dataclass(frozen=True, slots=True)
class Call:
    """A kernel call without its tile.

    Attributes:
        op: The operator.
        source: Shape of its first input.
        shape: Of its output.
        rounding: Form of the output stage.
        sum: The addition that a convolution does itself.
    """

    op: IntegerOp
    source: Shape
    shape: Shape
    rounding: Rounding
    sum: QAdd | None = None


def call_of(graph: QuantizedGraph, node: QNode, total: QNode | None = None) -> Call:
    """Return a node's kernel call; `total` is the addition that it does as well."""
    rounding = Rounding.ANY
    if isinstance(node.op, QLinear):
        rounding = output_rounding(node.op, node.quantization.zero_point)
    addition = total.op if total is not None else None
    assert addition is None or isinstance(addition, QAdd)
    return Call(node.op, graph.shape_of(node.inputs[0]), node.shape, rounding, addition)


def instructions(call: Call, tile: Tile, core: str) -> float:
    """Return about how many instructions a call executes on a core."""
    each = _costs()[_LIKE.get(core, core)]
    return sum(each.get(part, 0.0) * count for part, count in work(call, tile, core).items())


def known_cores() -> tuple[str, ...]:
    """Return the cores whose costs are known."""
    return tuple(sorted({*_costs(), *_LIKE}))


@cache
def _costs() -> dict[str, dict[str, float]]:
    """Return by core what each part takes, in instructions."""
    found: dict[str, dict[str, float]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def work(call: Call, tile: Tile, core: str) -> Work:
    """Return how often each part of a kernel runs in a call."""
    match call.op:
        case QConv2D():
            return _convolution(call, call.op, tile, core == _VECTOR)
        case QDepthwiseConv2D():
            return _depthwise(call, call.op, tile, core == _VECTOR)
        case QDense():
            return _dense(call, call.op)
        case _:
            return _simple(call)


def _convolution(call: Call, op: QConv2D, tile: Tile, vectors: bool) -> Counter[str]:
    channels, values = op.weights.indices.shape
    pixels, wide = math.prod(call.shape[:2]), 16 if vectors else 4
    rows = _vector_rows(op, call, tile) if vectors else tile.channels
    passes = -(-channels // rows)
    pairs = sum(-(-min(rows, channels - first) // 2) for first in range(0, channels, rows))
    groups, blocks = -(-values // wide), -(-pixels // _COLUMNS)
    found = Counter(
        {
            "convolution": 1.0,
            "convolution pass": passes,
            "channel": channels,
            f"decode {op.weights.bits}": channels * (values // 8),
            f"decode rest {op.weights.bits}": channels * (values % 8 > 0),
            "block": blocks * passes,
            "column": pixels * passes,
            "cleared": (-pixels % _COLUMNS) * groups * passes,
            "tile": blocks * pairs * groups,
            "tile start": blocks * pairs,
            f"output {call.rounding.name.lower()}": pixels * channels,
        }
    )
    gathered = _gathering(call, op, wide, patch=patches(op) and not vectors)
    found.update({part: passes * count for part, count in gathered.items()})
    if call.sum is not None:
        kind = "quick" if adds_quickly(call.sum) else "any"
        found["sum span"] = pixels * passes
        found[f"sum {kind}"] = pixels * channels
    return found


def _gathering(call: Call, op: QConv2D, wide: int, *, patch: bool) -> Counter[str]:
    """Return the work of gathering all receptive fields once, through bytes if they are patches."""
    (height, width), depth = op.window.size, call.source[2]
    pixels, inside = math.prod(call.shape[:2]), _inside(op.window, call)
    border = pixels - inside
    found = Counter({"border row": border * height})
    found.update(_moved("copied" if patch else "row", width * depth, inside * height, wide))
    found.update(_moved("copied" if patch else "span", depth, border * height * width, wide))
    if patch:
        found.update(_moved("patch", height * width * depth, pixels, wide))
    return found


def _moved(what: str, count: int, times: float, wide: int) -> Counter[str]:
    """Return the work of moving `count` bytes so often: whole vectors or words, and the rest."""
    quads = count // wide
    return Counter(
        {
            what: times,
            f"{what} fours": times * (quads // 4),
            f"{what} word": times * (quads % 4),
            f"{what} rest": times * (count % wide > 0),
            f"{what} byte": times * (count % wide),
        }
    )


def _inside(window: Window, call: Call) -> int:
    """Return how many output pixels have rows of receptive fields that lie in the picture whole."""
    if window.dilation[1] != 1:
        return 0
    rows: int
    columns: int
    rows, columns = (
        sum(0 <= n * step - before <= size - (kernel - 1) * apart - 1 for n in range(outputs))
        for before, size, outputs, kernel, step, apart in zip(
            (window.padding.top, window.padding.left),
            *(call.source[:2], call.shape[:2], window.size, window.strides, window.dilation),
            strict=True,
        )
    )
    return rows * columns


def _vector_rows(op: QConv2D, call: Call, tile: Tile) -> int:
    """Return the rows that cores with MVE have room for; see lay_out of mve_conv2d.c."""
    values = op.weights.indices.shape[1]
    quads = -(-values // 4) if values > 8 else 2
    even, result = tile.channels + tile.channels % 2, 0 if call.sum is None else _COLUMNS
    room = even * (16 + 8 * quads) + 32 * quads + tile.channels * result
    room += 4 * quads if patches(op) else 0
    width = -(-values // 16) * 16
    rows: int = (room - _COLUMNS * width) // (16 + width + result) // 2 * 2
    return max(rows, tile.channels)


def _depthwise(call: Call, op: QDepthwiseConv2D, tile: Tile, vectors: bool) -> Counter[str]:
    height, width, channels = call.shape
    window, positions = op.window, math.prod(op.weights.shape[:2])
    tiles = [min(tile.channels, channels - c) for c in range(0, channels, tile.channels)]
    bands = [min(tile.rows, height - y) for y in range(0, height, tile.rows)]
    tall = (tile.rows - 1) * window.strides[0] + (window.size[0] - 1) * window.dilation[0] + 1
    wide = (width - 1) * window.strides[1] + (window.size[1] - 1) * window.dilation[1] + 1
    lanes = _LANES * op.depth_multiplier
    groups = sum(-(-count // lanes) for count in tiles)
    quick = quick_window(window) and call.rounding is not Rounding.ANY
    aligned = call.source[2] % _LANES == 0 and op.depth_multiplier == 1
    quick = quick and (aligned or not vectors)
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
            ("spread" if aligned else "spread any"): groups
            * len(bands)
            * tall
            * min(wide, call.source[1]),
        }
    )
    if not quick:
        found["any plane"] = channels * len(bands)
        outputs = height * width * (-(-channels // 4) * 4 if vectors else channels)
        found["any output"] = outputs
        found["any product"] = outputs * positions
        return found
    two = sum(rows // 2 for rows in bands) if window.strides[0] == 1 else 0
    one = height - 2 * two
    signed = call.rounding.name.lower()
    steps = -(-width // 2) if vectors and window.strides[1] == 1 else width
    found["plane"] = channels * len(bands)
    found["plane row"] = channels * (two + one)
    found[f"two {signed}"] = channels * two * steps
    found[f"one {signed}"] = channels * one * steps
    return found


def _dense(call: Call, op: QDense) -> Counter[str]:
    units, inputs = op.weights.indices.shape
    bits, vectors = op.weights.bits, math.prod(call.shape[:-1])
    fours = vectors * -(-units // 4)
    row = -(-inputs * bits // 8)
    fields = op.weights.fields  # with some of them, there is no table
    unit = _UNIT_BYTES.get(fields, bits)
    kind = "any" if call.rounding is Rounding.ANY else "quick"  # one form for signed and positive
    return Counter(
        {
            "dense": 1.0,
            "table": pair_table(bits, op.weights.index_bits),
            "dense input": vectors * inputs if bits < 8 else 0,
            "dense rows": fours,
            f"dense {fields}": fours * -(-row // unit),
            f"dense output {kind}": vectors * units,
        }
    )


def _simple(call: Call) -> Counter[str]:
    values = math.prod(call.shape)
    match call.op:
        case QPool2D(mode=mode, window=window):
            return _pool(mode, call.shape, math.prod(window.size))
        case QMean():
            return _pool("average", call.shape, math.prod(call.source[:2]))
        case QAdd():
            kind = "quick" if adds_quickly(call.op) else "any"
            return Counter({"add": 1.0, f"add {kind}": values})
        case QReshape():
            return Counter()
        case _:
            return Counter({call.op.kind: 1.0, f"{call.op.kind} value": values})


def _pool(mode: str, shape: Shape, values: int) -> Counter[str]:
    """Return the work of a pool over so many values; a mean over the picture is nearly that."""
    count = math.prod(shape)
    kind = f"{mode} pool" if shape[-1] % 4 == 0 else f"{mode} pool any"
    return Counter(
        {
            "pool": 1.0,
            "pool pixel": count // shape[-1],
            kind: count,
            f"{kind} value": count * values,
        }
    )
