"""Fully connected layer: four rows are decoded and multiplied at a time, by pairs of weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import ClassVar

from microlut.ops.dense import Dense, QDense
from microlut.ops.overlap import pair_table
from microlut.ops.weights import QuantizedWeights
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import VECTOR_CORE, Call, Division, Kernel, Shapes, Size, Tile
from microlut.plan.kernels.coded import coded_work
from microlut.plan.rounding import Rounding

_MOST_UNITS = (1 << 32) - 1
_CODED_ROWS = 4  # decoded at a time; MLUT_CODED_ROWS in dense_coded.c
_PLAIN_BITS = 8  # bits that need no decoding
_CHUNK = 32  # units whose sums are finished together; MLUT_DENSE_UNITS in dense.c
_BLOCK = 128  # columns that are widened at a time; MLUT_DENSE_BLOCK in dense.c
_FEWEST_WITH_PAIRS = 4  # units, which the table's kernel multiplies at a time
_LARGEST_TABLE_SHARE = 3  # of the packed weights' bytes: a table may take one part in so many
# Rows that are multiplied at a time; for all other fields, one.
_TOGETHER = {
    "8": 4,
    "pairs 4": 4,
    **dict.fromkeys(("5", "6", "7", "pairs 2", "pairs 3", "pairs 2_6", "pairs 3_6"), 2),
}
# Bytes of a row that are decoded at a time; for all other fields, as many as bits.
_UNIT_BYTES = {"2": 2, "2_6": 2, "3_6": 3, "4": 4, "4_6": 4, "6": 3}


class DenseKernel(Kernel[QDense, Dense]):
    """The kernel mlut_dense."""

    divided_by: ClassVar[Division] = "units"

    def tiles(self, call: Call[QDense]) -> Iterator[Tile]:
        """Yield the only tile; its scratch holds a block of widened inputs."""
        weights = call.op.weights
        units, inputs = weights.shape
        if weights.coded:
            yield Tile(units, aligned(_CODED_ROWS * inputs))
            return
        if weights.codebook is None:  # the rows in flash are the weights
            yield Tile(units, 0)
            return
        yield Tile(units, aligned(2 * min(_BLOCK, -(-inputs // 8) * 8)))

    def function(self, call: Call[QDense]) -> str:
        """Return the name of the engine's function, which entropy-coded indices have their own."""
        return "dense_coded" if call.op.weights.coded else "dense"

    def overwrites(self, call: Call[QDense]) -> Iterable[int]:
        """Return none, since all units read all inputs."""
        return ()

    def work(self, call: Call[QDense], tile: Tile, core: str) -> Counter[str]:
        """Count rows, four at a time, and the units of bytes in which each is decoded."""
        weights = call.op.weights
        units, inputs = weights.indices.shape
        bits, vectors = weights.bits, prod(call.shape[:-1])
        if weights.coded:
            return Counter(
                {
                    "dense": 1.0,
                    **coded_work(weights, range(0, units, _CODED_ROWS)),
                    "dense 8": vectors * -(-units // 4) * -(-inputs // 8),
                    "dense output any": vectors * units,
                }
            )
        kind = "any" if call.rounding is Rounding.ANY else "quick"  # signed serves positive ones
        found = Counter(
            {
                "dense": 1.0,
                "dense vector": vectors,
                f"dense output {kind}": vectors * units,
            }
        )
        if core == VECTOR_CORE:
            found.update(_vector_rows(weights, vectors))
            return found
        blocks = -(-inputs // _BLOCK) if bits < _PLAIN_BITS else 1
        chunks = -(-units // _CHUNK)
        widened = inputs if blocks == 1 else inputs * chunks
        found["dense chunk"] = vectors * chunks
        found["dense block"] = vectors * chunks * blocks
        if bits < _PLAIN_BITS:
            found["dense widening"] = vectors * blocks * (1 if blocks == 1 else chunks)
            found["dense input"] = vectors * widened
        fields = f"pairs {weights.fields}" if has_pairs(weights) else weights.fields
        found.update(_rows(units, inputs * bits, fields, bits, vectors, blocks))
        return found

    def sizes(self, op: QDense | Dense, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the numbers of inputs and units."""
        yield "the number of inputs", inputs[0][-1], _MOST_UNITS
        yield "the number of units", outputs[0][-1], _MOST_UNITS

    def fields(self, call: Call[QDense]) -> Mapping[str, object]:
        """Return the form of the output stage, and the table of pairs or None."""
        weights = call.op.weights
        table = not call.few_tables and has_pairs(weights)
        return {"rounding": call.rounding, "pairs": pairs(weights) if table else None}


def _rows(
    units: int, row_bits: int, fields: str, bits: int, vectors: int, blocks: int
) -> Counter[str]:
    """Return the work of decoding and multiplying all rows, some of them at a time."""
    together = _TOGETHER.get(fields, 1)
    unit = 1 if fields == "pairs 4" else _UNIT_BYTES.get(fields.removeprefix("pairs "), bits)
    steps = -(-row_bits // 8 // unit)
    groups = -(-units // together)
    found = Counter({f"dense row {fields}": vectors * blocks * groups})
    if fields == "8":  # what is left of four is multiplied alone
        groups = units // together
        found["dense 8 alone"] = vectors * (units % together) * steps
    found[f"dense {fields}"] = vectors * groups * steps
    return found


def _vector_rows(weights: QuantizedWeights, vectors: int) -> Counter[str]:
    """Return the work of rows on Cortex-M55: four at a time, and what is left one by one."""
    units, inputs = weights.indices.shape
    fields, steps = weights.fields, vectors * -(-inputs // 16)
    return Counter(
        {
            "dense chunk": vectors * -(-units // _CHUNK),
            f"dense row {fields}": vectors * (units // 4 + units % 4),
            f"dense {fields}": steps * (units // 4),
            f"dense {fields} alone": steps * (units % 4),
        }
    )


def has_pairs(weights: QuantizedWeights) -> bool:
    """Return whether a table that decodes two indices at once is worth its bytes of flash."""
    table = (
        0
        if weights.codebook is None or weights.coded
        else 4 * pair_table(weights.bits, weights.index_bits)
    )
    few = weights.indices.shape[0] < _FEWEST_WITH_PAIRS
    return not few and 0 < table * _LARGEST_TABLE_SHARE <= weights.indices.size * weights.bits // 8


def pairs(weights: QuantizedWeights) -> list[tuple[int, int]]:
    """Return the table: both weights for two neighbouring indices, the first one's in low bits."""
    assert weights.codebook is not None
    book = weights.codebook.tolist()
    mask = (1 << weights.index_bits) - 1
    table = range(pair_table(weights.bits, weights.index_bits))
    return [(book[both & mask], book[both >> weights.bits]) for both in table]
