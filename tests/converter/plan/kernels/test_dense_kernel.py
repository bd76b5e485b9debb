"""Fully connected layers: one tile, with the engine's own scratch formula."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kernel_calls import STAGE, align, call, weights
from microlut.ops.dense import QDense
from microlut.ops.overlap import engine_overlap
from microlut.plan.kernels import Tile, kernel_of


@given(st.integers(2, 8), st.integers(1, 300), st.integers(1, 900), st.booleans())
def test_there_is_one_tile(bits: int, units: int, inputs: int, overlapping: bool):
    overlap = engine_overlap((units, inputs), bits) if overlapping else 0
    table = 4 * 2 ** (2 * bits + overlap) if 2 * bits + overlap <= 9 else 0
    scratch = 0 if bits == 8 else align(table + (inputs + 7) // 8 * 16)
    op = QDense(replace(weights((units, inputs), units, bits), overlap=overlap), STAGE)
    assert list(kernel_of(op).tiles(call(op, (inputs,), (units,)))) == [Tile(units, scratch)]
