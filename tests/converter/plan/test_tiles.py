"""The tile of a layer: the quickest within the memory, on every core."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import random_layers as rl
from microlut.plan.cost import instructions, known_cores
from microlut.plan.kernels import Call, calls_of, kernel_of
from microlut.plan.tiles import Menu, quickest, whole_tile

CALLS = [
    calls_of(graph)[graph.nodes[0].name]
    for kind in ("conv2d", "depthwise", "dense")
    for graph in rl.layer_cases(kind, range(0, 98, 7), seed=5)
]
CORES = st.sampled_from(known_cores())


@given(st.sampled_from(CALLS), CORES, st.integers(0, 40_000))
def test_no_tile_that_fits_is_quicker(call: Call, core: str, free: int):
    chosen = quickest(Menu(call).offers(core), free)
    possible = list(kernel_of(call.op).tiles(call))
    fitting = [tile for tile in possible if tile.scratch_bytes <= free]
    assert chosen.tile in possible
    assert chosen.instructions == instructions(call, chosen.tile, core)
    if not fitting:
        assert chosen.tile.scratch_bytes == min(tile.scratch_bytes for tile in possible)
        return
    assert chosen.instructions == min(instructions(call, tile, core) for tile in fitting)
    assert all(
        tile.scratch_bytes >= chosen.tile.scratch_bytes
        for tile in fitting
        if instructions(call, tile, core) == chosen.instructions
    )


@given(st.sampled_from(CALLS), CORES)
def test_larger_tiles_are_quicker(call: Call, core: str):
    for small, large in pairwise(Menu(call).offers(core)):
        assert small.tile.scratch_bytes < large.tile.scratch_bytes
        assert small.instructions > large.instructions


@pytest.mark.parametrize("core", known_cores())
def test_whole_tile_is_about_the_quickest(core: str):
    for call in CALLS:
        whole = instructions(call, whole_tile(call), core)
        assert whole <= 1.1 * Menu(call).offers(core)[-1].instructions
