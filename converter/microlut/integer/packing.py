"""Pack codebook indices into bytes and back, as docs/reference/format.md describes."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from microlut.integer.coding import coded_bytes
from microlut.integer.graph import QuantizedGraph
from microlut.ops.weights import QuantizedWeights


def row_bytes(columns: int, bits: int) -> int:
    """Return the bytes that one packed row of `columns` indices takes."""
    return (columns * bits + 7) // 8


def pack_rows(indices: NDArray[np.uint8], bits: int, overlap: int = 0) -> NDArray[np.uint8]:
    """Pack [rows, columns] indices of `bits` + `overlap` bits into [rows, row_bytes] bytes.

    The upper `bits` of index i take the bits i * bits to i * bits + bits - 1 of its row, counted
    from the least significant bit of its first byte; its lower ones are those of earlier indices.
    Rows start on a byte; unused bits are zero.
    """
    planes = (indices[..., None] >> np.arange(overlap, overlap + bits, dtype=np.uint8)) & 1
    flat = planes.reshape(indices.shape[0], -1)
    return np.packbits(flat, axis=1, bitorder="little")


def unpack_rows(
    packed: NDArray[np.uint8], columns: int, bits: int, overlap: int = 0
) -> NDArray[np.uint8]:
    """Undo `pack_rows`: [rows, row_bytes] bytes to [rows, columns] indices."""
    flat = np.unpackbits(packed, axis=1, count=columns * bits, bitorder="little")
    with_zeros = np.pad(flat, ((0, 0), (overlap, 0)))  # before a row's first bit
    windows = sliding_window_view(with_zeros, bits + overlap, axis=1)[:, ::bits]
    places = np.arange(bits + overlap, dtype=np.uint8)
    return np.asarray((windows << places).sum(axis=2), dtype=np.uint8)


def weight_owners(graph: QuantizedGraph) -> dict[str, str]:
    """Return, for each layer with weights, the first layer whose bytes are the same.

    These are stored once: a layer that is called several times has one copy of its weights.
    """
    first: dict[tuple[object, ...], str] = {}
    owners = {}
    for node, op in graph.weighted():
        weights = op.weights
        book = b"" if weights.codebook is None else weights.codebook.tobytes()
        digest = sha256(weights.indices.tobytes()).digest()
        kind = weights.bits, weights.overlap, weights.coded
        key = (weights.indices.shape, *kind, digest, book)
        owners[node.name] = first.setdefault(key, node.name)
    return owners


def weight_bytes(weights: QuantizedWeights) -> int:
    """Return the flash bytes of a layer's packed indices and codebook."""
    table = 0 if weights.codebook is None or weights.coded else len(weights.codebook)
    return index_bytes(weights) + table


def index_bytes(weights: QuantizedWeights) -> int:
    """Return the flash bytes of a layer's indices; those of entropy-coded ones with their code."""
    if weights.coded:
        return coded_bytes(weights)
    rows, columns = (int(n) for n in weights.indices.shape)
    return rows * row_bytes(columns, weights.bits)


def stored_weights(graph: QuantizedGraph) -> dict[str, QuantizedWeights]:
    """Return the weights by the names of the layers that own them."""
    owners = weight_owners(graph)
    return {
        node.name: op.weights for node, op in graph.weighted() if owners[node.name] == node.name
    }


def stored_bytes(graph: QuantizedGraph) -> int:
    """Return the flash bytes of all packed indices and codebooks, each stored once."""
    return sum(map(weight_bytes, stored_weights(graph).values()))
