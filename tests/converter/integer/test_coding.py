"""Entropy-coded indices: codes, tables, groups of rows, and sizes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entropy_coded import entropy_coded
from graphs import make_qnode, qnet
from microlut.integer.check import check_graph
from microlut.integer.coding import (
    LONGEST_CODE,
    SPARE_BYTES,
    Coded,
    code_lengths,
    coded,
    coded_bytes,
    decoded,
)
from microlut.integer.file import load, save
from microlut.integer.packing import weight_bytes
from microlut.ops.weights import QuantizedWeights
from random_layers import layer_cases


def weights(rows: int, columns: int, bits: int, skew: float, seed: int = 0) -> QuantizedWeights:
    """Return weights whose indices are the more unequal the larger `skew` is."""
    rng = np.random.default_rng([rows, columns, bits, seed])
    count = 1 << bits
    share = np.exp(-skew * np.abs(np.arange(count) - count // 2))
    indices = rng.choice(count, (rows, columns), p=share / share.sum()).astype(np.uint8)
    book = None
    if bits < 8:
        book = np.sort(rng.choice(np.arange(-127, 128), count, replace=False)).astype(np.int8)
    scales = np.ones(rows, np.float32)
    return QuantizedWeights((rows, columns), bits, indices, book, scales, coded=True)


def entropy(given: QuantizedWeights) -> float:
    share = np.bincount(given.indices.ravel()) / given.indices.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 90),
    bits=st.integers(2, 8),
    skew=st.floats(0, 4),
)
def test_what_is_decoded_are_the_weights(rows, columns, bits, skew):
    given_ = weights(rows, columns, bits, skew)
    code = coded(given_)
    assert np.array_equal(decoded(code, rows), given_.int8().reshape(rows, columns))
    arrays = (code.stream, code.starts, code.table)
    assert coded_bytes(given_) == sum(array.nbytes for array in arrays) + 16
    assert weight_bytes(given_) == coded_bytes(given_)
    assert code.width <= LONGEST_CODE
    assert not code.stream[-SPARE_BYTES:].any()


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("skew", [0.0, 0.2, 1.0, 3.0])
def test_codes_are_prefix_codes_near_the_entropy(bits, skew):
    given_ = weights(64, 300, bits, skew)
    lengths = code_lengths(given_)
    used = np.bincount(given_.indices.ravel(), minlength=256) > 0
    assert np.array_equal(lengths > 0, used)
    assert sum(2.0 ** -lengths[used]) == (1 if used.sum() > 1 else 0.5)
    mean = lengths[given_.indices].mean()
    assert entropy(given_) - 1e-9 <= mean < entropy(given_) + 1


def test_a_code_of_few_bits_is_taken_where_a_table_would_not_pay():
    few, many = (weights(rows, 100, 5, 0.5) for rows in (2, 2000))
    assert code_lengths(few).max() < code_lengths(many).max()


def test_weights_that_are_all_equal_take_a_bit():
    same = replace(weights(3, 5, 4, 1.0), indices=np.full((3, 5), 9, np.uint8))
    code = coded(same)
    assert np.array_equal(decoded(code, 3), same.int8())
    assert len(code.stream) == 2 + SPARE_BYTES


def test_groups_of_rows_hold_512_weights_or_eight_rows():
    shifts = [coded(weights(9, n, 3, 1.0)).group_shift for n in (600, 512, 511, 256, 128, 64, 9)]
    assert shifts == [0, 0, 1, 1, 2, 3, 3]


def test_groups_of_very_different_length_start_where_they_do():
    given_ = weights(60, 600, 4, 2.0)
    uneven = given_.indices.copy()
    uneven[:30] = 8
    code = coded(replace(given_, indices=uneven))
    assert np.array_equal(decoded(code, 60), given_.codebook[uneven])
    assert code.starts.max() > 0
    assert isinstance(code, Coded)


def test_model_files_say_what_is_coded(tmp_path):
    for graph in layer_cases("dense", range(14), seed=3):
        made = entropy_coded(graph)
        save(made, tmp_path / "model.json")
        again = load(tmp_path / "model.json")
        assert [op.weights.coded for _, op in again.weighted()] == [True]
        check_graph(again)


def test_overlapping_indices_are_not_coded():
    graphs = layer_cases("dense", range(40), 3)
    graph = next(g for g in graphs if g.weighted()[0][1].weights.overlap > 0)
    node, op = graph.weighted()[0]
    wrong = replace(op, weights=replace(op.weights, coded=True))
    made = make_qnode(node.name, wrong, node.inputs, node.shape, node.quantization)
    source = graph.inputs[0]
    bad = qnet("bad", source.name, source.shape, source.quantized, (made,), node.name)
    with pytest.raises(ValueError, match="the coding of its indices cannot be right"):
        check_graph(bad)


def test_the_example_of_the_format_page():
    indices = np.array([[1, 0, 1, 2, 1, 1, 0, 1]], np.uint8)
    book = np.array([-40, 0, 40, 127], np.int8)
    code = coded(QuantizedWeights((1, 8), 2, indices, book, np.ones(1, np.float32), coded=True))
    assert code.stream.tolist() == [0x32, 0x01, 0, 0]
    assert code.table.tolist() == [0, 1, -40, 2, 0, 1, 40, 2]
