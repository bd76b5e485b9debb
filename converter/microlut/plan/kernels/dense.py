"""Fully connected layer: four rows are decoded and multiplied at a time, by pairs of weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod

from microlut.ops.dense import Dense, QDense
from microlut.ops.overlap import pair_table
from microlut.plan.arena import aligned
from microlut.plan.kernels.base import Call, Kernel, Shapes, Size, Tile
from microlut.plan.rounding import Rounding

_MOST_UNITS = (1 << 32) - 1
# Bytes of a row that are decoded at a time; for all other fields, as many as bits.
_UNIT_BYTES = {"2": 2, "2_6": 2, "3_6": 3, "4": 1, "4_6": 1, "6": 3}


class DenseKernel(Kernel[QDense, Dense]):
    """The kernel mlut_dense."""

    def tiles(self, call: Call[QDense]) -> Iterator[Tile]:
        """Yield the only tile; its scratch holds inputs and, if small, a table of weight pairs."""
        weights = call.op.weights
        units, inputs = weights.shape
        if weights.codebook is None:  # the rows in flash are the weights
            yield Tile(units, 0)
            return
        table = 4 * pair_table(weights.bits, weights.index_bits)
        yield Tile(units, aligned(table + 2 * (-(-inputs // 8) * 8)))

    def overwrites(self, call: Call[QDense]) -> Iterable[int]:
        """Return none, since all units read all inputs."""
        return ()

    def work(self, call: Call[QDense], tile: Tile, core: str) -> Counter[str]:
        """Count rows, four at a time, and the units of bytes in which each is decoded."""
        weights = call.op.weights
        units, inputs = weights.indices.shape
        bits, vectors = weights.bits, prod(call.shape[:-1])
        fours = vectors * -(-units // 4)
        row = -(-inputs * bits // 8)
        fields = weights.fields  # some of them have no table
        unit = _UNIT_BYTES.get(fields, bits)
        # One form for signed and positive.
        kind = "any" if call.rounding is Rounding.ANY else "quick"
        return Counter(
            {
                "dense": 1.0,
                "table": pair_table(bits, weights.index_bits),
                "dense input": vectors * inputs if bits < 8 else 0,
                "dense rows": fours,
                f"dense {fields}": fours * -(-row // unit),
                f"dense output {kind}": vectors * units,
            }
        )

    def sizes(self, op: QDense | Dense, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the numbers of inputs and units."""
        yield "the number of inputs", inputs[0][-1], _MOST_UNITS
        yield "the number of units", outputs[0][-1], _MOST_UNITS

    def fields(self, call: Call[QDense]) -> Mapping[str, object]:
        """Return the form of the output stage."""
        return {"rounding": call.rounding}
