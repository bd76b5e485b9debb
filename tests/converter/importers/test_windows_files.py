r"""Keras 2 on Windows wrote .keras files whose HDF5 names hold backslashes: layers\conv2d."""

import io
import re
import zipfile

import h5py
import numpy as np
import pytest

from keras_zoo import predict, sample_inputs, zoo_model
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

pytestmark = pytest.mark.keras

NAMES = ("nested", "names_in_names", "shared_with_nested", "shared_before_nested")


CHECKPOINT = "_layer_checkpoint_dependencies"


def as_on_windows(source, target, container, below, numbered=1):
    """Copy a .keras file with each layer's path as one name, and `below` before its arrays.

    The numbers of layers are multiplied by `numbered`.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "model.weights.h5":
                content = _with_backslashes(content, container, below, numbered)
            new.writestr(name, content)


def _with_backslashes(content, container, below, numbered):
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as old, h5py.File(buffer, "w") as new:

        def copy(path, item):
            if isinstance(item, h5py.Dataset) and "/vars/" in path:
                layer, variable = path.split("/vars/")
                layer = re.sub(r"(?<=_)\d+$", lambda found: str(int(found[0]) * numbered), layer)
                layer = layer.replace("layers/", f"{container}/").replace("/", "\\")
                new.create_dataset(f"{layer}{below}vars{below}{variable}", data=item[()])

        old.visititems(copy)
        assert any("\\" in name for name in new)
    return buffer.getvalue()


@pytest.mark.parametrize("below", ["/", "\\"])
@pytest.mark.parametrize("container", ["layers", CHECKPOINT])
@pytest.mark.parametrize("name", NAMES)
def test_import_model_reads_backslashes(name, container, below, tf_keras, tmp_path):
    model = zoo_model("tf_keras", name)
    model.save(tmp_path / "linux.keras")
    as_on_windows(tmp_path / "linux.keras", tmp_path / "windows.keras", container, below)
    x = sample_inputs(model)
    expected = predict(model, x)
    found = evaluate(import_model(tmp_path / "windows.keras"), x)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_import_model_reads_layers_that_are_counted_twice(tf_keras, tmp_path):
    """Keras 2.13 on Windows numbers dense, dense_2, dense_4; weightless layers are counted once."""
    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.Input((5,)), layers.Dense(6), layers.BatchNormalization()])
    for units in (4, 4):  # of one shape: their order matters
        model.add(layers.Dropout(0.1))
        model.add(layers.Dense(units))
        model.add(layers.BatchNormalization())
    for weight in model.weights:
        weight.assign(np.random.default_rng(len(weight.name)).uniform(0.5, 1.5, weight.shape))
    model.layers[-2].set_weights([2 * array for array in model.layers[-2].get_weights()])
    model.save(tmp_path / "linux.keras")
    as_on_windows(tmp_path / "linux.keras", tmp_path / "windows.keras", CHECKPOINT, "/", numbered=2)
    x = sample_inputs(model)
    expected = predict(model, x)
    found = evaluate(import_model(tmp_path / "windows.keras"), x)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
