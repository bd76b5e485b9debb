"""A layer of a segment, and the layers that its bands are.

A band is some rows of a layer's output. It is the output of a layer of its own, over fewer rows and
with other padding. So kernels and the cost model know nothing of bands.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from microlut.integer import QNode
from microlut.ops.add import QAdd
from microlut.ops.base import IntegerOp
from microlut.ops.conv2d import QConv2D
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.pool2d import QPool2D
from microlut.ops.tensor import Tensor
from microlut.ops.windows import Padding, Window
from microlut.plan.kernels.add import sum_of
from microlut.plan.kernels.base import VECTOR_CORE, Call, Kernel, Tile, Work
from microlut.plan.kernels.depthwise_conv2d import has_few_outputs
from microlut.plan.kernels.pictures import LARGEST_SIZE

_ROW_BY_ROW = Window((1, 1))


class _Windowed(Protocol):
    window: Window


@dataclass(frozen=True, slots=True)
class Band:
    """What a call for some rows differs in from another one: see mlut_band_t of the engine."""

    in_rows: int
    out_rows: int
    pad_top: int


@dataclass(frozen=True, eq=False)
class Part:
    """A layer that can run band by band. Its calls, tiles and work are kept, for many ask for them.

    Attributes:
        node: The node.
        call: Its call over all rows.
        kernel: Its kernel.
    """

    node: QNode
    call: Call[Any]
    kernel: Kernel[Any, Any]
    _calls: dict[Band, Call[Any]] = field(default_factory=dict)
    _tiles: dict[Band, list[Tile]] = field(default_factory=dict)
    _works: dict[tuple[Band, Tile, bool], Work] = field(default_factory=dict)

    @cached_property
    def window(self) -> Window:
        """How outputs move over the inputs."""
        op: _Windowed | QAdd = self.call.op
        return _ROW_BY_ROW if isinstance(op, QAdd) else op.window

    @property
    def reads(self) -> tuple[str, ...]:
        """The tensors that it reads, in the order of the engine's structure."""
        if isinstance(self.call.op, QAdd):
            return tuple(self.node.inputs[i] for i in sum_of(self.call).order)
        return self.node.inputs

    @cached_property
    def reach(self) -> int:
        """Rows from the first one that an output row reads to the last one."""
        return self.window.spans[0]

    @cached_property
    def _step(self) -> int:
        return self.window.strides[0]

    @cached_property
    def _padding(self) -> int:
        return self.window.padding.top

    @cached_property
    def _source(self) -> int:
        return self.call.source[0]

    def before(self, upwards: bool) -> int:
        """Return the rows of padding before the first row in the order in which rows are made.

        Negative: that many rows are not needed.
        """
        top = self.window.padding.top
        if not upwards:
            return top
        spanned = (self.call.shape[0] - 1) * self.window.strides[0] + self.reach
        return int(spanned - self.call.source[0] - top)

    def band(self, first: int, rows: int) -> Band:
        """Return the band of `rows` rows from number `first` on, counted from the top."""
        start = first * self._step - self._padding
        bottom = min(start + (rows - 1) * self._step + self.reach, self._source)
        return Band(bottom - max(0, start), rows, max(0, -start))

    def banded(self, band: Band) -> Call[Any]:
        """Return the call for a band."""
        if band not in self._calls:
            self._calls[band] = self._made(band)
        return self._calls[band]

    def tiles(self, band: Band) -> list[Tile]:
        """Return the possible tiles of the call for a band."""
        if band not in self._tiles:
            self._tiles[band] = list(self.kernel.tiles(self.banded(band)))
        return self._tiles[band]

    def work(self, band: Band, tile: Tile, core: str) -> Work:
        """Return how often each part of the kernel runs per call for a band."""
        key = (band, tile, core == VECTOR_CORE)
        if key not in self._works:
            self._works[key] = self.kernel.work(self.banded(band), tile, core)
        return self._works[key]

    def _made(self, band: Band) -> Call[Any]:
        op: Any = self.call.op
        if not isinstance(op, QAdd):
            window = self.window
            last = (band.out_rows - 1) * window.strides[0] + self.reach
            bottom = max(0, last - band.pad_top - band.in_rows)
            sides = window.padding
            padding = Padding(band.pad_top, bottom, sides.left, sides.right)
            op = replace(op, window=replace(window, padding=padding))
        return self.call.varied(
            op=op,
            inputs=tuple(_rows_of(tensor, band.in_rows) for tensor in self.call.inputs),
            outputs=(_rows_of(self.call.output, band.out_rows),),
            banded=True,
        )


def _rows_of(tensor: Tensor, rows: int) -> Tensor:
    return replace(tensor, shape=(rows, *tensor.shape[1:]))


def runs_in_bands(op: IntegerOp, call: Call[Any]) -> bool:
    """Return whether an operator can be part of a segment.

    Every row of its output must read at least one row of its input, for bands have such rows.
    """
    if call.output.dtype != "int8" or len(call.shape) != 3:
        return False
    if isinstance(op, QDepthwiseConv2D) and has_few_outputs(call):
        return False
    if isinstance(op, QAdd):
        return call.inputs[0].name != call.inputs[1].name
    if not isinstance(op, QConv2D | QDepthwiseConv2D | QPool2D):
        return False
    window = op.window
    reach = window.spans[0]
    last = (call.shape[0] - 1) * window.strides[0] - window.padding.top
    fits = reach <= LARGEST_SIZE
    return fits and window.padding.top < reach and last < call.source[0]
