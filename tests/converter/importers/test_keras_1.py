"""Files of Keras 1, written by hand, against Keras 2 with the arrays that it makes of theirs."""

import json

import h5py
import numpy as np
import pytest

from microlut.errors import UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(0)
DENSE = {"init": "glorot_uniform", "bias": True, "W_regularizer": None, "input_dim": None}
CONV = {"W_constraint": None, "bias": True, "dim_ordering": "tf", "input_dtype": "float32"}
CONV |= {"init": "he_normal", "activity_regularizer": None}
POOL = {"border_mode": "valid", "dim_ordering": "tf"}
NORM = {"mode": 0, "axis": -1, "epsilon": 1e-3, "momentum": 0.99, "gamma_init": "one"}
GATES = {"inner_activation": "sigmoid", "inner_init": "orthogonal", "consume_less": "cpu"}
GATES |= {"forget_bias_init": "one", "dropout_W": 0.0, "go_backwards": False, "stateful": False}


def conv(filters, size, stride=1, **options):
    given = {"nb_row": size, "nb_col": size, "subsample": [stride, stride], **CONV, **options}
    return "Convolution2D", {"nb_filter": filters, "border_mode": "same", **given}


def conv1d(filters, size, **options):
    given = {"filter_length": size, "subsample_length": 2, "border_mode": "valid", **CONV}
    return "Convolution1D", {"nb_filter": filters, **given, **options}


def dense(units, **options):
    return "Dense", {"output_dim": units, **DENSE, **options}


def write(path, layers, shape, shapes):
    """Write a Sequential model, whose configuration is a list, and return all arrays by layer."""
    entries, stored = [], []
    with h5py.File(path, "w") as file:
        for i, ((kind, options), own) in enumerate(zip(layers, shapes, strict=True)):
            config = {"name": f"layer_{i}", "trainable": True, **options}
            config |= {} if i else {"batch_input_shape": [None, *shape]}
            entries.append({"class_name": kind, "config": config})
            arrays = [RNG.uniform(0.1, 0.9, each).astype(np.float32) for each in own]
            names = [f"layer_{i}_{j}" for j in range(len(own))]
            group = file.create_group(f"model_weights/layer_{i}")
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays, strict=True):
                group[name] = array
            stored.append(arrays)
        file.attrs["keras_version"] = "1.2.2"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": entries})
    return stored


def same_as(model, path, stored, tf_keras):
    """Compare the import with a model of Keras 2, which converts the arrays itself."""
    loading = tf_keras.src.saving.legacy.hdf5_format
    for layer, arrays in zip(model.layers, stored, strict=True):
        layer.set_weights(loading.preprocess_weights_for_loading(layer, arrays, "1"))
    x = RNG.normal(size=(4, *model.input_shape[1:])).astype(np.float32)
    wanted = model.predict(x, verbose=0)
    found = evaluate(import_model(path), x)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_a_network_over_pictures(tf_keras, tmp_path):
    k = tf_keras.layers
    layers = [
        conv(4, 3, 2, activation="relu"),
        ("ZeroPadding2D", {"padding": [1, 0, 2, 1], "dim_ordering": "tf"}),
        ("BatchNormalization", NORM),
        ("AtrousConvolution2D", {**conv(3, 2)[1], "atrous_rate": [2, 2], "border_mode": "valid"}),
        ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2], **POOL}),
        ("Dropout", {"p": 0.25}),
        ("Flatten", {}),
        dense(5, activation="linear"),
        ("Activation", {"activation": "softmax"}),
    ]
    shapes = [[(3, 3, 2, 4), (4,)], [], [(4,)] * 4, [(2, 2, 4, 3), (3,)], [], [], []]
    shapes += [[(18, 5), (5,)], []]
    stored = write(tmp_path / "net.h5", layers, (9, 12, 2), shapes)
    model = tf_keras.Sequential(
        [
            tf_keras.Input((9, 12, 2)),
            k.Conv2D(4, 3, 2, padding="same", activation="relu"),
            k.ZeroPadding2D(((1, 0), (2, 1))),
            k.BatchNormalization(),
            k.Conv2D(3, 2, dilation_rate=2),
            k.MaxPooling2D(),
            k.Dropout(0.25),
            k.Flatten(),
            k.Dense(5),
            k.Activation("softmax"),
        ]
    )
    same_as(model, tmp_path / "net.h5", stored, tf_keras)


