"""Sparse constants of .tflite files: random trees of levels give what they were made of."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microlut.importers.tflite.sparse import dense_values

VECTORS = {
    1: (schema.Int32VectorT, np.int32),
    2: (schema.Uint16VectorT, np.uint16),
    3: (schema.Uint8VectorT, np.uint8),
}


def vector(values: list[int], kind: int) -> Any:
    make, dtype = VECTORS[kind]
    made = make()
    made.values = np.array(values, dtype)
    return made


def encoded(tensor: np.ndarray, seed: int) -> tuple[Any, np.ndarray, tuple[int, ...]]:
    """Return the table of levels in a random order, the values, and the size of the blocks."""
    rng = np.random.default_rng(seed)
    rank = tensor.ndim
    blocks = sorted(rng.choice(rank, rng.integers(0, rank + 1), replace=False).tolist())
    sizes = [int(rng.choice([n for n in (1, 2, 4) if tensor.shape[a] % n == 0])) for a in blocks]
    order = [*rng.permutation(rank).tolist(), *range(rank, rank + len(blocks))]
    view = tensor
    for axis in range(rank - 1, -1, -1):  # split each blocked dimension; the parts come last
        inner = sizes[blocks.index(axis)] if axis in blocks else 1
        shape = (*view.shape[:axis], view.shape[axis] // inner, inner, *view.shape[axis + 1 :])
        view = np.moveaxis(view.reshape(shape), axis + 1, rank) if axis in blocks else view
    levels = view.transpose(order)
    table = schema.SparsityParametersT()
    table.traversalOrder, table.blockMap, table.dimMetadata = order, blocks, []
    places: list[tuple[int, ...]] = [()]
    for depth, number in enumerate(order):
        level = schema.DimensionMetadataT()
        size = levels.shape[depth]
        if number >= rank or rng.random() < 0.4:
            level.format, level.denseSize = 0, size
            places = [(*place, i) for place in places for i in range(size)]
        else:
            kept = [[i for i in range(size) if levels[(*place, i)].any()] for place in places]
            total = sum(map(len, kept))
            kind = int(rng.integers(1, 4 if total < 256 else 3))
            level.format = 1
            level.arraySegmentsType = level.arrayIndicesType = kind
            level.arraySegments = vector(np.cumsum([0, *map(len, kept)]).tolist(), kind)
            level.arrayIndices = vector([i for each in kept for i in each], kind)
            places = [(*p, i) for p, each in zip(places, kept, strict=True) for i in each]
        table.dimMetadata.append(level)
    values = np.array([levels[place] for place in places], tensor.dtype)
    return packed(table), values, tensor.shape


def packed(table: Any) -> Any:
    builder = flatbuffers.Builder(1024)
    builder.Finish(table.Pack(builder))
    return schema.SparsityParameters.GetRootAs(bytes(builder.Output()), 0)


def drawn(seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 1])
    shape = tuple(int(n) for n in rng.choice([1, 2, 4, 6, 8], rng.integers(1, 4)))
    values = rng.integers(-9, 9, shape) * (rng.random(shape) < rng.choice([0.0, 0.2, 0.7]))
    return values.astype(rng.choice([np.int8, np.float32]))


@pytest.mark.parametrize("seed", range(60))
def test_dense_values_are_those_that_were_encoded(seed: int):
    tensor = drawn(seed)
    table, values, shape = encoded(tensor, seed)
    found = dense_values(schema, table, values, shape)
    assert found.dtype == tensor.dtype
    np.testing.assert_array_equal(found, tensor)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_levels_are_errors_or_values_within_the_shape(seed: int):
    rng = np.random.default_rng([seed, 2])
    table, values, shape = encoded(drawn(seed), seed)
    loose = schema.SparsityParametersT.InitFromObj(table)
    level = loose.dimMetadata[rng.integers(len(loose.dimMetadata))]
    if level.format == 1:
        part = rng.choice([level.arraySegments, level.arrayIndices])
        values_now = rng.permutation(np.array(part.values))[: rng.integers(9)]
        part.values = (values_now + rng.integers(3)).astype(values_now.dtype)
    else:
        level.denseSize = int(rng.choice([-1, 0, 3, 1 << 30]))
    try:
        found = dense_values(schema, packed(loose), values, shape)
    except ValueError:
        return
    assert found.shape == shape
