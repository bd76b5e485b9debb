"""The C multiplication against the Python one, ties and ends of the range included."""

from pathlib import Path

import numpy as np
from engine_batch import HERE, INCLUDES, SANITIZERS, WARNINGS, require, run

from microlut.ops.fixed_point import multiply


def triples() -> np.ndarray:
    """Return [n, 3] of x, multiplier and shift with |x| * 2^shift < 2^31."""
    rng = np.random.default_rng(0)
    multipliers = [0, 1 << 30, 3 << 29, (1 << 31) - 1, *rng.integers(1 << 30, 1 << 31, 20)]
    small = [*range(-9, 10), 1 << 20, -(1 << 20)]
    rows = []
    for multiplier in multipliers:
        for shift in range(-31, 11):
            largest = 2 ** (31 - max(shift, 0)) - 1
            ties = [n << max(-shift, 0) for n in (-3, -2, -1, 1, 2, 3)]
            drawn = [*rng.integers(-largest, largest, 10), largest, -largest]
            xs = [x for x in (*small, *ties, *drawn) if abs(x) <= largest]
            rows += [(x, multiplier, shift) for x in xs]
    return np.array(rows, np.int64)


def test_multiplication_equals_the_interpreters(tmp_path: Path):
    cases = triples()
    program, given, got = tmp_path / "multiply", tmp_path / "in", tmp_path / "out"
    flags = ("-std=c11", "-O1", *WARNINGS, *SANITIZERS, *INCLUDES)
    run(require("gcc"), *flags, HERE / "fixed_point_main.c", "-o", program)
    given.write_bytes(cases.astype(np.int32).tobytes())
    run(program, given, got)
    assert np.array_equal(np.fromfile(got, np.int32), multiply(*cases.T))
