"""Tuning: training the integer network on labels, or on more data, and going on with it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import microlut
from digits_example import MODEL, TEST, conversion
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.integer import evaluate as int_ops
from microlut.integer import quantized_inputs
from microlut.ops.tensor import dequantize_array
from microlut.show.conversion import conversion_text
from microlut.support.progress import silent
from microlut.workflow import tune as workflow

pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")

import keras

from microlut.distill import slices

with np.load(TEST) as _arrays:
    X, Y = _arrays["x"], _arrays["y"]


def accuracy(made: microlut.Conversion, x: np.ndarray, y: np.ndarray) -> float:
    samples = microlut.as_samples(x, made.quantized.inputs)
    found = int_ops.evaluate(made.quantized, quantized_inputs(made.quantized, samples.inputs))
    return 100.0 * float(np.mean(found.argmax(axis=-1) == y))


@pytest.fixture(scope="module")
def relabelled() -> microlut.Conversion:
    """Return the digits network, trained to call a 3 a 4 and a 4 a 3."""
    y = np.where(Y == 3, 4, np.where(Y == 4, 3, Y))
    return microlut.tune(
        MODEL, (X[:400], y[:400]), validation=(X[400:], y[400:]), bits=4, epochs=30, rate=0.01
    )


def test_labels_are_learned_against_the_float_network(relabelled):
    tuned = relabelled.report.tuned
    assert tuned is not None
    assert (tuned.labelled, tuned.judges, tuned.epochs) == (True, len(X) - 400, 30)
    assert tuned.best_epoch > 0
    assert tuned.loss < tuned.loss_before
    assert tuned.accuracy > tuned.accuracy_before + 5
    y = np.where(Y == 3, 4, np.where(Y == 4, 3, Y))
    assert accuracy(relabelled, X[400:], y[400:]) == pytest.approx(tuned.accuracy)


def test_tuned_network_is_exact_in_c_and_in_tflite(relabelled, tmp_path):
    project = microlut.write(relabelled, tmp_path / "out")
    assert microlut.verify(project, TEST, "host", limit=10).bit_exact
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["tuned"]["best_epoch"] == relabelled.report.tuned.best_epoch
    assert not report["distilled"]


def test_network_that_training_does_not_help_stays(monkeypatch):
    made = microlut.tune(MODEL, X[:60], bits=8, epochs=1, rate=1e-12)
    again = microlut.tune(MODEL, X[:60], bits=8, epochs=1, rate=1e-12)
    tuned = made.report.tuned
    assert tuned is not None
    assert (tuned.labelled, tuned.accuracy) == (False, None)
    assert tuned.loss <= tuned.loss_before
    assert made.sources == again.sources


@pytest.mark.parametrize("data", [X[:60], (X[:60], Y[:60])])
def test_large_batches_are_trained_in_slices(data, monkeypatch):
    monkeypatch.setattr(slices, "_WHOLE_VALUES", 0)
    monkeypatch.setattr(slices, "_SLICE_VALUES", 1 << 14)
    sizes = []
    cut = slices._slices

    def watched(batch, count, most):
        for size, part in cut(batch, count, most):
            sizes.append(size)
            yield size, part

    monkeypatch.setattr(slices, "_slices", watched)
    tuned = microlut.tune(MODEL, data, bits=2, epochs=4).report.tuned
    assert tuned.loss < tuned.loss_before
    assert sum(sizes) == 4 * 54
    assert 1 <= max(sizes) < 54


class Stop(Exception):
    """Ends a training in its middle."""


def test_training_goes_on_from_its_checkpoint(tmp_path):
    options = {"bits": 3, "epochs": 3, "validation": (X[60:100], Y[60:100])}
    whole = microlut.tune(MODEL, (X[:60], Y[:60]), **options)
    path = tmp_path / "tune.npz"

    def stop(what: str, done: int, total: int) -> None:
        if what == "tune" and done >= 2 * total // 3:
            raise Stop

    with pytest.raises(Stop):
        microlut.tune(MODEL, (X[:60], Y[:60]), checkpoint=path, progress=stop, **options)
    seen = []

    def watch(what: str, done: int, total: int) -> None:
        if what == "tune":
            seen.append(done)

    resumed = microlut.tune(MODEL, (X[:60], Y[:60]), checkpoint=path, progress=watch, **options)
    assert seen[0] > 0
    assert resumed.report.tuned.loss == pytest.approx(whole.report.tuned.loss, rel=1e-3)
    with pytest.raises(InvalidInput, match="is the checkpoint of another training"):
        microlut.tune(MODEL, (X[:60], Y[:60]), checkpoint=path, **options | {"bits": 4})
    path.write_bytes(b"no checkpoint")
    with pytest.raises(InvalidInput, match="cannot be read as a checkpoint"):
        microlut.tune(MODEL, (X[:60], Y[:60]), checkpoint=path, **options)


def test_labels_that_the_network_does_not_have_are_refused():
    with pytest.raises(InvalidInput, match="class numbers up to 10, but the model has 10"):
        microlut.tune(MODEL, (X[:60], np.full(60, 10)))
    values = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    with pytest.raises(InvalidInput, match=r"shape \[60\]; expected values \[samples, 3\]"):
        microlut.tune(values, (x, np.zeros(60, int)))


@pytest.fixture(scope="module")
def several_ends() -> keras.Model:
    """Return a network with every kind of output, whose weights are random."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    x = keras.Input((6,), name="x")
    inner = layers.Dense(24, activation="relu")(x)
    ends = [
        layers.Dense(3, activation="softmax", name="kind")(inner),
        layers.Dense(4, activation="softmax", name="side")(inner),
        layers.Dense(2, activation="sigmoid", name="tags")(inner),
        layers.Dense(2, name="place")(inner),
    ]
    return keras.Model(x, ends)


