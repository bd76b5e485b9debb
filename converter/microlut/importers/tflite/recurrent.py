"""Recurrent operators: UNIDIRECTIONAL_SEQUENCE_LSTM over whole sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.tflite.file import FileTensor, TfliteFile
from microlut.importers.tflite.stored import biases
from microlut.importers.tflite.use import Handler, Memory, Step, Use, Value, limited
from microlut.ops.arrays import frozen_array
from microlut.ops.base import IntegerOp
from microlut.ops.integer_cells import ANY_STATE, STATE_SCALE
from microlut.ops.recurrent import Recurrent
from microlut.ops.recurrent_integer import FINEST_POWER, LARGEST_POWER, QRecurrent
from microlut.ops.recurrent_step import QRecurrentStep, RecurrentStep
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.weights import QuantizedWeights

_GATES = 4
_OWN, _RECURRENT, _BIASES = 1, 5, 12  # where the inputs of the gates begin
_VARIANTS = (*range(9, 12), *range(16, 18), *range(20, 24))  # peepholes, projections, norms
_HIDDEN, _CELL = 18, 19
_TANH = 4
_LARGEST_INT16 = 32767
_BIASES_OF = {"int8": "int32", "int16": "int64"}  # by the type of inputs and outputs
_BEGINS = (
    "recurrent layers begin each run with states of zeros, as TensorFlow Lite does after a reset "
    "of its variables"
)


@dataclass(frozen=True, slots=True)
class _Gates:
    """The constants of the gates: weights of the input and of the hidden state, and biases."""

    own: tuple[Value, ...]
    recurrent: tuple[Value, ...]
    biases: tuple[Value, ...]


@limited(
    "no peepholes, projection or layer normalization; int8, int16 or float; over a single step "
    "integers"
)
def _lstm(use: Use) -> tuple[Step, ...]:
    steps, inputs = _sequence(use)
    if any(i < len(use.inputs) and use.inputs[i] is not None for i in _VARIANTS):
        raise use.operator.unsupported(
            "has peepholes, a projection or layer normalization", "supported is a plain LSTM"
        )
    if use.option("FusedActivationFunction") != _TANH or use.option("ProjClip"):
        raise use.operator.unsupported("has another activation than tanh", "use tanh")
    gates = _Gates(
        *(
            tuple(use.given(first + i) for i in range(_GATES))
            for first in (_OWN, _RECURRENT, _BIASES)
        )
    )
    units = len(use.constant(_OWN))
    _check_shapes(use, gates, units, inputs)
    kernel = [
        np.hstack([own.real(), after.real()])
        for own, after in zip(gates.own, gates.recurrent, strict=True)
    ]
    bias = [_bias(use, *pair) for pair in zip(gates.own, gates.biases, strict=True)]
    op = Recurrent(
        frozen_array(np.concatenate(kernel)),
        frozen_array(np.concatenate(bias)),
        frozen_array(np.zeros(_GATES * units)),
        sequences=True,
        clip=float(use.option("CellClip")),
    )
    exact = None
    if use.is_integer:
        _check_integers(use, gates)
        exact = partial(_integers, use, op, gates)
        if steps == 1:
            return (_single(use, op, gates),)
    return (Step(op, exact=exact, full=(1, steps, units)),)


def _single(use: Use, op: Recurrent, gates: _Gates) -> Step:
    """Return an LSTM of a single step, which goes on in each run where the last one ended."""

    def exact(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        return QRecurrentStep(_integers(use, op, gates, inputs[:1], outputs[:1]))

    scales = use.given(_CELL).source.scales[0], use.given(_HIDDEN).source.scales[0]
    step = RecurrentStep(op, (float(scales[0]), float(scales[1])))
    kept = Memory((2, op.units), _HIDDEN, ("int16", Quantization(STATE_SCALE, 0)))
    return Step(step, exact=exact, full=(1, 1, op.units), memory=kept)


def _sequence(use: Use) -> tuple[int, int]:
    """Return the steps and the inputs of each."""
    shape = use.tensor().shape
    batch = 1 if use.option("TimeMajor") else 0
    if len(shape) != 3:
        raise use.operator.invalid(f"reads shape {list(shape)}")
    if shape[batch] != 1:
        raise use.operator.unsupported(
            f"reads {shape[batch]} sequences", "convert the model with a batch of 1"
        )
    if shape[1 - batch] == 1 and not use.is_integer:
        raise use.operator.unsupported(
            "goes on in each run where the last one ended, as it reads a single step",
            "supported are integers, or whole sequences: convert the model with them and --stream",
        )
    return shape[1 - batch], shape[2]


def _check_shapes(use: Use, gates: _Gates, units: int, inputs: int) -> None:
    expected = (
        (gates.own, (units, inputs)),
        (gates.recurrent, (units, units)),
        (gates.biases, (units,)),
    )
    for values, shape in expected:
        for value in values:
            if value.constant is None:
                raise use.operator.unsupported("has weights that are computed", "make constants")
            if value.constant.shape != shape:
                found = list(value.constant.shape)
                raise use.operator.invalid(f"has constants {found}, expected {list(shape)}")


def _bias(use: Use, weights: Value, bias: Value) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return real biases: integers are in units of the input's scale times that of its weights."""
    if not use.is_integer:
        return bias.real().astype(np.float64)
    unit = use.tensor().source.scales.astype(np.float64) * weights.source.scales
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = _values(bias) * unit
    return found


