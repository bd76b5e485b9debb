"""LSTMs, of the numbers of a unit test of CMSIS-NN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from cmsis_nn_data import Case
from cmsis_nn_parts import Made, Unlike, chain, tensor_of

from microlut.ops.fixed_point import Multiplier, quantize_multiplier
from microlut.ops.integer_cells import STATE_SCALE
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.tensor import Tensor
from microlut.ops.weights import QuantizedWeights

_GATES = ("INPUT_GATE", "FORGET_GATE", "CELL_GATE", "OUTPUT_GATE")
_ONE = Multiplier(1 << 30, 1)


@dataclass(frozen=True, slots=True, repr=False)
class GivenLstm(QRecurrent):
    """An LSTM with the multipliers of a unit test, not those of its scales.

    The test has products of scales in single precision, tflite-micro in double.

    Attributes:
        of_gates: What the gates' sums become Q3.12 by: of the input, and of the hidden state.
        of_hidden: What products of gates become the hidden state by.
    """

    of_gates: tuple[tuple[Multiplier, ...], tuple[Multiplier, ...]] = ((_ONE,) * 4,) * 2
    of_hidden: Multiplier = _ONE

    def factors(
        self, source: Tensor, output: Tensor
    ) -> tuple[tuple[Multiplier, ...], tuple[Multiplier, ...]]:
        """Return the given multipliers of the gates."""
        del source, output
        return self.of_gates

    def made(self, output: Tensor) -> Multiplier:
        """Return the given multiplier of the hidden state."""
        del output
        return self.of_hidden


def lstm(case: Case) -> Made:
    """Return an LSTM that begins with states of zeros."""
    kind = case.dtypes["input_tensor"]
    _check(case)
    steps, inputs, units = (
        case.number(name) for name in ("TIME_STEPS", "INPUT_SIZE", "HIDDEN_SIZE")
    )
    if case.number("TIME_MAJOR") and case.number("BATCH_SIZE") > 1:
        raise Unlike("has several sequences side by side")
    own, hidden = (
        tuple(_multiplier(case, f"{gate}_{part}") for gate in _GATES)
        for part in ("INPUT", "HIDDEN")
    )
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
    op = GivenLstm(
        QuantizedWeights(
            kernel.shape, 8, kernel.view(np.uint8), None, np.ones(len(kernel), np.float32)
        ),
        (1.0,) * len(_GATES),
        np.concatenate([case.array(f"{name}_bias") for name in names]).astype(np.int32),
        np.zeros(len(kernel), np.int32),
        "lstm",
        case.number("CELL_SCALE_POWER"),
        sequences=True,
        backwards=False,
        flipped=False,
        zero_point=case.number("OUTPUT_ZERO_POINT"),
        clip=case.number("CELL_CLIP"),
        of_gates=(own, hidden),
        of_hidden=_multiplier(case, "OUTPUT"),
    )
    x = tensor_of("x", (steps, inputs), kind, -case.number("INPUT_ZERO_POINT"))
    y = tensor_of("y", (steps, units), kind, op.zero_point)
    return chain(case, [op], [x], [y], case.array("input_tensor"))


def _multiplier(case: Case, name: str) -> Multiplier:
    return Multiplier(case.number(f"{name}_MULTIPLIER"), case.number(f"{name}_SHIFT"))


def _check(case: Case) -> None:
    """Raise Unlike unless the cell state is scaled as its power of two says."""
    kept = quantize_multiplier(STATE_SCALE)
    added = quantize_multiplier(STATE_SCALE**2 / 2.0 ** case.number("CELL_SCALE_POWER"))
    found = _multiplier(case, "FORGET_TO_CELL"), _multiplier(case, "INPUT_TO_CELL")
    if found != (kept, added):
        raise Unlike("scales its cell state by other multipliers than those of its power of two")
