"""How the engine decodes overlapping indices: a shape and bits in, what it has code for out."""

from __future__ import annotations

from microlut.ops.arrays import Shape

INDEX_BITS = 6  # of indices that overlap
_BITS = range(2, 5)
_RANKS = (4, 2)  # of kernels: convolutions, dense layers
_LARGEST_TABLE_BITS = 9  # of two indices, 2 KB of scratch; TABLE_BITS in dense.c


def engine_overlap(shape: Shape, bits: int) -> int:
    """Return the overlap that the engine can decode for weights of a shape, 0 if none.

    Rows of depthwise weights are no chains: neighbours belong to different sums.
    """
    return INDEX_BITS - bits if bits in _BITS and len(shape) in _RANKS else 0


def pair_table(bits: int, index_bits: int) -> int:
    """Return the entries of the table by which a dense layer decodes two indices at once.

    None, 0, if it would be too large: such a layer takes about three times as long.
    """
    both = bits + index_bits
    return 1 << both if both <= _LARGEST_TABLE_BITS else 0
