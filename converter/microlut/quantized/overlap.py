"""Which weights may have indices that overlap: a shape and bits in, the bits in common out."""

from __future__ import annotations

from microlut.ir import Shape

INDEX_BITS = 6  # of indices that overlap
_BITS = {4: range(2, 5), 2: range(2, 4)}  # by the rank of a kernel: convolutions, dense layers


def engine_overlap(shape: Shape, bits: int) -> int:
    """Return the overlap that the engine can decode for weights of a shape, 0 if none.

    A dense layer decodes pairs by a table, which must stay small. Rows of depthwise weights are no
    chains: an index and the one before it belong to different sums.
    """
    return INDEX_BITS - bits if bits in _BITS.get(len(shape), ()) else 0
