"""LSTMs, of the numbers of a unit test of CMSIS-NN.

The multipliers of gates are products of scales in single precision, so that scales can be found
of which microlut makes the same multipliers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from cmsis_nn_data import Case
from cmsis_nn_parts import Made, Unlike, chain, tensor_of

from microlut.ops.fixed_point import Multiplier, quantize_multiplier
from microlut.ops.integer_cells import STATE_SCALE
from microlut.ops.recurrent_gates import FRACTION_BITS
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.weights import QuantizedWeights

_GATES = ("INPUT_GATE", "FORGET_GATE", "CELL_GATE", "OUTPUT_GATE")
_NEAR = 4  # numbers of single precision to either side
_UNIT = 2.0**-FRACTION_BITS


def lstm(case: Case) -> Made:
    """Return an LSTM that begins with states of zeros."""
    kind = case.dtypes["input_tensor"]
    if kind != "int8":
        raise Unlike(f"keeps hidden states of {kind}; the engine's LSTM has int8")
    steps, inputs, units = (
        case.number(name) for name in ("TIME_STEPS", "INPUT_SIZE", "HIDDEN_SIZE")
    )
    if case.number("TIME_MAJOR") and case.number("BATCH_SIZE") > 1:
        raise Unlike("has several sequences side by side")
    output = _multiplier(case, "OUTPUT")
    made = scale_of(output, STATE_SCALE**2 / _real(output), lambda scale: STATE_SCALE**2 / scale)
    own = [_gate_scale(_multiplier(case, f"{gate}_INPUT"), 1.0) for gate in _GATES]
    hidden = [_gate_scale(_multiplier(case, f"{gate}_HIDDEN"), made) for gate in _GATES]
    names = [gate.lower() for gate in _GATES]
    kernel = np.concatenate(
        [
            np.hstack(
                [
                    case.array(f"{name}_input_weights").reshape(units, inputs),
                    case.array(f"{name}_hidden_weights").reshape(units, units),
                ]
            )
            for name in names
        ]
    ).astype(np.int8)
    scales = np.repeat(np.array(hidden, np.float32), units)
    op = QRecurrent(
        QuantizedWeights(kernel.shape, 8, kernel.view(np.uint8), None, scales),
        tuple(own),
        np.concatenate([case.array(f"{name}_bias") for name in names]).astype(np.int32),
        np.zeros(len(kernel), np.int32),
        "lstm",
        case.number("CELL_SCALE_POWER"),
        sequences=True,
        backwards=False,
        flipped=False,
        zero_point=case.number("OUTPUT_ZERO_POINT"),
        clip=case.number("CELL_CLIP"),
    )
    x = tensor_of("x", (steps, inputs), kind, -case.number("INPUT_ZERO_POINT"))
    y = tensor_of("y", (steps, units), kind, op.zero_point, made)
    _check(case, op)
    return chain(case, [op], [x], [y], case.array("input_tensor"))


def _multiplier(case: Case, name: str) -> Multiplier:
    return Multiplier(case.number(f"{name}_MULTIPLIER"), case.number(f"{name}_SHIFT"))


def _real(factor: Multiplier) -> float:
    return factor.multiplier * 2.0 ** (factor.shift - 31)


def _gate_scale(wanted: Multiplier, other: float) -> float:
    return scale_of(wanted, _real(wanted) * _UNIT / other, factor_of(other))


def factor_of(other: float) -> Callable[[float], float]:
    """Return what sums become Q3.12 by, of a scale: scales are multiplied in single precision."""
    return lambda scale: float(np.float32(scale) * np.float32(other)) / _UNIT


def scale_of(wanted: Multiplier, first: float, factor: Callable[[float], float]) -> float:
    """Return a scale in single precision near the first of which a factor has this multiplier."""
    for scale in _near(first):
        if quantize_multiplier(factor(scale)) == wanted:
            return scale
    raise Unlike("has a multiplier that no scale in single precision makes")


def _near(value: float) -> Iterator[float]:
    low = high = np.float32(value)
    yield float(low)
    for _ in range(_NEAR):
        low, high = (np.nextafter(n, np.float32(end)) for n, end in ((low, 0.0), (high, np.inf)))
        yield from (float(low), float(high))


def _check(case: Case, op: QRecurrent) -> None:
    """Raise Unlike unless the cell state is scaled as its power of two says."""
    kept = quantize_multiplier(STATE_SCALE)
    added = quantize_multiplier(STATE_SCALE**2 / 2.0**op.power)
    found = _multiplier(case, "FORGET_TO_CELL"), _multiplier(case, "INPUT_TO_CELL")
    if found != (kept, added):
        raise Unlike("scales its cell state by other multipliers than those of its power of two")
