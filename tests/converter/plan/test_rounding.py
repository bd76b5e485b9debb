"""Forms of rounding: quick only where the engine's conditions hold."""

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from microlut.ops.dense import QDense
from microlut.ops.fixed_point import multiply
from microlut.ops.weights import OutputStage
from microlut.plan.rounding import Rounding, output_rounding


def dense(shift: int = -8, minimum: int = -128, maximum: int = 127, bias: int = 0) -> QDense:
    op = next(iter(rg.operator_cases("dense", 1))).quantized().weighted()[0][1]
    n = len(op.output.bias)
    stage = OutputStage(
        np.full(n, bias, np.int32),
        np.full(n, 1 << 30, np.int32),
        np.full(n, shift, np.int8),
        minimum,
        maximum,
    )
    assert isinstance(op, QDense)
    return replace(op, output=stage)


@pytest.mark.parametrize(
    ("op", "point", "wanted"),
    [
        (dense(), -128, Rounding.POSITIVE),
        (dense(), -127, Rounding.SIGNED),
        (dense(-1), 127, Rounding.SIGNED),
        (dense(-21), 127, Rounding.SIGNED),
        (dense(-22), 0, Rounding.ANY),
        (dense(0), 0, Rounding.ANY),
        (dense(minimum=0), 0, Rounding.ANY),
        (dense(maximum=126), 0, Rounding.ANY),
        (dense(bias=1 << 30), 0, Rounding.ANY),
    ],
)
def test_form_of_an_output_stage(op: QDense, point: int, wanted: Rounding):
    assert output_rounding(op, point) is wanted


@pytest.mark.parametrize("positive", [False, True])
def test_quick_form_equals_double_rounding(positive: bool):
    """The formula of mlut_quick_scale in Python, at halves and ends and at random."""
    rng = np.random.default_rng(0)
    for shift in range(1, 22):
        multipliers = [1 << 30, (1 << 31) - 1, 3 << 29, *rng.integers(1 << 30, 1 << 31, 20)]
        for multiplier in map(int, multipliers):
            half = np.arange(-70, 70, dtype=np.int64) * (1 << 31 << shift) // multiplier // 2
            near = (half[:, None] + np.arange(-2, 3)).ravel()
            top = (1 << 30) - 1
            x = np.concatenate([near, rng.integers(-top, top, 200), [-top, top, 0, -1, 1]])
            x = x[np.abs(x) <= top]
            product = (2 * x * multiplier + (1 << 31)) >> 32
            for point in (-128, 0, 127):
                away = product if positive else product + (x >> 63)
                nudge = (2 * point + 1) << (shift - 1)
                assert np.abs(away + nudge).max() < 1 << 31
                got = np.clip((away + nudge) >> shift, -128, 127)
                lowest = point if positive else -128
                wanted = np.clip(multiply(x, multiplier, -shift) + point, lowest, 127)
                assert np.array_equal(np.maximum(got, lowest), wanted)
