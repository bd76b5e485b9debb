"""Compute the top-1 accuracy of outputs, or of a float graph, in percent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.graph import evaluate as float_ops
from microlut.graph.batch import joined
from microlut.graph.ir import Graph
from microlut.importers.samples import Samples

_FLOAT_BATCH = 64


def float_top1(graph: Graph, samples: Samples) -> float | None:
    """Return the accuracy of the float network's first output in percent, None without labels."""
    return None if samples.y is None else top1(float_outputs(graph, samples), samples.y)


def float_outputs(graph: Graph, samples: Samples) -> NDArray[np.float32]:
    """Return the float network's first output [n, ...]."""
    starts = range(0, len(samples), _FLOAT_BATCH)
    outputs = joined(
        float_ops.outputs(graph, samples.inputs[start : start + _FLOAT_BATCH]) for start in starts
    )
    first: NDArray[np.float32] = next(iter(outputs.arrays.values()))
    return first


def top1(outputs: NDArray[np.generic], labels: NDArray[np.int64] | None) -> float | None:
    """Return the percentage of inputs whose largest output is the label; ties go to the first.

    None without labels, or with a single output.
    """
    if labels is None:
        return None
    flat = outputs.reshape(len(outputs), -1)
    if flat.shape[1] < 2:
        return None
    winners = flat.argmax(axis=1)
    return 100.0 * float(np.mean(winners == labels))
