"""Fully connected layers: one tile, with the engine's own scratch formula, and the tables."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_calls import STAGE, align, call, weights
from microlut.ops.dense import QDense
from microlut.ops.overlap import engine_overlap
from microlut.plan.kernels import Tile, kernel_of
from microlut.plan.kernels.dense import has_pairs, pairs


@given(st.integers(2, 8), st.integers(1, 300), st.integers(1, 900), st.booleans())
def test_there_is_one_tile(bits: int, units: int, inputs: int, overlapping: bool):
    overlap = engine_overlap((units, inputs), bits) if overlapping else 0
    scratch = 0 if bits == 8 else align(min(256, (inputs + 7) // 8 * 16))
    op = QDense(replace(weights((units, inputs), units, bits), overlap=overlap), STAGE)
    assert list(kernel_of(op).tiles(call(op, (inputs,), (units,)))) == [Tile(units, scratch)]


@pytest.mark.parametrize(("bits", "overlap"), [(2, 0), (3, 0), (4, 0), (2, 4), (3, 3)])
def test_the_table_decodes_neighbours(bits: int, overlap: int):
    rng = np.random.default_rng(bits)
    book = rng.integers(-127, 128, 1 << bits + overlap).astype(np.int8)
    table = pairs(replace(weights((1, 2), 1, bits), codebook=book, overlap=overlap))
    assert len(table) == 1 << 2 * bits + overlap
    for both, pair in enumerate(table):
        assert pair == (book[both % len(book)], book[both >> bits])


def test_only_large_layers_have_tables():
    large, small = weights((128, 128), 128, 4), weights((16, 128), 16, 4)
    op = QDense(large, STAGE)
    for few in (False, True):
        fields = kernel_of(op).fields(replace(call(op, (128,), (128,)), few_tables=few))
        assert (fields["pairs"] is None) == few
    assert has_pairs(large)
    assert not has_pairs(small)
    assert not any(has_pairs(weights((128, 128), 128, bits)) for bits in (5, 6, 7, 8))