def _check_integers(use: Use, gates: _Gates) -> None:
    """Raise UnsupportedModel unless the integers have the forms that devices compute with."""
    hidden, output = use.given(_HIDDEN).source, use.outputs[0]
    kinds = {use.tensor().source.dtype, hidden.dtype, output.dtype}
    if len(kinds) > 1 or not kinds <= _BIASES_OF.keys():
        raise use.operator.unsupported(
            f"computes between {', '.join(sorted(kinds))}",
            "supported are int8, int16 and real numbers",
        )
    expected = _BIASES_OF[output.dtype]
    found = {value.source.dtype for value in gates.biases} - {expected}
    if found:
        raise use.operator.unsupported(
            f"has biases of {', '.join(sorted(found))}", f"supported are those of {expected}"
        )
    if not _equal(hidden, output):
        raise use.operator.invalid("has an output with another scale than its hidden state")
    for value in (*gates.own, *gates.recurrent):
        if value.source.dtype != "int8" or value.source.scales.size != 1:
            raise use.operator.unsupported(
                "has weights with more than one scale, or not of int8", "supported is one per gate"
            )
        if value.source.zero_points.any():
            raise use.operator.unsupported("has weights with a zero point", "supported is 0")
    cell = use.given(_CELL).source
    mantissa = np.frexp(cell.scales)[0]
    if cell.dtype != "int16" or cell.scales.size != 1 or mantissa[0] != 0.5:
        raise use.operator.unsupported(
            "has a cell state that is not int16 with a power of two as its scale",
            "convert the model again",
        )


def _equal(a: FileTensor, b: FileTensor) -> bool:
    return np.array_equal(a.scales, b.scales) and np.array_equal(a.zero_points, b.zero_points)


def _values(value: Value) -> NDArray[Any]:
    assert value.constant is not None
    return value.constant


def _integers(
    use: Use,
    op: Recurrent,
    gates: _Gates,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> QRecurrent:
    """Return the layer with the integers of the file."""
    del inputs
    pairs = zip(gates.own, gates.recurrent, strict=True)
    parts = [np.hstack([_values(own), _values(after)]) for own, after in pairs]
    kernel = np.ascontiguousarray(np.concatenate(parts), np.int8)
    scales = np.repeat([float(value.source.scales[0]) for value in gates.recurrent], op.units)
    bias = np.concatenate([_values(value) for value in gates.biases])
    power = int(np.log2(use.given(_CELL).source.scales[0]))
    if not FINEST_POWER <= power <= LARGEST_POWER:
        raise use.operator.unsupported(
            f"has a cell state in steps of 2^{power}",
            f"supported are 2^{FINEST_POWER} to 2^{LARGEST_POWER}",
        )
    limit = min(int(op.clip * 2.0**-power), _LARGEST_INT16)
    return QRecurrent(
        weights=QuantizedWeights(
            kernel.shape, 8, kernel.view(np.uint8), None, frozen_array(scales, np.float32)
        ),
        own_scales=tuple(float(value.source.scales[0]) for value in gates.own),
        bias=biases(use.operator, bias, len(kernel)),
        recurrent_bias=frozen_array(np.zeros(len(kernel)), np.int32),
        cell="lstm",
        power=power,
        sequences=True,
        backwards=False,
        flipped=False,
        zero_point=outputs[0].zero_point,
        clip=limit if op.clip else ANY_STATE,
    )


def notes_of(file: TfliteFile) -> tuple[str, ...]:
    """Return what the user has to know about the recurrent layers of a file."""
    tensors = file.main.tensors
    layers = [op for op in file.main.operators if op.kind in RECURRENT and op.inputs]
    single = [sum(n != 1 for n in tensors[op.inputs[0]].shape[:2]) == 0 for op in layers]
    return () if all(single) else (_BEGINS,)


RECURRENT: Mapping[str, Handler] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm}
