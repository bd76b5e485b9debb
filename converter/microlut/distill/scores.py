"""How well an integer network meets targets, without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.distill.data import Examples
from microlut.distill.targets import Target
from microlut.integer import QuantizedGraph, quantized_inputs
from microlut.integer import evaluate as int_ops
from microlut.ops.tensor import dequantize_array

_EVEN = 0.5  # the probability above which a label's answer is yes


def scores(
    quantized: QuantizedGraph, judges: Examples, targets: Sequence[Target]
) -> dict[str, float]:
    """Return, by output with targets, the accuracy in percent, or the error of values.

    That is the root of the mean squared error, in the output's units.
    """
    given = judges.targets or {}
    if not given:
        return {}
    made = int_ops.outputs(quantized, quantized_inputs(quantized, judges.inputs)).arrays
    ends = quantized.output_tensors()
    found = {}
    for target in targets:
        if target.name in given:
            values = dequantize_array(made[target.name], ends[target.name].quantized)
            found[target.name] = _score(target, values, given[target.name])
    return found


def mean_accuracy(found: Mapping[str, float], targets: Sequence[Target]) -> float | None:
    """Return the mean accuracy of the outputs that have one, in percent."""
    each = [found[t.name] for t in targets if t.kind != "values" and t.name in found]
    return sum(each) / len(each) if each else None


def variance(y: NDArray[Any]) -> float:
    """Return the mean variance of targets [n, ...] over the samples; 1 if they do not vary."""
    found = float(y.astype(np.float64).var(axis=0).mean())
    return found or 1.0


def _score(target: Target, values: NDArray[Any], y: NDArray[Any]) -> float:
    if target.kind == "classes":
        answers = values.argmax(axis=-1).reshape(y.shape)
        return 100.0 * float(np.mean(answers == y))
    if target.kind == "labels":
        threshold = _EVEN if target.squashed else 0.0
        return 100.0 * float(np.mean((values > threshold) == (y > _EVEN)))
    return math.sqrt(float(np.mean((values.astype(np.float64) - y) ** 2)))
