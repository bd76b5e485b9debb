"""Pack codebook indices into bytes and back; docs/format.md describes the same bits in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.quantized import QuantizedWeights


def row_bytes(columns: int, bits: int) -> int:
    """Return the bytes that one packed row of `columns` indices takes."""
    return (columns * bits + 7) // 8


def pack_rows(indices: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Pack [rows, columns] indices of `bits` bits into [rows, row_bytes] bytes.

    Index i of a row takes the bits i * bits to i * bits + bits - 1 of that row, counted from the
    least significant bit of its first byte. Rows start on a byte; unused bits are zero.
    """
    planes = (indices[..., None] >> np.arange(bits, dtype=np.uint8)) & 1
    flat = planes.reshape(indices.shape[0], -1)
    return np.packbits(flat, axis=1, bitorder="little")


def unpack_rows(packed: NDArray[np.uint8], columns: int, bits: int) -> NDArray[np.uint8]:
    """Undo `pack_rows`: [rows, row_bytes] bytes to [rows, columns] indices."""
    flat = np.unpackbits(packed, axis=1, count=columns * bits, bitorder="little")
    planes = flat.reshape(packed.shape[0], columns, bits)
    return np.asarray((planes << np.arange(bits, dtype=np.uint8)).sum(axis=2), dtype=np.uint8)


def weight_bytes(weights: QuantizedWeights) -> int:
    """Return the flash bytes of a layer's packed indices and codebook."""
    rows, columns = (int(n) for n in weights.indices.shape)
    table = 0 if weights.codebook is None else len(weights.codebook)
    return rows * row_bytes(columns, weights.bits) + table
