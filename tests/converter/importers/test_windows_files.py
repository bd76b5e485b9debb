r"""Keras 2 on Windows wrote .keras files whose HDF5 names hold backslashes: layers\conv2d."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from keras_zoo import predict, sample_inputs, zoo_model
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

pytestmark = pytest.mark.keras

NAMES = ("nested", "names_in_names", "shared_with_nested", "shared_before_nested")


def as_on_windows(source, target, container, below):
    """Copy a .keras file with each layer's path as one name, and `below` before its arrays."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "model.weights.h5":
                content = _with_backslashes(content, container, below)
            new.writestr(name, content)


def _with_backslashes(content, container, below):
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as old, h5py.File(buffer, "w") as new:

        def copy(path, item):
            if isinstance(item, h5py.Dataset) and "/vars/" in path:
                layer, variable = path.split("/vars/")
                layer = layer.replace("layers/", f"{container}/").replace("/", "\\")
                new.create_dataset(f"{layer}{below}vars{below}{variable}", data=item[()])

        old.visititems(copy)
        assert any("\\" in name for name in new)
    return buffer.getvalue()


@pytest.mark.parametrize("below", ["/", "\\"])
@pytest.mark.parametrize("container", ["layers", "_layer_checkpoint_dependencies"])
@pytest.mark.parametrize("name", NAMES)
def test_import_model_reads_backslashes(name, container, below, tf_keras, tmp_path):
    model = zoo_model("tf_keras", name)
    model.save(tmp_path / "linux.keras")
    as_on_windows(tmp_path / "linux.keras", tmp_path / "windows.keras", container, below)
    x = sample_inputs(model)
    expected = predict(model, x)
    found = evaluate(import_model(tmp_path / "windows.keras"), x)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
