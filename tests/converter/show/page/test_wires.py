"""The lines between layers: each is drawn from where it begins to where it ends, in one lane."""

import numpy as np
import pytest

from microlut.show.page.wires import wires


def test_chain_has_one_lane():
    rows, lanes = wires([[-1], [0], [1]])
    assert lanes == 1
    assert [(row.from_above, row.to_below) for row in rows] == [
        (True, True),
        (True, True),
        (True, False),
    ]


def test_addition_gets_a_lane_around_the_layer_between():
    rows, lanes = wires([[-1], [0], [1, 0]])
    assert lanes == 2
    assert (rows[0].leaves, rows[1].passes, rows[2].enters, rows[2].ends) == (1, [1], [1], [1])


@pytest.mark.parametrize("seed", range(20))
def test_lines_of_random_networks_are_whole_and_apart(seed: int):
    rng = np.random.default_rng(seed)
    reads = [
        sorted({int(i) for i in rng.integers(max(-1, row - 6), row, rng.integers(1, 4))})
        for row in range(int(rng.integers(2, 30)))
    ]
    rows, lanes = wires(reads)
    held: dict[int, int] = {}  # by lane, the layer whose output it has
    for number, (row, read) in enumerate(zip(rows, reads, strict=True)):
        for lane in row.passes:
            assert lane not in row.enters
            assert lane in held or -1 in (r for later in reads[number:] for r in later)
        if -1 not in read:
            near = {number - 1} if row.from_above else set()
            assert {held[lane] for lane in row.enters} | near == set(read)
        for lane in row.ends:
            held.pop(lane, None)
        if row.leaves is not None:
            assert row.leaves not in held
            held[row.leaves] = number
        assert all(0 < lane < lanes for lane in (*row.passes, *row.enters))
    assert held == {}
