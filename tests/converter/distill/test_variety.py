"""Augmented inputs."""

from __future__ import annotations

from functools import partial
from itertools import islice

import numpy as np

import random_graphs as rg
from graphs import as_batch
from microlut.distill.variety import _Answers, _mirror, _shift, _vary_one, variations
from microlut.distill.variety import varied as varied_batches
from microlut.graph.batch import only
from microlut.graph.ir import Graph
from microlut.ops.dense import Dense
from microlut.ops.pool2d import AveragePool2D
from microlut.ops.reshape import Reshape
from microlut.ops.windows import Window
from small_classifier import classifier, pictures


def sides(across: bool) -> Graph:
    """Return a network that tells which half of a picture, across or down, is brighter."""
    net = rg.Network("sides", (8, 8, 1))
    halves = ((8, 4), (1, 2, 1)) if across else ((4, 8), (2, 1, 1))
    net.add(AveragePool2D(Window(halves[0], halves[0])), halves[1])
    net.add(Reshape((2,)), (2,))
    net.add(Dense(np.eye(2, dtype=np.float32), np.zeros(2, np.float32)), (2,))
    return net.graph()


def lopsided(count: int = 60) -> np.ndarray:
    """Return pictures with a brighter half across and one down, both at random."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 8, 8, 1)) / 4
    x[rng.random(count) < 0.5, :, :4] += 1
    x[rng.random(count) < 0.5, :4] += 1
    return x.astype(np.float32)


def varied(x, graph, batch, random):
    """Yield the varied values of the only input."""
    return map(only, varied_batches(x, graph, batch, random))


def keeps_answers(graph, x, way, random):
    """Return whether a network does not mind a variation of its only input."""
    vary = partial(_vary_one, graph.inputs[0].name, way)
    return _Answers(graph, as_batch(graph, x)).survive(vary, random)


def test_batches_are_inputs_of_the_same_kind():
    x = pictures(12)
    batches = list(islice(varied(x, classifier(), 5, np.random.default_rng(0)), 7))
    assert all(batch.shape == (5, *x.shape[1:]) for batch in batches)
    assert all(batch.dtype == np.float32 for batch in batches)
    assert min(batch.min() for batch in batches) >= x.min()
    assert max(batch.max() for batch in batches) <= x.max()
    assert not np.array_equal(batches[0], batches[1])


def test_the_same_seed_gives_the_same_batches():
    x = pictures(12)
    first, second = (next(varied(x, classifier(), 5, np.random.default_rng(3))) for _ in range(2))
    assert np.array_equal(first, second)


def test_vectors_are_varied_too():
    net = rg.Network("vectors", (6,))
    net.add(Dense(np.eye(6, dtype=np.float32), np.zeros(6, np.float32)), (6,))
    x = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    assert next(varied(x, net.graph(), 4, np.random.default_rng(0))).shape == (4, 6)


def test_a_mirror_is_used_where_the_network_does_not_mind():
    x, rng = lopsided(), np.random.default_rng(0)
    assert not keeps_answers(sides(across=True), x, _mirror(2), rng)
    assert keeps_answers(sides(across=True), x, _mirror(1), rng)
    assert keeps_answers(sides(across=False), x, _mirror(2), rng)
    assert not keeps_answers(sides(across=False), x, _mirror(1), rng)


def test_a_mirror_turns_half_of_the_pictures():
    x = lopsided()
    found = _mirror(2)(x, np.random.default_rng(0))
    turned = [np.array_equal(a, b[:, ::-1]) for a, b in zip(found, x, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(found, x, strict=True)]
    assert all(a or b for a, b in zip(turned, kept, strict=True))
    assert 15 < sum(turned) < 45


def test_a_shift_moves_by_an_eighth_at_most_and_reflects():
    ramp = np.broadcast_to(np.arange(16, dtype=np.float32)[:, None, None], (40, 16, 3, 1))
    found = _shift(1)(ramp, np.random.default_rng(0))
    steps = found[:, 5, 0, 0] - 5
    assert set(steps.tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}
    first = found[steps == -2][0, :, 0, 0]
    assert first.tolist() == [2, 1, 0, *range(1, 14)]
    last = found[steps == 2][0, :, 0, 0]
    assert last.tolist() == [*range(2, 16), 14, 13]


def test_every_variation_keeps_shape_and_type():
    x = pictures(9)
    for way in variations(x):
        found = way(x, np.random.default_rng(0))
        assert found.shape == x.shape
        assert found.dtype == np.float32
