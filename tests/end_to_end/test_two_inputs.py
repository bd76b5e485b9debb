"""A model with two inputs and two outputs: from Keras to firmware, in Python and by commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import microlut
from microlut.machine.tools import HOST_CC, find_tool

PACKAGE_PARENT = Path(microlut.__file__).resolve().parents[1]
COUNT = 40


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(3)
    return {"a": rng.normal(size=(200, 8)), "b": rng.normal(size=(200, 4))}


@pytest.fixture(scope="module")
def converted(keras, arrays, tmp_path_factory):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    a, b = keras.Input((8,), name="a"), keras.Input((4,), name="b")
    x = keras.layers.Dense(6, activation="relu")(a)
    both = keras.layers.Add()([x, keras.layers.Dense(6, activation="relu")(b)])
    classes = keras.layers.Dense(3, activation="softmax", name="classes")(both)
    values = keras.layers.Dense(2, name="values")(both)
    model = keras.Model([a, b], [classes, values])
    made = microlut.convert(model, arrays, bits=6, name="pair")
    project = microlut.write(made, tmp_path_factory.mktemp("ends") / "out")
    labels = model.predict([arrays["a"], arrays["b"]], verbose=0)[0].argmax(axis=-1)
    return model, project, labels


@pytest.mark.keras
def test_outputs_are_arrays_by_name(converted, arrays):
    model, project, labels = converted
    outcome = microlut.run(project, "host", arrays, labels=labels, limit=COUNT)
    assert outcome.bit_exact
    assert outcome.top1 is not None
    assert outcome.top1 > 90
    first, second = outcome.values
    expected = model.predict([arrays["a"][:COUNT], arrays["b"][:COUNT]], verbose=0)
    for name, real in zip((first, second), expected, strict=True):
        assert outcome.values[name].shape == outcome.integers[name].shape == real.shape
        assert np.corrcoef(outcome.values[name].ravel(), real.ravel())[0, 1] > 0.95


@pytest.mark.keras
def test_all_forms_agree(converted, arrays):
    _, project, _ = converted
    assert microlut.verify(project, arrays, "host", limit=COUNT).bit_exact


@pytest.mark.keras
def test_the_command_line_reads_and_writes_arrays_by_name(converted, arrays, tmp_path):
    _, project, labels = converted
    np.savez(tmp_path / "in.npz", y=labels, **arrays)
    options = ("--inputs", tmp_path / "in.npz", "--limit", COUNT, "--outputs", tmp_path / "y.npz")
    command = ("run", project.path, "--board", "host", *options, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "microlut", *map(str, command)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
    )
    outcome = microlut.run(project, "host", tmp_path / "in.npz", limit=COUNT)
    assert json.loads(done.stdout)["top1"] == outcome.top1
    with np.load(tmp_path / "y.npz") as found:
        assert {*found} == {*outcome.values} | {f"{name}_int8" for name in outcome.values}
        for name in outcome.values:
            np.testing.assert_array_equal(found[name], outcome.values[name])
            np.testing.assert_array_equal(found[f"{name}_int8"], outcome.integers[name])


@pytest.mark.keras
def test_missing_input_is_named(converted, arrays):
    _, project, _ = converted
    with pytest.raises(microlut.MicrolutError, match="has no array 'b'; the model has 2 inputs"):
        microlut.run(project, "host", {"a": arrays["a"]})
