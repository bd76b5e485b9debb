"""Recurrent layers of ONNX models that begin with given states, and give their last ones."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import microlut
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.importers import import_model
from microlut.integer import to_bytes
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.integer.values import quantized_inputs
from microlut.verification.runtimes import run_tflite_micro
from onnx_models import float_error, model_of, node, save

RNG = np.random.default_rng(0)
UNITS, FEATURES = 4, 3
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def layer(kind, steps, directions=1, made=("y", "hn", "cn"), **options):
    """Return a layer that reads x [1, steps, features], and its states [1, directions, units]."""
    rows = GATES[kind] * UNITS
    weights = RNG.normal(0, 0.4, (directions, rows, FEATURES)).astype(np.float32)
    recurrent = RNG.normal(0, 0.4, (directions, rows, UNITS)).astype(np.float32)
    bias = RNG.normal(0, 0.4, (directions, 2 * rows)).astype(np.float32)
    states = ["ht", "ct"] if kind == "LSTM" else ["ht"]
    return [
        node("Transpose", ["x"], "xt", perm=[1, 0, 2]),
        node("Transpose", ["h"], "ht", perm=[1, 0, 2]),
        *([node("Transpose", ["c"], "ct", perm=[1, 0, 2])] if kind == "LSTM" else []),
        node(
            kind,
            ["xt", weights, recurrent, bias, "", *states],
            list(made[: 3 if kind == "LSTM" else 2]),
            hidden_size=UNITS,
            direction="forward" if directions == 1 else "bidirectional",
            **options,
        ),
    ]


def inputs(kind, steps, directions=1):
    found = {"x": [1, steps, FEATURES], "h": [1, directions, UNITS]}
    return {**found, "c": [1, directions, UNITS]} if kind == "LSTM" else found


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(("steps", "directions"), [(1, 1), (3, 1), (3, 2)])
def test_states(tmp_path, kind, steps, directions):
    ends = ["y", "hn", "cn"] if kind == "LSTM" else ["y", "hn"]
    options = {"linear_before_reset": 1} if kind == "GRU" else {}
    nodes = layer(kind, steps, directions, **options)
    path = save(model_of(nodes, inputs(kind, steps, directions), ends), tmp_path)
    assert float_error(path) < 1e-5


def test_a_cell_state_is_read(tmp_path):
    (_, _, _, lstm) = layer("LSTM", 3)
    entry = node("Transpose", ["x"], "xt", perm=[1, 0, 2])
    del lstm.entry.input[5:]
    path = save(model_of([entry, lstm], {"x": [1, 3, FEATURES]}, ["cn"]), tmp_path)
    assert float_error(path) < 1e-5


def test_one_step_at_8_bits(tmp_path):
    path = save(model_of(layer("LSTM", 1), inputs("LSTM", 1), ["y", "hn", "cn"]), tmp_path)
    x = {
        name: RNG.uniform(-1, 1, (32, *shape[1:])).astype(np.float32)
        for name, shape in inputs("LSTM", 1).items()
    }
    made = microlut.convert(path, x, bits=8, distill=False)
    q = quantized_inputs(made.quantized, Batch({name: values[:4] for name, values in x.items()}))
    assert made.tflite is not None
    found = to_bytes(integer_outputs(made.quantized, q))
    np.testing.assert_array_equal(run_tflite_micro(made.tflite, q), found)


def test_many_steps_are_refused(tmp_path):
    path = save(model_of(layer("LSTM", 300), inputs("LSTM", 300), ["y", "cn"]), tmp_path)
    with pytest.raises(UnsupportedModel, match="begins with given states, and reads 300 steps"):
        import_model(path)


def test_lengths_that_depend_on_inputs_are_refused(tmp_path):
    (_, _, _, lstm) = layer("LSTM", 3)
    entry = node("Transpose", ["x"], "xt", perm=[1, 0, 2])
    del lstm.entry.input[5:]
    lstm.entry.input[4] = "n"
    model = model_of([entry, lstm], {"x": [1, 3, FEATURES], "n": [1]}, ["y"])
    model.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT32
    with pytest.raises(UnsupportedModel, match="its sequence_lens depends on"):
        import_model(save(model, tmp_path))
