"""Make more inputs of a few, by variations that a float network's answers survive.

Training on some hundred inputs overfits. Which augmentations make sense depends on the input: a
photograph may be mirrored, a spectrogram may not. The float network decides: an augmentation is
used if most answers stay the same. Augmented inputs need no labels either, because the float
network provides the targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from microlut.graph import evaluate as float_ops
from microlut.graph.batch import Arrays, Batch, by_name, joined
from microlut.graph.ir import Graph
from microlut.ops.arrays import FloatArray
from microlut.quantize.quality import judged, quality, without_softmax

_JUDGES = 128  # inputs that an augmentation is tried on
_BATCH = 32
_KEPT_PERCENT = 88.0  # of the answers must stay the same
_KEPT_ERROR = 0.1  # squared error over squared outputs, for networks that are no classifiers
_SHIFT = 8  # an eighth of the height or width at most
_CONTRAST = 0.4
_DEVIATIONS = 0.25  # of all values, by which a channel is shifted at most
_NOISE = 0.25  # deviations of the value at that position over the inputs

Random = np.random.Generator
Variation = Callable[[FloatArray, Random], FloatArray]  # inputs [n, ...] to as many others
_BatchVariation = Callable[[Batch, Random], Batch]


def varied(inputs: Arrays, graph: Graph, batch: int, random: Random) -> Iterator[Batch]:
    """Yield batches [batch, ...] of varied inputs without end.

    Args:
        inputs: [n, ...] calibration inputs; all are used equally often.
        graph: The float network.
        batch: Inputs per batch.
        random: Source of randomness.
    """
    given = Batch(by_name(graph.inputs, inputs))
    answers = _Answers(graph, given)
    ways = [way for way in _all_variations(given) if answers.survive(way, random)]
    limits = {name: (x.min(), x.max()) for name, x in given.arrays.items()}
    waiting = np.empty(0, dtype=np.intp)
    while True:
        while len(waiting) < batch:
            waiting = np.concatenate([waiting, random.permutation(len(given))])
        chosen, waiting = given[waiting[:batch]], waiting[batch:]
        for way in ways:
            chosen = way(chosen, random)
        for name, x in chosen.arrays.items():  # copies of the inputs, at least
            np.clip(x, *limits[name], out=x)
        yield chosen


def _all_variations(inputs: Batch) -> Iterator[_BatchVariation]:
    """Yield the ways to vary each input by itself.

    Several inputs may show the same scene: none of them is moved alone.
    """
    for name, values in inputs.arrays.items():
        for way in variations(values, moved=len(inputs.arrays) == 1):
            yield partial(_vary_one, name, way)


def _vary_one(name: str, way: Variation, batch: Batch, random: Random) -> Batch:
    return Batch({**batch.arrays, name: way(batch.arrays[name], random)})


def variations(inputs: FloatArray, *, moved: bool = True) -> tuple[Variation, ...]:
    """Return the ways to vary inputs like these [n, ...]; pictures are also `moved`."""
    deviation = float(inputs.std())
    by_place: FloatArray = inputs.std(axis=0)

    def contrast(x: FloatArray, random: Random) -> FloatArray:
        factor = random.uniform(1 - _CONTRAST, 1 + _CONTRAST, (len(x), *[1] * (x.ndim - 1)))
        mean: FloatArray = x.mean(axis=tuple(range(1, x.ndim)), keepdims=True)
        return mean + (x - mean) * factor.astype(np.float32)

    def offset(x: FloatArray, random: Random) -> FloatArray:
        reach = _DEVIATIONS * deviation
        shape = (len(x), *[1] * (x.ndim - 2), x.shape[-1])
        return x + random.uniform(-reach, reach, shape).astype(np.float32)

    def noise(x: FloatArray, random: Random) -> FloatArray:
        strength = _NOISE * random.random((len(x), *[1] * (x.ndim - 1)), dtype=np.float32)
        return x + strength * by_place * random.standard_normal(x.shape, dtype=np.float32)

    if inputs.ndim != 4 or not moved:
        return (contrast, offset, noise)
    return (_mirror(2), _mirror(1), _shift(1), _shift(2), contrast, offset, noise)


def _mirror(axis: int) -> Variation:
    """Return an augmentation that mirrors half of the images."""

    def mirror(x: FloatArray, random: Random) -> FloatArray:
        chosen = random.random((len(x), 1, 1, 1)) < 0.5
        return np.where(chosen, np.flip(x, axis), x)

    return mirror


def _shift(axis: int) -> Variation:
    """Return an augmentation that shifts each image along an axis by some pixels."""

    def shift(x: FloatArray, random: Random) -> FloatArray:
        size = x.shape[axis]
        reach = size // _SHIFT
        steps = random.integers(-reach, reach, len(x), endpoint=True)
        places = np.abs(np.arange(size) + steps[:, None])  # reflected at both borders
        places = np.minimum(places, 2 * (size - 1) - places)
        shape = (len(x), size, 1, 1) if axis == 1 else (len(x), 1, size, 1)
        return np.take_along_axis(x, places.reshape(shape), axis)

    return shift


class _Answers:
    """The float network's answers to some of the inputs, which variations are to keep."""

    def __init__(self, graph: Graph, inputs: Batch) -> None:
        places = np.linspace(0, len(inputs) - 1, min(_JUDGES, len(inputs))).astype(np.intp)
        self._graph, self._scores, self._inputs = graph, without_softmax(graph), inputs[places]
        self._real = _outputs(self._scores, self._inputs)

    def survive(self, way: _BatchVariation, random: Random) -> bool:
        """Return whether the answers to varied inputs are the same."""
        varied = _outputs(self._scores, way(self._inputs, random))
        for name, output in self._graph.ends.items():
            classes = judged(self._graph, output)[1]
            found = quality(self._real.arrays[name], varied.arrays[name], classes)
            if found.agreement is None:
                kept = found.divergence <= _KEPT_ERROR
            else:
                kept = found.agreement >= _KEPT_PERCENT
            if not kept:
                return False
        return True


def _outputs(graph: Graph, x: Batch) -> Batch:
    starts = range(0, len(x), _BATCH)
    return joined(float_ops.outputs(graph, x[i : i + _BATCH]) for i in starts)
