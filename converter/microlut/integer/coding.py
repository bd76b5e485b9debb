"""Entropy-coded indices: canonical Huffman codes, as docs/reference/format.md describes.

The code of a layer follows from how often it has each weight, so nothing but the indices is kept
in files: no table can disagree with its stream. Codes are limited to 8 bits, so that the engine
decodes a weight by one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from microlut.ops.weights import QuantizedWeights

LONGEST_CODE = 8
SPARE_BYTES = 2  # behind the last group, which the engine may read
_STRUCT_BYTES = 16  # mlut_code_t
_GROUP_WEIGHTS = 512  # at least, up to the most rows
_MOST_SHIFT = 3  # eight rows, as many as convolutions decode at a time where pixels stay
_LARGEST_START = (1 << 16) - 1

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Coded:
    """The entropy-coded indices of a layer.

    Attributes:
        stream: The codes: a group of rows begins on a byte, and spare bytes follow the last one.
        starts: Byte where each group begins, less its number times `row_bytes`.
        row_bytes: Bytes of a group at least.
        table: [2 << width] for the next `width` bits the weight and the length of its code.
        width: Bits of the longest code.
        group_shift: A group has 1 << group_shift rows.
        columns: Weights of a row.
    """

    stream: Bytes
    starts: NDArray[np.uint16]
    row_bytes: int
    table: NDArray[np.int8]
    width: int
    group_shift: int
    columns: int


def coded(weights: QuantizedWeights) -> Coded:
    """Return the entropy-coded indices of weights.

    Raises:
        ValueError: Groups differ so much in length that their starts cannot be stored.
    """
    lengths = code_lengths(weights)
    codes = _reversed(_canonical(lengths), lengths)
    rows, columns = (int(n) for n in weights.indices.shape)
    shift = group_shift(columns)
    groups, begins = [], [0]
    for first in range(0, rows, 1 << shift):
        indices = weights.indices[first : first + (1 << shift)].ravel()
        groups.append(_packed(codes[indices], lengths[indices]))
        begins.append(begins[-1] + len(groups[-1]))
    step, starts = _starts(np.array(begins[:-1]))
    width = int(lengths.max())
    return Coded(
        stream=np.concatenate([*groups, np.zeros(SPARE_BYTES, np.uint8)]),
        starts=starts,
        row_bytes=step,
        table=_table(_levels(weights), codes, lengths, width),
        width=width,
        group_shift=shift,
        columns=columns,
    )


def coded_bytes(weights: QuantizedWeights) -> int:
    """Return the flash bytes of entropy-coded indices, with all that decoding them takes."""
    lengths = code_lengths(weights)
    bits = lengths[weights.indices].sum(axis=1)
    rows = 1 << group_shift(weights.indices.shape[1])
    stream = sum(-(-int(bits[i : i + rows].sum()) // 8) for i in range(0, len(bits), rows))
    groups = -(-len(bits) // rows)
    table = 2 << int(lengths.max())
    return stream + SPARE_BYTES + 2 * groups + table + _STRUCT_BYTES


def decoded(code: Coded, rows: int) -> NDArray[np.int8]:
    """Return the weights [rows, columns], decoded as the engine does."""
    found = np.empty((rows, code.columns), np.int8)
    for row in range(rows):
        if row % (1 << code.group_shift) == 0:
            group = row >> code.group_shift
            at = 8 * (group * code.row_bytes + int(code.starts[group]))
        for column in range(code.columns):
            window = int.from_bytes(code.stream[at // 8 : at // 8 + 2].tobytes(), "little")
            entry = 2 * (window >> at % 8 & ((1 << code.width) - 1))
            found[row, column] = code.table[entry]
            at += int(code.table[entry + 1])
    return found


def group_shift(columns: int) -> int:
    """Return the rows per group, as the exponent of a power of two."""
    return min(_MOST_SHIFT, max(0, (-(-_GROUP_WEIGHTS // columns) - 1).bit_length()))


def code_lengths(weights: QuantizedWeights) -> NDArray[np.int64]:
    """Return the bits of each index's code; 0 for an index that no weight has.

    The longest code is chosen such that codes and table together take the fewest bytes.
    """
    counts = np.bincount(weights.indices.ravel(), minlength=256)
    return np.array(_best_lengths(tuple(counts.tolist())), np.int64)


@lru_cache(maxsize=64)
def _best_lengths(counts: tuple[int, ...]) -> tuple[int, ...]:
    used = [symbol for symbol, count in enumerate(counts) if count]
    fewest = max(1, (len(used) - 1).bit_length())
    best: tuple[float, tuple[int, ...]] | None = None
    for longest in range(fewest, LONGEST_CODE + 1):
        lengths = _limited(counts, used, longest)
        cost = sum(n * bits for n, bits in zip(counts, lengths, strict=True))
        cost += 8 * (2 << max(lengths))
        if best is None or cost < best[0]:
            best = cost, lengths
    assert best is not None
    return best[1]


def _limited(counts: tuple[int, ...], used: list[int], longest: int) -> tuple[int, ...]:
    """Return the lengths of the best code of at most `longest` bits (package-merge).

    Larmore and Hirschberg 1990. A single symbol has a code of one bit.
    """
    lengths = [0] * len(counts)
    if len(used) == 1:
        lengths[used[0]] = 1
        return tuple(lengths)
    leaves = sorted((counts[symbol], (symbol,)) for symbol in used)
    packages: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(longest):
        merged = sorted(leaves + packages)
        packages = [
            (a[0] + b[0], a[1] + b[1]) for a, b in zip(merged[0::2], merged[1::2], strict=False)
        ]
    for _, symbols in packages[: len(used) - 1]:
        for symbol in symbols:
            lengths[symbol] += 1
    return tuple(lengths)


def _canonical(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the codes, the first bit the highest: in the order of lengths, then of indices."""
    codes = np.zeros(len(lengths), np.int64)
    code = previous = 0
    for symbol in sorted(np.flatnonzero(lengths), key=lambda s: (lengths[s], s)):
        code <<= int(lengths[symbol]) - previous
        previous = int(lengths[symbol])
        codes[symbol] = code
        code += 1
    return codes