def targets_of_values(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the outputs of `several_ends` are to learn; each follows from the inputs."""
    return {
        "kind": x[:, :3].argmax(axis=1),
        "side": np.eye(4)[x[:, 2:].argmax(axis=1)],
        "tags": (x[:, :2] > 0).astype(np.float32),
        "place": x[:, 3:5],
    }


def test_every_kind_of_output_learns_its_targets(several_ends, tmp_path):
    x = np.random.default_rng(0).normal(size=(600, 6)).astype(np.float32)
    y = targets_of_values(x)
    np.savez(tmp_path / "train.npz", x=x, **y)
    # the random float network teaches nothing of use: only targets improve these figures
    made = microlut.tune(several_ends, tmp_path / "train.npz", bits=4, epochs=25, rate=0.02)
    tuned = made.report.tuned
    kinds = {each.output: each.kind for each in tuned.outputs}
    assert kinds == {"kind": "classes", "side": "classes", "tags": "labels", "place": "values"}
    for each in tuned.outputs:
        if each.kind == "values":
            assert each.now < 0.75 * each.before
        else:
            assert each.now > each.before + 8
    accuracies = [each.now for each in tuned.outputs if each.kind != "values"]
    assert tuned.accuracy == pytest.approx(np.mean(accuracies))
    text = conversion_text(made.report)
    assert "accuracy of kind" in text
    assert "error of place" in text


def test_figures_are_those_of_the_integer_network(several_ends):
    x = np.random.default_rng(1).normal(size=(60, 6)).astype(np.float32)
    y = targets_of_values(x)
    some = {"place": y["place"], "tags": y["tags"]}
    made = microlut.tune(several_ends, (x, some), validation=(x, some), epochs=1, rate=0.02)
    samples = microlut.as_samples(x, made.quantized.inputs)
    found = int_ops.outputs(made.quantized, quantized_inputs(made.quantized, samples.inputs))
    ends = made.quantized.output_tensors()
    tags, place = (
        dequantize_array(found.arrays[name], ends[name].quantized) for name in ("tags", "place")
    )
    now = {each.output: each.now for each in made.report.tuned.outputs}
    assert now == {
        "tags": pytest.approx(100 * np.mean((tags > 0.5) == y["tags"])),
        "place": pytest.approx(np.sqrt(np.mean((place - y["place"]) ** 2)), rel=1e-6),
    }


@pytest.mark.parametrize(
    "option", [{"epochs": 0}, {"rate": 0}, {"rate": np.inf}, {"batch": 1.5}, {"checkpoint": 3}]
)
def test_wrong_options_are_told_before_the_model_is_read(option):
    with pytest.raises(InvalidInput, match=next(iter(option))):
        microlut.tune("none.keras", X, **option)


def test_networks_with_states_are_refused(monkeypatch):
    graph = conversion().graph
    monkeypatch.setattr(workflow, "run_passes", lambda _: replace(graph, states=graph.inputs))
    with pytest.raises(UnsupportedModel, match="has states, which are not tuned"):
        microlut.tune(MODEL, X[:60], progress=silent)


def test_callback_logs_what_the_conversion_would_give():
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = microlut.conversion_callback(X[400:] / 16, Y[400:], every=10, bits=4)
    history = model.fit(X[:400] / 16, Y[:400], epochs=20, verbose=0, callbacks=[watch]).history
    assert len(history["integer_accuracy"]) == 2
    assert history["integer_accuracy"][1] > 0.3
    assert all(value >= 0 for value in history["integer_divergence"])
