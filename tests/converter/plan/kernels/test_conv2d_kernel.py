"""Convolution: tiles of allowed sizes, the engine's own scratch formula, and the forms it takes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_calls import STAGE, align, call, tensor, weights
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.ops.windows import Padding, Window
from microlut.plan.kernels import Call, kernel_of
from microlut.plan.kernels.conv2d import patches

TOTAL = QAdd(((1 << 30, 0), (1 << 30, -1)), (1 << 30, -18), -128, 127)


def tiles(one: Call) -> list:
    return list(kernel_of(one.op).tiles(one))


@given(
    *(st.integers(2, 8), st.integers(1, 100), st.integers(1, 5), st.integers(1, 40), st.booleans())
)
def test_scratch_is_the_engines_formula(
    bits: int, filters: int, kernel: int, channels: int, adds: bool
):
    w = weights((filters, kernel, kernel, channels), filters, bits)
    one = call(QConv2D(w, STAGE, Window((kernel, kernel))), (9, 9, channels), (9, 9, filters))
    quads = max((kernel * kernel * channels + 3) // 4, 2)
    fixed = 32 * quads + (4 * quads if kernel > 1 and channels % 4 else 0)
    each = 16 + 8 * quads + 4 * adds
    found = tiles(replace(one, sum=call(TOTAL, (1,), (1,))) if adds else one)
    for tile in found:
        assert tile.channels == filters or tile.channels % 2 == 0
        blocks = max(tile.rows - 1, 0) * 32 * quads
        even = tile.channels + tile.channels % 2
        assert tile.scratch_bytes == align(even * each + fixed + blocks)
    moving = [tile.channels for tile in found if tile.rows == 0]
    assert [moving[0], moving[-1]] == [filters, min(2, filters)]
    assert (len(found) > len(moving)) == (filters > 8)


@given(st.integers(1, 400), st.integers(1, 75))
def test_tiles_are_the_smallest_for_each_number_of_passes(filters: int, quads: int):
    op = QConv2D(weights((filters, 1, 1, 4 * quads), filters, 4), STAGE, Window((1, 1)))
    every = tiles(call(op, (5, 5, 4 * quads), (5, 5, filters)))
    found = [tile.channels for tile in every if tile.rows == 0]
    passes = {-(-filters // n) for n in (*range(2, filters, 2), filters)}
    assert [-(-filters // n) for n in found] == sorted(passes)
    assert all(n <= 2 or -(-filters // (n - 2)) > -(-filters // n) for n in found)


def test_pixels_may_stay_while_tiles_stream():
    def one(height: int, filters: int) -> Call:
        op = QConv2D(weights((filters, 1, 1, 16), filters, 4), STAGE, Window((1, 1)))
        return call(op, (height, 10, 16), (height, 10, filters))

    assert [tile.rows for tile in tiles(one(4, 64)) if tile.rows] == [10, 5, 4, 3, 2]
    assert max(tile.rows for tile in tiles(one(40, 64))) == 50  # of 100: more gain nothing
    assert not any(tile.rows for tile in tiles(one(4, 8)))
    kernel = kernel_of(one(4, 64).op)
    assert {tile.channels for tile in kernel.tiles_in_place(one(4, 64))} == {64, 8}


def test_work_is_counted_for_both_orders_of_loops():
    op = QConv2D(weights((64, 1, 1, 16), 64, 4), STAGE, Window((1, 1)))
    layer = call(op, (4, 10, 16), (4, 10, 64))
    kernel = kernel_of(op)
    tile = next(tile for tile in tiles(layer) if tile.rows == 4)
    streamed, whole = (kernel.work(layer, t, "cortex-m4f") for t in (tile, tiles(layer)[0]))
    assert streamed["decode 4"] == 3 * whole["decode 4"]  # for 4, 4 and 2 blocks
    assert streamed["pixel"] == whole["pixel"] == 40
    assert streamed["tile"] == whole["tile"]
    assert streamed["block"] == 8 * whole["block"]


@pytest.mark.parametrize(
    ("window", "channels", "wanted"),
    [
        (Window((1, 1)), 3, False),
        (Window((1, 1), padding=Padding(right=1)), 3, False),
        (Window((3, 3)), 8, False),
        (Window((1, 2)), 3, True),
        (Window((3, 3)), 1, True),
    ],
)
def test_only_kernels_over_odd_channels_gather_bytes(window: Window, channels: int, wanted: bool):
    assert patches(QConv2D(weights((1, *window.size, channels), 1, 4), STAGE, window)) is wanted


@pytest.mark.parametrize(
    ("window", "channels", "filters", "wanted"),
    [
        (Window((1, 1)), 8, 8, (0,)),
        (Window((1, 1)), 8, 7, (0,)),
        (Window((1, 1)), 8, 9, ()),
        (Window((1, 1), (2, 1)), 8, 8, ()),
        (Window((1, 1), padding=Padding(left=1)), 8, 8, ()),
        (Window((3, 3), padding=Padding(1, 1, 1, 1)), 8, 8, ()),
    ],
)
def test_only_1x1_kernels_write_over_their_input(
    window: Window, channels: int, filters: int, wanted: tuple[int, ...]
):
    op = QConv2D(weights((filters, *window.size, channels), filters, 4), STAGE, window)
    one = call(op, (6, 6, channels), (*window.output_size(6, 6), filters))
    assert tuple(kernel_of(op).overwrites(one)) == wanted


@pytest.mark.parametrize(("terms", "left"), [(("y", "z"), True), (("z", "y"), False)])
def test_sum_tells_which_term_the_convolution_makes(terms: tuple[str, str], left: bool):
    op = QConv2D(weights((2, 1, 1, 2), 2, 4), STAGE, Window((1, 1)))
    one = call(op, (1, 1, 2), (1, 1, 2))
    total = Call(TOTAL, tuple(tensor(name, (1, 1, 2)) for name in terms), (tensor("s", (1, 1, 2)),))
    assert kernel_of(op).fields(replace(one, sum=total))["sum_left"] is left
    assert kernel_of(op).fields(one)["sum"] is None
