"""Sparse constants: only the blocks with values that are not zero are in the file.

A constant is a tree whose levels are its dimensions in some order, and then those of the blocks. A
level has all of its places, or lists those that each place of the level before it has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import Shape

_SPARSE = 1  # of the schema's DimensionType
Places = NDArray[np.int64]


def dense_values(
    schema: Any,  # noqa: ANN401 - the module of tables
    sparsity: Any,  # noqa: ANN401 - a table of it
    values: NDArray[Any],
    shape: Shape,
) -> NDArray[Any]:
    """Return a sparse constant with its zeros.

    Raises:
        ValueError: Its parts do not fit each other.
    """
    order = _numbers(sparsity.TraversalOrderAsNumpy())
    blocks = _numbers(sparsity.BlockMapAsNumpy())
    rank, size = len(shape), math.prod(shape)
    if (
        sorted(order) != list(range(rank + len(blocks)))
        or len(order) != sparsity.DimMetadataLength()
    ):
        raise ValueError("the order of its levels")
    if any(not 0 <= axis < rank for axis in blocks) or len(set(blocks)) != len(blocks):
        raise ValueError("its blocks")
    levels = [sparsity.DimMetadata(i) for i in range(len(order))]
    sizes = _sizes(order, blocks, levels, shape)
    at: Places = np.zeros(1, np.int64)  # of each place of the level so far, in the next one
    places: list[Places] = []
    for number, level in zip(order, levels, strict=True):
        own, found, at = _level(schema, level, sizes[number], at, size)
        places = [each[own] for each in places] + [found]
    if len(at) != len(values) or (len(at) and int(at.max()) >= len(values)):
        raise ValueError("the number of its values")
    by_number = dict(zip(order, places, strict=True))
    index = []
    for axis in range(rank):
        inner = by_number.get(rank + blocks.index(axis)) if axis in blocks else None
        factor = sizes[rank + blocks.index(axis)] if axis in blocks else 1
        index.append(by_number[axis] * factor + (0 if inner is None else inner))
    made = np.zeros(shape, values.dtype)
    made[tuple(index)] = values[at]
    return made


def _numbers(values: Any) -> list[int]:  # noqa: ANN401 - an array, or 0 if there is none
    return [] if isinstance(values, int) else [int(n) for n in values]


def _sizes(
    order: Sequence[int],
    blocks: Sequence[int],
    levels: Sequence[Any],
    shape: Shape,
) -> dict[int, int]:
    """Return how many places each dimension has, and each one of the blocks."""
    rank = len(shape)
    sizes = dict(enumerate(shape))
    for number, level in zip(order, levels, strict=True):
        if number >= rank:
            axis, inner = blocks[number - rank], int(level.DenseSize())
            if inner < 1 or shape[axis] % inner or level.Format() == _SPARSE:
                raise ValueError("the size of its blocks")
            sizes[number] = inner
            sizes[axis] = shape[axis] // inner
    return sizes


def _level(
    schema: Any,  # noqa: ANN401
    level: Any,  # noqa: ANN401
    size: int,
    at: Places,
    most: int,
) -> tuple[Places, Places, Places]:
    """Return, for all places of a level: the one it belongs to, its index, and where it lies."""
    if level.Format() != _SPARSE:
        if int(level.DenseSize()) != size or len(at) * size > most:
            raise ValueError("the size of a level")
        own = np.repeat(np.arange(len(at)), size)
        index = np.tile(np.arange(size), len(at))
        return own, index, at[own] * size + index
    segments = _vector(schema, level.ArraySegments(), level.ArraySegmentsType())
    indices = _vector(schema, level.ArrayIndices(), level.ArrayIndicesType())
    counts = np.diff(segments)
    sound = len(segments) > 0 and segments[0] == 0 and segments[-1] == len(indices)
    if not sound or (counts < 0).any() or (len(at) and int(at.max()) >= len(counts)):
        raise ValueError("the places of a level")
    if ((indices < 0) | (indices >= size)).any():
        raise ValueError("the indices of a level")
    own = np.repeat(np.arange(len(at)), counts[at])
    if len(own) > most:
        raise ValueError("the size of a level")
    firsts = np.repeat(np.cumsum(counts[at]) - counts[at], counts[at])
    where = segments[:-1][at][own] + np.arange(len(own)) - firsts
    return own, indices[where], where


def _vector(schema: Any, table: Any, kind: int) -> Places:  # noqa: ANN401
    """Return a list of integers, which may have one of three types."""
    names = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}
    if table is None or kind not in names:
        raise ValueError("the places of a level")
    vector = getattr(schema, names[kind])()
    vector.Init(table.Bytes, table.Pos)
    found = vector.ValuesAsNumpy()
    return np.zeros(0, np.int64) if isinstance(found, int) else found.astype(np.int64)
