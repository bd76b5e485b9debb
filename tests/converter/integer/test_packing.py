"""Packed indices of every width: hand-computed bytes, and unpacking; docs/reference/format.md."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microlut.integer.packing import pack_rows, row_bytes, unpack_rows

BY_HAND = {
    1: ([1, 0, 1, 1, 0, 0, 0, 1, 1], [0b1000_1101, 0b1]),
    2: ([3, 0, 1, 2, 1], [0b10_01_00_11, 0b01]),
    3: ([1, 2, 3, 4, 5], [0b11_010_001, 0b0_101_100_0]),
    4: ([0xA, 0x3, 0xF], [0x3A, 0x0F]),
    5: ([0b10001, 0b01010, 0b11111], [0b010_10001, 0b0_11111_01]),
    6: ([0b100001, 0b011110, 0b110011], [0b10_100001, 0b0011_0111, 0b11]),
    7: ([0b1000001, 0b0111110], [0b0_1000001, 0b00_011111]),
}


@pytest.mark.parametrize("bits", BY_HAND)
def test_packed_bytes_are_the_ones_computed_by_hand(bits: int):
    indices, packed = BY_HAND[bits]
    assert pack_rows(np.array([indices], np.uint8), bits).tolist() == [packed]


# bits and overlap: indices, and the bytes of their upper bits
OVERLAPPING_BY_HAND = {
    (2, 4): ([0b11_0000, 0b00_1100, 0b01_0011, 0b10_0100], [0b10_01_00_11]),
    (3, 3): ([0b101_000, 0b001_101, 0b111_001], [0b11_001_101, 0b1]),
    (4, 2): ([0b1010_00, 0b0011_10, 0b1111_00], [0x3A, 0x0F]),
}


@pytest.mark.parametrize("fields", OVERLAPPING_BY_HAND)
def test_overlapping_indices_are_packed_once(fields: tuple[int, int]):
    indices, packed = OVERLAPPING_BY_HAND[fields]
    assert pack_rows(np.array([indices], np.uint8), *fields).tolist() == [packed]
    unpacked = unpack_rows(np.array([packed], np.uint8), len(indices), *fields)
    assert unpacked.tolist() == [indices]


@given(st.sampled_from([(2, 4), (3, 3), (4, 2)]), st.data())
def test_any_bits_are_indices_that_overlap(fields: tuple[int, int], data: st.DataObject):
    rows, columns = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 33)))
    own = data.draw(arrays(np.uint8, (rows, columns), elements=st.integers(0, 2 ** fields[0] - 1)))
    packed = pack_rows(own, fields[0])
    indices = unpack_rows(packed, columns, *fields)
    assert np.array_equal(indices >> fields[1], own)
    assert np.array_equal(pack_rows(indices, *fields), packed)


@given(st.integers(1, 8), st.data())
def test_unpacking_undoes_packing(bits: int, data: st.DataObject):
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 41)))
    indices = data.draw(arrays(np.uint8, shape, elements=st.integers(0, 2**bits - 1)))
    packed = pack_rows(indices, bits)
    assert packed.shape == (shape[0], row_bytes(shape[1], bits))
    assert np.array_equal(unpack_rows(packed, shape[1], bits), indices)


@pytest.mark.parametrize("bits", range(1, 8))
def test_unused_bits_are_zero(bits: int):
    packed = pack_rows(np.full((1, 1), 2**bits - 1, np.uint8), bits)
    assert packed.tolist() == [[2**bits - 1]]


@pytest.mark.parametrize(
    ("columns", "bits", "wanted"), [(8, 3, 3), (9, 3, 4), (1, 7, 1), (3, 4, 2)]
)
def test_row_bytes_rounds_up(columns: int, bits: int, wanted: int):
    assert row_bytes(columns, bits) == wanted
