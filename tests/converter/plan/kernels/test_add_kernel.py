"""Addition: which term is left, and when the quick form may be taken."""

from dataclasses import replace

import pytest

from microlut.ops.add import QAdd
from microlut.plan.kernels.add import adds_quickly, left_term

HALF = (1 << 30, 0)


@pytest.mark.parametrize(
    ("terms", "output", "left", "quick"),
    [
        ((HALF, (1 << 30, -1)), (1 << 30, -18), 0, True),
        (((1 << 30, -1), HALF), (1 << 30, -18), 1, True),
        ((HALF, HALF), (1 << 30, -18), 0, False),
        ((HALF, (1 << 30, -1)), (1 << 30, -22), 0, False),
        ((HALF, (1 << 30, -1)), (1 << 30, 0), 0, False),
    ],
)
def test_form_of_an_addition(
    terms: tuple[tuple[int, int], tuple[int, int]],
    output: tuple[int, int],
    left: int,
    quick: bool,
):
    op = QAdd(terms, output, -128, 127)
    assert left_term(op) == left
    assert adds_quickly(op) is quick
    assert not adds_quickly(replace(op, minimum=-127))
