"""SVDF: filters over time, whose values outlive a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.tflite.use import Handler, Memory, Step, Use, limited
from microlut.ops.arrays import frozen_array
from microlut.ops.svdf import QSvdf, Svdf
from microlut.ops.tensor import Tensor
from microlut.ops.weights import QuantizedWeights

_PROJECTION, _TIME, _BIAS, _STATE = 1, 2, 3, 4
_TYPES = (("int8", "int8"), ("int16", "int16"))  # of the kernels over time, and of the state


@limited("int8 with a state of int8 or int16, over two or more frames; constant weights and biases")
def _svdf(use: Use) -> tuple[Step, ...]:
    projection, time = use.constant(_PROJECTION), use.constant(_TIME)
    filters, units = len(projection), _units(use, projection, time)
    if not use.is_integer:
        raise use.operator.unsupported("computes with real numbers", "supported is int8")
    _check_types(use)
    memory = time.shape[1]
    if memory < 2:
        raise use.operator.unsupported(
            "keeps nothing from run to run, as it covers a single frame",
            "use FULLY_CONNECTED instead",
        )
    narrow = time.dtype == np.int8
    real, kernels = use.real(_PROJECTION), use.real(_TIME)
    op = Svdf(
        frozen_array(np.hstack([real, kernels])) if narrow else real,
        frozen_array(_bias(use, units) * _bias_scale(use)),
        memory,
        None if narrow else kernels,
    )
    kept = Memory((filters, memory - 1), _STATE)
    exact = partial(_integers, use, units)
    return (Step(op, exact=exact, full=(1, units), memory=kept),)


def _units(use: Use, projection: NDArray[Any], time: NDArray[Any]) -> int:
    """Return the number of outputs, after a check of all shapes."""
    shape, state, rank = use.tensor().shape, use.given(_STATE), int(use.option("Rank"))
    if len(shape) == 2 and shape[0] != 1:
        raise use.operator.unsupported(
            f"reads {shape[0]} frames", "supported is a batch of 1: convert the model with it"
        )
    filters, inputs = projection.shape if projection.ndim == 2 else (0, 0)
    sound = (
        len(shape) == time.ndim == 2
        and filters > 0
        and rank > 0
        and (len(time), inputs, filters % rank) == (filters, shape[1], 0)
        and state.source.is_variable
        and state.source.shape == (1, filters * time.shape[1])
    )
    if not sound:
        shapes = [list(each) for each in (shape, projection.shape, time.shape, state.shape)]
        raise use.operator.invalid(f"has tensors of shapes {shapes} and rank {rank}")
    return int(filters // rank)


def _check_types(use: Use) -> None:
    """Raise UnsupportedModel unless the types are those that devices compute with."""
    source, output, state = use.tensor().source, use.outputs[0], use.given(_STATE).source
    weights = use.given(_PROJECTION).source, use.given(_TIME).source
    kinds = weights[1].dtype, state.dtype
    if {source.dtype, output.dtype, weights[0].dtype} != {"int8"} or kinds not in _TYPES:
        found = (source.dtype, *(each.dtype for each in (*weights, state)), output.dtype)
        raise use.operator.unsupported(
            f"computes between {', '.join(found)}",
            "supported is int8, with kernels over time and a state of int8 or int16",
        )
    if any(each.scales.size != 1 or each.zero_points.any() for each in weights):
        raise use.operator.unsupported(
            "has weights with several scales, or with a zero point", "supported is one scale"
        )


def _bias(use: Use, units: int) -> NDArray[np.int32]:
    if use.inputs[_BIAS] is None:
        return np.zeros(units, np.int32)
    values = use.constant(_BIAS)
    if values.dtype != np.int32 or values.shape != (units,):
        raise use.operator.invalid(f"has biases of {values.dtype} and shape {list(values.shape)}")
    found: NDArray[np.int32] = values
    return found


def _bias_scale(use: Use) -> float:
    return float(use.given(_STATE).source.scales[0]) * float(use.given(_TIME).source.scales[0])


def _integers(use: Use, units: int, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QSvdf:
    """Return the operator with the integers of the file."""
    del inputs, outputs
    projection, time = use.constant(_PROJECTION), use.constant(_TIME)
    narrow = time.dtype == np.int8
    rows = np.ascontiguousarray(np.hstack([projection, time]) if narrow else projection)
    scales = np.repeat(use.given(_PROJECTION).source.scales, len(rows))
    return QSvdf(
        weights=QuantizedWeights(
            rows.shape, 8, rows.view(np.uint8), None, frozen_array(scales, np.float32)
        ),
        bias=frozen_array(_bias(use, units), np.int32),
        memory=time.shape[1],
        time_scale=float(use.given(_TIME).source.scales[0]),
        time=None if narrow else frozen_array(time, np.int16),
    )


SVDF: Mapping[str, Handler] = {"SVDF": _svdf}
