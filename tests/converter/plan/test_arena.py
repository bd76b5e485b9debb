"""Placement of buffers: no overlap while both live, and never below the lower bound."""

from hypothesis import given, settings
from hypothesis import strategies as st

from microlut.plan.arena import Site, place
from microlut.plan.buffers import ALIGNMENT, Buffer, aligned, live_bytes, lower_bound


@st.composite
def buffer_lists(draw: st.DrawFn) -> list[Buffer]:
    spans = draw(
        st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 9), st.integers(0, 5)), max_size=14)
    )
    return [
        Buffer(f"b{i}", size, first, first + more) for i, (size, first, more) in enumerate(spans)
    ]


@settings(max_examples=200, deadline=None)
@given(buffer_lists())
def test_live_buffers_never_overlap(buffers: list[Buffer]):
    arena = place(buffers)
    for i, a in enumerate(buffers):
        start = arena.offsets[a.name]
        assert start % ALIGNMENT == 0
        assert 0 <= start <= arena.size - a.size
        for b in buffers[:i]:
            other = arena.offsets[b.name]
            apart = start + a.size <= other or other + b.size <= start
            assert apart or not a.overlaps(b)


@settings(deadline=None)
@given(buffer_lists())
def test_arena_is_between_the_lower_bound_and_the_sum(buffers: list[Buffer]):
    arena = place(buffers)
    assert arena.lower_bound == lower_bound(buffers)
    assert arena.lower_bound <= arena.size <= sum(aligned(b.size) for b in buffers)
    live = live_bytes(buffers, 20)
    assert max(live) == arena.lower_bound
    for step in range(20):
        alive = (b for b in buffers if b.first <= step <= b.last)
        assert live[step] == sum(aligned(b.size) for b in alive)


def test_buffers_of_different_times_share_bytes():
    arena = place([Buffer("a", 100, 0, 1), Buffer("b", 60, 2, 3), Buffer("c", 50, 2, 3)])
    assert arena.size == arena.lower_bound == 64 + 64


def test_lower_bound_counts_aligned_sizes():
    assert lower_bound([Buffer("a", 1, 0, 1), Buffer("b", 17, 1, 2)]) == 16 + 32


def test_no_buffers_need_no_arena():
    arena = place([])
    assert (arena.size, arena.lower_bound, arena.offsets) == (0, 0, {})


@settings(max_examples=50, deadline=None)
@given(
    buffer_lists(),
    st.lists(st.lists(st.integers(0, 3000), min_size=8, max_size=8), min_size=1, max_size=3),
    st.floats(0.9, 1.3),
)
def test_scratch_is_placed_as_buffers_of_one_step(
    buffers: list[Buffer], scratch: list[list[int]], share: float
):
    site = Site(buffers, 8)
    for sizes in scratch:
        own = [Buffer(i, size, i, i) for i, size in enumerate(sizes) if size]
        arena = place([*buffers, *own])
        assert site.place(sizes) == arena
        for limit in (arena.size - 1, arena.size, share * arena.size):
            assert site.fits(sizes, limit) == (arena.size <= limit)
