"""Recurrent layers in all their forms."""

import numpy as np
import pytest
from harness import DEFAULT, Case, kernel_and_bias, layer, operator_tests

from microlut.errors import UnsupportedModel
from microlut.importers import import_model
from microlut.ops import recurrent_gates as gates
from microlut.ops.arrays import frozen_array
from microlut.ops.cells import GATES
from microlut.ops.recurrent import Recurrent
from microlut.plan.kernels import calls_of, kernel_of
from microlut.quantize.weights import WeightConfig

NAMES = {"lstm": "LSTM", "gru": "GRU", "gru_reset_before": "GRU", "simple_rnn": "SimpleRNN"}


def recurrent(name, cell, shape, units, config=DEFAULT, spread=1.0, **options):
    """Return a case of a layer over inputs of a shape; `options` are those of the operator."""
    rows = GATES[cell] * units
    kernel, bias = kernel_and_bias(name, (rows, shape[-1] + units), 0)
    after = np.zeros(rows, np.float32)
    if cell == "gru":
        after[2 * units :] = np.random.default_rng(rows).normal(0, 0.5, units)
    op = Recurrent(kernel, bias, frozen_array(after), cell, **options)
    given = {"return_sequences": op.sequences, "go_backwards": op.backwards}
    if NAMES[cell] == "GRU":
        given["reset_after"] = cell == "gru"
    made = None if op.flipped else layer(NAMES[cell], units=units, **given)
    return Case(name, op, (shape,), made, spreads=(spread,), config=config)


CASES = (
    recurrent("lstm_last", "lstm", (12, 5), 8),
    recurrent("lstm_steps", "lstm", (9, 3), 7, WeightConfig(3), sequences=True),
    recurrent("lstm_backwards", "lstm", (6, 4), 5, WeightConfig(8), 3.0, backwards=True),
    recurrent("lstm_flipped", "lstm", (5, 7), 6, sequences=True, backwards=True, flipped=True),
    recurrent("lstm_overlap", "lstm", (4, 30), 24, WeightConfig(2), sequences=True),
    recurrent("lstm_fitted", "lstm", (20, 2), 3, WeightConfig(5, method="fitted"), 0.1),
    recurrent("lstm_one_unit", "lstm", (3, 1), 1, WeightConfig(7)),
    recurrent("lstm_one_step", "lstm", (1, 4), 4, WeightConfig(6), 20.0, sequences=True),
    recurrent("simple_last", "simple_rnn", (11, 6), 9),
    recurrent("simple_steps", "simple_rnn", (7, 33), 20, WeightConfig(3), sequences=True),
    recurrent(
        "simple_flipped",
        "simple_rnn",
        (5, 3),
        4,
        WeightConfig(8),
        sequences=True,
        backwards=True,
        flipped=True,
    ),
    recurrent("gru_last", "gru", (10, 4), 6),
    recurrent("gru_steps", "gru", (8, 12), 16, WeightConfig(2), sequences=True),
    recurrent("gru_backwards", "gru", (5, 3), 5, WeightConfig(6), 4.0, backwards=True),
    recurrent("gru_int8", "gru", (4, 7), 3, WeightConfig(8), 0.2, sequences=True),
    recurrent("gru_before", "gru_reset_before", (9, 5), 7),
    recurrent("gru_before_steps", "gru_reset_before", (6, 2), 4, WeightConfig(5), sequences=True),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


REFUSED = {
    "return_state=True": lambda k: lambda x: k.LSTM(2, return_state=True)(x)[0],
    "holds a StackedRNNCells": lambda k: k.RNN([k.LSTMCell(2), k.LSTMCell(2)]),
}


@pytest.mark.keras
@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_converted_is_refused_by_name(message):
    keras = pytest.importorskip("keras")
    x = keras.Input((4, 2))
    with pytest.raises(UnsupportedModel, match=message):
        import_model(keras.Model(x, REFUSED[message](keras.layers)(x)))


@pytest.mark.keras
def test_initial_state_is_refused():
    keras = pytest.importorskip("keras")
    x, state = keras.Input((4, 3)), keras.Input((2,))
    y = keras.layers.LSTM(2)(x, initial_state=[state, state])
    with pytest.raises(UnsupportedModel, match="supported is an initial state of zeros"):
        import_model(keras.Model([x, state], y))


def test_large_inputs_are_refused():
    case = recurrent("huge", "lstm", (4, 40), 8, WeightConfig(8), 1e6)
    with pytest.raises(UnsupportedModel, match="huge_y: its sums may need more than 32 bits"):
        _ = case.quantized


def test_weights_are_decoded_step_by_step_where_memory_is_scarce():
    (call,) = calls_of(CASES[0].quantized).values()
    whole, row = kernel_of(call.op).tiles(call)
    assert (whole.scratch_bytes, row.scratch_bytes) == (4 * 8 + 32 * 13, 4 * 8 + 16)
    assert row.channels == 1


def test_gates_are_close_to_their_functions():
    x = np.arange(-(1 << 15), 1 << 15)
    assert np.abs(gates.sigmoid(x) / 32768 - 1 / (1 + np.exp(-x / 4096))).max() < 1e-4
    for power in (-15, -12, -9):
        assert np.abs(gates.tanh(x, power) / 32768 - np.tanh(x * 2.0**power)).max() < 2e-4


def test_table_of_gates_is_the_rounded_sigmoid_or_one_more():
    exact = 65536 / (1 + np.exp(-np.arange(256) / 24))
    assert set((gates.TABLE - np.round(exact)).tolist()) == {0, 1}
