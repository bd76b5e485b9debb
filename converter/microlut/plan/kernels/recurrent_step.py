"""Recurrent layers with a memory: as others, besides the memory that is read and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.recurrent_step import QRecurrentStep, RecurrentStep
from microlut.plan.kernels import recurrent
from microlut.plan.kernels.base import Call, Kernel, Shapes, Size, Tile


class RecurrentStepKernel(Kernel[QRecurrentStep, RecurrentStep]):
    """The kernel mlut_recurrent_step.

    Attributes:
        layer: The kernel of the layer.
    """

    layer: ClassVar[recurrent.RecurrentKernel] = recurrent.RecurrentKernel()

    def tiles(self, call: Call[QRecurrentStep]) -> Iterator[Tile]:
        """Yield the tiles of the layer."""
        return self.layer.tiles(_layer(call))

    def overwrites(self, call: Call[QRecurrentStep]) -> Iterable[int]:
        """Return none, since a step may read what another one would have written over."""
        return ()

    def work(self, call: Call[QRecurrentStep], tile: Tile, core: str) -> Counter[str]:
        """Return the work of the layer."""
        return self.layer.work(_layer(call), tile, core)

    def sizes(
        self, op: QRecurrentStep | RecurrentStep, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of the layer."""
        return self.layer.sizes(op.layer, inputs, outputs)

    def fields(self, call: Call[QRecurrentStep]) -> Mapping[str, object]:
        """Return the fields of the layer."""
        return self.layer.fields(_layer(call))


def _layer(call: Call[QRecurrentStep]) -> Call[QRecurrent]:
    return replace(call, op=call.op.layer)  # type: ignore[return-value, arg-type]