def test_a_network_of_theano(tf_keras, tmp_path):
    """Which has channels first, also in its kernels, and flattens them so."""
    k, first = tf_keras.layers, {"dim_ordering": "th"}
    layers = [
        conv(4, 3, **first),
        ("BatchNormalization", {**NORM, "axis": 1}),
        ("AveragePooling2D", {"pool_size": [2, 2], "strides": None, **POOL, **first}),
        ("UpSampling2D", {"size": [1, 2], **first}),
        ("Flatten", {}),
        dense(3),
    ]
    shapes = [[(4, 2, 3, 3), (4,)], [(4,)] * 4, [], [], [], [(96, 3), (3,)]]
    stored = write(tmp_path / "net.h5", layers, (2, 8, 6), shapes)
    first = {"data_format": "channels_first"}
    model = tf_keras.Sequential(
        [
            tf_keras.Input((2, 8, 6)),
            k.Conv2D(4, 3, padding="same", **first),
            k.BatchNormalization(1),
            k.AveragePooling2D(**first),
            k.UpSampling2D((1, 2), **first),
            k.Flatten(),
            k.Dense(3),
        ]
    )
    same_as(model, tmp_path / "net.h5", stored, tf_keras)


@pytest.mark.parametrize("kernel", [(3, 1, 4, 6), (6, 4, 3, 1)])  # the second is older
def test_a_network_over_sequences(kernel, tf_keras, tmp_path):
    k = tf_keras.layers
    gates = [(6, 5), (5, 5), (5,)]
    layers = [
        conv1d(6, 3, activation="relu"),
        ("MaxPooling1D", {"pool_length": 2, "stride": 2, "border_mode": "valid"}),
        ("LSTM", {"output_dim": 5, "activation": "tanh", "return_sequences": True, **GATES}),
        ("UpSampling1D", {"length": 2}),
        ("GRU", {"output_dim": 6, "activation": "tanh", "return_sequences": True, **GATES}),
        ("TimeDistributedDense", dense(2)[1]),
    ]
    shapes = [[kernel, (6,)], [], gates * 4, [], [(5, 6), (6, 6), (6,)] * 3, [(6, 2), (2,)]]
    stored = write(tmp_path / "net.h5", layers, (14, 4), shapes)
    model = tf_keras.Sequential(
        [
            tf_keras.Input((14, 4)),
            k.Conv1D(6, 3, 2, activation="relu"),
            k.MaxPooling1D(),
            k.LSTM(5, return_sequences=True),
            k.UpSampling1D(),
            k.GRU(6, return_sequences=True, reset_after=False),
            k.Dense(2),
        ]
    )
    same_as(model, tmp_path / "net.h5", stored, tf_keras)


def merged(path, mode, **options):
    """Write a model of two branches that are merged."""
    layers = [("branch_1", *dense(3)), ("branch_2", *dense(3))]
    entries = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 4], "name": "given", "input_dtype": "float32"},
            "inbound_nodes": [],
            "name": "given",
        }
    ]
    with h5py.File(path, "w") as file:
        for name, kind, config in layers:
            entry = {"class_name": kind, "config": {"name": name, **config, "nb_filter": None}}
            entries.append({**entry, "name": name, "inbound_nodes": [[["given", 0, 0]]]})
            group = file.create_group(f"model_weights/{name}")
            group.attrs["weight_names"] = [b"W", b"b"]
            group["W"], group["b"] = RNG.normal(size=(4, 3)), RNG.normal(size=3)
        config = {"name": "merge", "mode": mode, "mode_type": "raw", "dot_axes": -1, **options}
        nodes = [[["branch_1", 0, 0], ["branch_2", 0, 0]]]
        entry = {"class_name": "Merge", "config": config, "name": "merge", "inbound_nodes": nodes}
        ends = {"input_layers": [["given", 0, 0]], "output_layers": [["merge", 0, 0]]}
        model = {"name": "net", "layers": [*entries, entry], **ends}
        file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": model})
        file.attrs["keras_version"] = "1.2.2"
        arrays = [
            [file[f"model_weights/{name}/{key}"][()] for key in "Wb"] for name, _, _ in layers
        ]
    return path, arrays


MERGES = {
    "ave": lambda a, b: (a + b) / 2,
    "concat": lambda a, b: np.concatenate([a, b], axis=1),
    "dot": lambda a, b: (a * b).sum(axis=1, keepdims=True),
    "max": np.maximum,
    "mul": np.multiply,
    "sum": np.add,
}


@pytest.mark.parametrize("mode", MERGES)
def test_merges_are_the_layers_of_today(mode, tmp_path):
    path, arrays = merged(tmp_path / "net.h5", mode, concat_axis=-1)
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    branches = [x @ kernel + bias for kernel, bias in arrays]
    found = evaluate(import_model(path), x)
    np.testing.assert_allclose(found, MERGES[mode](*branches), rtol=1e-5, atol=1e-5)


def test_what_is_not_read_is_named(tmp_path):
    path, _ = merged(tmp_path / "net.h5", "some_function")
    with pytest.raises(UnsupportedModel, match=r"layer 'merge' \(Merge\)"):
        import_model(path)
    layers = [("BatchNormalization", {**NORM, "mode": 1, "W_constraint": None})]
    write(tmp_path / "norm.h5", layers, (4,), [[(4,)] * 4])
    with pytest.raises(UnsupportedModel, match="option mode=1 is not known"):
        import_model(tmp_path / "norm.h5")
