"""The overlap of indices that the engine can decode, by shape and bits."""

from __future__ import annotations

from microlut.ops.arrays import Shape

INDEX_BITS = 6  # of indices that overlap
_BITS = range(2, 5)
_RANKS = (4, 2)  # of kernels: convolutions, dense layers
_LARGEST_TABLE_BITS = 9  # of two indices: 2 KB of flash


def engine_overlap(shape: Shape, bits: int) -> int:
    """Return the overlap that the engine can decode for weights of a shape, 0 if none.

    Neighbours in rows of depthwise weights belong to different sums, so they do not overlap.
    """
    return INDEX_BITS - bits if bits in _BITS and len(shape) in _RANKS else 0


def pair_table(bits: int, index_bits: int) -> int:
    """Return the size of the table by which a dense layer decodes two indices at once.

    It is 0 if the table would be too large; such a layer takes about two times as long.
    """
    both = bits + index_bits
    return 1 << both if both <= _LARGEST_TABLE_BITS else 0
