"""Which weights may have indices that overlap: a shape and bits in, the bits in common out."""

from __future__ import annotations

from microlut.ir import Shape

INDEX_BITS = 6  # of indices that overlap
_BITS = range(2, 5)
_RANKS = (4, 2)  # of kernels: convolutions, dense layers


def engine_overlap(shape: Shape, bits: int) -> int:
    """Return the overlap that the engine can decode for weights of a shape, 0 if none.

    Rows of depthwise weights are no chains: neighbours belong to different sums.
    """
    return INDEX_BITS - bits if bits in _BITS and len(shape) in _RANKS else 0