def _reversed(codes: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return codes with their first bit as the lowest."""
    found = np.zeros_like(codes)
    for bit in range(LONGEST_CODE):
        found |= np.where(bit < lengths, codes >> bit & 1, 0) << np.maximum(lengths - 1 - bit, 0)
    return found


def _packed(codes: NDArray[np.int64], lengths: NDArray[np.int64]) -> Bytes:
    """Return codes one after the other, from the lowest bit of the first byte on."""
    places = np.arange(LONGEST_CODE)
    bits = codes[:, None] >> places & 1
    return np.packbits(bits[places < lengths[:, None]].astype(np.uint8), bitorder="little")


def _starts(begins: NDArray[np.int64]) -> tuple[int, NDArray[np.uint16]]:
    """Return the bytes of a group at least, and what groups begin later than that says."""
    numbers = np.arange(len(begins))
    step = int((begins[1:] // numbers[1:]).min()) if len(begins) > 1 else 0
    starts = begins - step * numbers
    if starts.max() > _LARGEST_START:
        raise ValueError("groups of entropy-coded rows differ too much in length")
    return step, starts.astype(np.uint16)


def _levels(weights: QuantizedWeights) -> NDArray[np.int8]:
    """Return the weight of each of 256 indices."""
    found = np.zeros(256, np.int8)
    book = np.arange(256, dtype=np.uint8).view(np.int8)
    used = book if weights.codebook is None else weights.codebook
    found[: len(used)] = used
    return found


def _table(
    levels: NDArray[np.int8],
    codes: NDArray[np.int64],
    lengths: NDArray[np.int64],
    width: int,
) -> NDArray[np.int8]:
    """Return the weight and the length of the code that begins each window of `width` bits."""
    table = np.zeros((1 << width, 2), np.int8)
    # A single code leaves half of the windows, which no stream has.
    table[:, 1] = 1
    for symbol in np.flatnonzero(lengths):
        table[codes[symbol] :: 1 << lengths[symbol]] = levels[symbol], lengths[symbol]
    return table.ravel()
