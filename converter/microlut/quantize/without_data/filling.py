"""Synthetic inputs for a network of integers, which tells nothing but its ranges.

The ranges of activations were measured on real inputs. So inputs are those noises with which the
values of all tensors fill their ranges as real ones do: 99.9 % of them lie within 42 % of the range
on average (measured on ResNet8 and DS-CNN, with 0.38 to 0.45 of each).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from microlut.graph.batch import Batch
from microlut.graph.evaluate import walk
from microlut.graph.ir import Graph
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.without_data.synthetic import InputRanges, Noise, synthetic_inputs

_SHARE = 0.999  # of values
_FILL = 0.42  # of their range
_TRIED = 4  # inputs
_DEVIATIONS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8)  # in widths of the range
_PLACES = (0.5, 0.25, 0.75)  # of means in the range, besides zero
_LEAST = 1e-3


def filling_inputs(graph: Graph, ranges: Ranges) -> Batch:
    """Return the noise [n, ...] for each input that fills the ranges of all tensors best."""
    limits = {tensor.name: ranges[tensor.name] for tensor in graph.inputs}
    best = min(_supposed(limits), key=lambda noise: _distance(graph, ranges, limits, noise))
    return synthetic_inputs(graph, limits, noise=best)


def _supposed(limits: InputRanges) -> Iterator[Mapping[str, Noise]]:
    """Yield what may be supposed of the inputs, of all alike."""
    for place in (*_PLACES, None):
        means = {
            name: min(max(0.0, low), high) if place is None else low + place * (high - low)
            for name, (low, high) in limits.items()
        }
        for deviation in _DEVIATIONS:
            yield {name: Noise(deviation, mean) for name, mean in means.items()}


def _distance(
    graph: Graph, ranges: Ranges, limits: InputRanges, noise: Mapping[str, Noise]
) -> float:
    """Return how far activations are from filling their ranges as those of real inputs do."""
    tried = synthetic_inputs(graph, limits, most=_TRIED, noise=noise)
    found = []
    for node, made in walk(graph, tried):
        if node is None or node.op.scale_rule != "own":
            continue
        for name, values in made.items():
            low, high = ranges[name]
            span = max(high, -low)
            reached = float(np.quantile(np.abs(values), _SHARE)) / span
            found.append(abs(np.log(max(reached, _LEAST) / _FILL)))
    return float(np.mean(found)) if found else 0.0
