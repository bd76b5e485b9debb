"""The curve of memory and time, against choosing the tiles of every step for every arena."""

from hypothesis import given
from hypothesis import strategies as st

from microlut.plan.curve import Point, frontier, reachable
from microlut.plan.goal import price
from microlut.plan.kernels import Tile
from microlut.plan.tiles import Offer, quickest

# Tiles of growing scratch, each quicker than the one before.
LISTS = st.lists(st.integers(1, 40), min_size=1, max_size=5).map(
    lambda parts: [Offer(Tile(1, 16 * sum(parts[:i])), 1000 - i) for i in range(len(parts))]
)
STEPS = st.lists(st.tuples(LISTS, st.integers(0, 50).map(lambda n: 16 * n)), min_size=1, max_size=6)
POINTS = st.lists(st.builds(Point, st.integers(1, 30), st.integers(1, 30)), min_size=1)


@given(STEPS, st.integers(0, 100))
def test_points_are_the_quickest_tiles_for_their_arena(steps, more: int):
    offers, live = zip(*steps, strict=True)
    least = max(o[0].tile.scratch_bytes + taken for o, taken in steps) + 16 * more
    found = frontier(reachable(offers, live, least))
    assert found[0].arena_bytes == least
    for size in range(least, least + 4000, 16):
        wanted = sum(quickest(o, size - taken).instructions for o, taken in steps)
        assert min(p.instructions for p in found if p.arena_bytes <= size) == wanted


@given(POINTS)
def test_frontier_is_what_no_other_point_is_better_than(points: list[Point]):
    found = frontier(points)
    for point in points:
        assert any(
            best.arena_bytes <= point.arena_bytes and best.instructions <= point.instructions
            for best in found
        )
        assert point not in found or not any(
            other.arena_bytes <= point.arena_bytes
            and other.instructions <= point.instructions
            and other != point
            for other in points
        )


def test_time_is_worth_memory_only_where_there_is_much_of_it():
    assert price(11_000, 80e6) < price(10_000, 100e6)
    assert price(11_000, 98e6) > price(10_000, 100e6)
    assert price(11_000, 80e3) > price(10_000, 100e3)  # less than a millisecond
