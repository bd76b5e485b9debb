"""The integer interpreter on batches, and what the random networks of other tests reach."""

from collections.abc import Iterator

import numpy as np

import random_graphs as rg
from graphs import output_of
from microlut.integer.evaluate import evaluate
from microlut.quantize.ranges.activations import activation_quantization


def test_batch_gives_what_single_inputs_give():
    q = next(rg.network_cases(1, seed=5)).quantized()
    x = rg.int8_inputs(q, 1, count=7)
    singles = np.concatenate([evaluate(q, x[i : i + 1]) for i in range(7)])
    assert np.array_equal(evaluate(q, x), singles)


def test_no_inputs_give_no_outputs():
    q = next(rg.network_cases(1)).quantized()
    empty = np.empty((0, *q.inputs[0].shape), np.int8)
    assert evaluate(q, empty).shape == (0, *output_of(q).shape)


def sweep() -> Iterator[rg.Case]:
    for kind in rg.OPERATORS:
        yield from rg.operator_cases(kind, 35 if kind in ("conv2d", "depthwise_conv2d") else 21)
    yield from rg.network_cases(28)


def test_sweep_reaches_both_ends_of_the_zero_points_and_all_bits():
    cases = list(sweep())
    inputs = [activation_quantization(*case.ranges[case.graph.inputs[0].name]) for case in cases]
    points = {quantization.zero_point for quantization in inputs}
    assert {-128, 127} < points
    assert len(points) > 20
    assert {(c.config.bits, c.config.granularity) for c in cases} == {
        (bits, g) for bits in range(2, 9) for g in ("tensor", "channel")
    }
