"""What outputs become: the C code against NumPy and against plain definitions."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from engine_batch import ENGINE, INCLUDES, WARNINGS, require, run

from microlut.ops.tensor import Quantization
from microlut.signal import Distance, Smooth, suppress
from sweeps import in_sweeps

SHIM = """
#include "microlut/answers.h"
static int8_t ring[64 * 16];
static int32_t sums[16];
static mlut_smooth_t state;
void begin(size_t classes, size_t count);
void begin(size_t classes, size_t count)
{
    state = (mlut_smooth_t){ring, sums, classes, count, 5, 5};
    mlut_smooth_clear(&state);
}
void smooth(const int8_t *answer, int8_t *means);
void smooth(const int8_t *answer, int8_t *means) { mlut_smooth(&state, answer, means); }
uint64_t distance(float a, int za, float b, int zb, const int8_t *x, const int8_t *y, size_t n);
uint64_t distance(float a, int za, float b, int zb, const int8_t *x, const int8_t *y, size_t n)
{
    const mlut_distance_t of = mlut_distance_of(a, za, b, zb);
    return mlut_distance(&of, x, y, n);
}
uint64_t threshold(float a, float b, float mean, size_t n);
uint64_t threshold(float a, float b, float mean, size_t n)
{
    const mlut_distance_t of = mlut_distance_of(a, 0, b, 0);
    return mlut_distance_threshold(&of, mean, n);
}
"""
BOX = np.dtype([("box", np.int16, 4), ("score", np.int16), ("class", np.uint16)])


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("answers")
    (folder / "shim.c").write_text(SHIM)
    answers = next(file for file in ENGINE if file.name == "answers.c")
    options = ("-O2", "-shared", "-fPIC", "-std=c11", *WARNINGS, *INCLUDES)
    run(require("gcc"), *options, folder / "shim.c", answers, "-o", folder / "shim.so")
    found = ctypes.CDLL(str(folder / "shim.so"))
    size, real, pointer = ctypes.c_size_t, ctypes.c_float, ctypes.c_void_p
    found.begin.argtypes = [size, size]
    found.smooth.argtypes = [pointer, pointer]
    whole = ctypes.c_int
    found.distance.argtypes = [real, whole, real, whole, pointer, pointer, size]
    found.threshold.argtypes = [real, real, real, size]
    found.mlut_suppress.argtypes = [pointer, size, ctypes.c_uint32, ctypes.c_bool]
    found.mlut_suppress.restype = size
    for name in ("distance", "threshold"):
        getattr(found, name).restype = ctypes.c_uint64
    return found


@pytest.mark.parametrize("rounds", [20, *in_sweeps(10_000)])  # of 100 answers
def test_means_are_those_of_the_last_answers(shim: ctypes.CDLL, rounds: int):
    random = np.random.default_rng(rounds)
    for _ in range(rounds):
        classes, count = (int(n) for n in random.integers(1, (17, 65)))
        shim.begin(classes, count)
        smooth, means = Smooth(count), np.zeros(classes, np.int8)
        answers = random.integers(-128, 128, (100, classes)).astype(np.int8)
        for i, answer in enumerate(answers):
            shim.smooth(answer.ctypes.data, means.ctypes.data)
            last = answers[max(0, i + 1 - count) : i + 1].astype(np.float64)
            assert np.array_equal(means, np.floor(last.mean(axis=0) + 0.5))
            assert np.array_equal(means, smooth(answer))


@pytest.mark.parametrize("rounds", [200, *in_sweeps(70_000)])  # of 15 boxes, about
def test_boxes_that_are_kept(shim: ctypes.CDLL, rounds: int):
    random = np.random.default_rng(rounds)
    kept = 0
    for i in range(rounds):
        count, most = int(random.integers(0, 30)), int(random.choice([10, 1000, 32767]))
        ends = np.sort(random.integers(-most, most + 1, (count, 2, 2)), axis=1)
        made = np.zeros(count, BOX)
        made["box"] = ends.reshape(count, 4)  # left, top, right, bottom
        made["score"] = random.integers(-5, 5, count)
        made["class"] = random.integers(0, 3, count)
        overlap, every = int(random.integers(0, 257)), bool(i % 2)
        expected = suppress(made["box"], made["score"], made["class"], overlap, every)
        data = made.copy()
        number = shim.mlut_suppress(data.ctypes.data, count, overlap, every)
        assert np.array_equal(data[:number], made[expected])
        kept += number
    assert kept > rounds


def test_suppression_by_hand():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [20, 0, 30, 10], [0, 0, 10, 10]])
    scores, classes = np.array([1, 9, 5, 9]), np.array([0, 0, 0, 1])
    assert suppress(boxes, scores, classes, 127) == [1, 3, 2]  # half of the union is too much
    assert suppress(boxes, scores, classes, 128) == [1, 3, 2, 0]
    assert suppress(boxes, scores, classes, 127, True) == [1, 2]


@pytest.mark.parametrize("rounds", [200, *in_sweeps(2_000)])  # of 500 values
def test_distances_are_near_real_ones(shim: ctypes.CDLL, rounds: int):
    random = np.random.default_rng(rounds)
    for _ in range(rounds):
        scales = np.float32(10 ** random.uniform(-4, 2, 2))
        zeros = [int(zero) for zero in random.integers(-128, 128, 2)]
        x, y = random.integers(-128, 128, (2, 500)).astype(np.int8)
        first, second = (Quantization(float(s), z) for s, z in zip(scales, zeros, strict=True))
        measure = Distance(first, second)
        arguments = (first.scale, first.zero_point, second.scale, second.zero_point)
        found = shim.distance(*arguments, x.ctypes.data, y.ctypes.data, 500)
        assert found == measure(x, y)
        real = (x.astype(float) - zeros[0]) * scales[0] - (y.astype(float) - zeros[1]) * scales[1]
        assert measure.mean_square(x, y) == pytest.approx(np.mean(real**2), rel=2e-3)
        mean = float(np.float32(np.mean(real**2)))
        limit = shim.threshold(first.scale, second.scale, mean, 500)
        assert limit == measure.threshold(mean, 500) == pytest.approx(found, rel=2e-3)
    assert shim.threshold(1.0, 1.0, 1e30, 500) == Distance(first, first).threshold(1e38, 500)
