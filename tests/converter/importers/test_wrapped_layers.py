"""Layers in wrappers of the TensorFlow Model Optimization toolkit: quantized, pruned, clustered."""

import json

import numpy as np
import pytest

from microlut.conversion.pipeline import convert
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.keras.config import child_layers, root_layer
from microlut.importers.keras.wrapped_arrays import arrays_of, clustered, named, ranges_of
from microlut.ops.relabel import Relabel
from stored_models import random_arrays, stored, write_h5

SHAPE = (6, 5, 2)
STEP = ("optimizer_step", np.int32(-1))
CONV = stored(
    "Conv2D",
    "conv",
    random_arrays(1, kernel=(3, 3, 2, 4), bias=(4,)),
    filters=4,
    kernel_size=[3, 3],
    activation="linear",
)
STATISTICS = random_arrays(2, gamma=(4,), beta=(4,), moving_mean=(4,), moving_variance=(4,))
NORM = stored("BatchNormalization", "norm", STATISTICS, epsilon=1e-3)
RELU = stored("ReLU", "relu")
POOL = stored("GlobalAveragePooling2D", "pool")
DENSE = stored("Dense", "dense", random_arrays(3, kernel=(4, 3), bias=(3,)), units=3)
LAYERS = (CONV, NORM, RELU, POOL, DENSE)


def limits(name, low, high):
    return ((f"{name}_min", np.float32(low)), (f"{name}_max", np.float32(high)))


def rounding(activation):
    inner = activation or {"class_name": "NoOpActivation", "config": {}}
    return {"class_name": "QuantizeAwareActivation", "config": {"activation": inner}}


def quantized(kind="QuantizeWrapperV2"):
    """Return the layers after quantization-aware training: the convolution has no range."""
    quantizer = {"class_name": "AllValuesQuantizer", "config": {"num_bits": 8}}
    input_arrays = dict((*limits("quantize_layer", -1.5, 2.0), STEP))
    kernel = (*limits("kernel", -0.5, 0.5),)
    return (
        stored("QuantizeLayer", "quantize_layer", input_arrays, quantizer=quantizer),
        CONV.with_options(activation=rounding(None)).wrapped(kind, (STEP, *kernel)),
        NORM.wrapped(kind, (STEP,)),
        RELU.wrapped(kind, (STEP, *limits("output", -0.25, 30.0))),
        POOL.wrapped(kind, (STEP, *limits("output", -6.0, 6.0))),  # not trained
        DENSE.with_options(activation=rounding("softmax")).wrapped(
            kind, (STEP, *kernel, *limits("pre_activation", -3.0, 40.0))
        ),
    )


def inputs(seed=0):
    return np.random.default_rng(seed).uniform(-1, 2, (9, *SHAPE)).astype(np.float32)


def plain(tmp_path, layers=LAYERS):
    return evaluate(import_model(write_h5(tmp_path / "plain.h5", SHAPE, layers)), inputs())


@pytest.mark.parametrize("kind", ["QuantizeWrapper", "QuantizeWrapperV2"])
def test_quantized_layers_compute_what_they_hold(kind, tmp_path):
    expected = plain(tmp_path, (*LAYERS[:-1], DENSE.with_options(activation="softmax")))
    graph = import_model(write_h5(tmp_path / "qat.h5", SHAPE, quantized(kind)))
    np.testing.assert_array_equal(evaluate(graph, inputs()), expected)


def test_recorded_ranges_are_those_of_the_tensors_that_remain(tmp_path):
    graph = run_passes(import_model(write_h5(tmp_path / "qat.h5", SHAPE, quantized())))
    (given,) = graph.inputs
    assert graph.ranges == {
        given.name: (-1.5, 2.0),
        "wrapped_conv": (-0.25, 30.0),  # of the ReLU that is fused into it
        "wrapped_dense": (-3.0, 40.0),  # of what the softmax reads
    }


def test_recorded_range_of_an_input_is_that_of_its_scaled_values(tmp_path):
    scaling = stored("Rescaling", "scaling", scale=[0.5, 4.0], offset=[1.0, 0.0])
    first, *others = quantized()
    graph = run_passes(
        import_model(write_h5(tmp_path / "qat.h5", SHAPE, (first, scaling, *others)))
    )
    label, *_ = graph.nodes
    assert isinstance(label.op, Relabel)
    assert graph.ranges[label.name] == (-6.0, 8.0)


def test_conversion_takes_recorded_ranges_and_needs_no_inputs(tmp_path):
    path = write_h5(tmp_path / "qat.h5", SHAPE, quantized())
    for calibration in (None, inputs()):
        integer = convert(path, calibration, bits=8, distill=False).quantized
        tensors = integer.tensors()
        scales = {name: tensors[name].quantization.scale * 255 for name in tensors}
        np.testing.assert_allclose(scales[integer.inputs[0].name], 3.5, rtol=1e-5)
        np.testing.assert_allclose(scales["wrapped_conv"], 30.25, rtol=1e-5)
        np.testing.assert_allclose(scales["wrapped_dense"], 43.0, rtol=1e-5)
    given = convert(path, None, bits=8, input_range=(0.0, 1.0)).quantized.inputs[0]
    np.testing.assert_allclose(given.quantization.scale * 255, 1.0, rtol=1e-5)


def test_conversion_of_other_models_still_needs_a_range(tmp_path):
    path = write_h5(tmp_path / "plain.h5", SHAPE, (*quantized()[1:],))
    with pytest.raises(InvalidInput, match="no calibration inputs"):
        convert(path, None)


def test_pruned_layers_lose_their_masks(tmp_path):
    def pruned(layer, count):
        own = [("mask", np.zeros((4, 3))), ("threshold", np.float32(0.2))] * count
        return layer.wrapped("PruneLowMagnitude", (*own, ("pruning_step", np.int64(7))))

    layers = (pruned(CONV, 0), pruned(NORM, 0), RELU, pruned(POOL, 0), pruned(DENSE, 1))
    graph = import_model(write_h5(tmp_path / "pruned.h5", SHAPE, layers))
    np.testing.assert_array_equal(evaluate(graph, inputs()), plain(tmp_path))


@pytest.mark.parametrize("per_channel", [False, True])
def test_clustered_layers_have_the_nearest_centroids(per_channel, tmp_path):
    centroids = np.array([[0.2, 0.9], [0.3, 0.8], [0.4, 0.7], [0.5, 0.6]], np.float32)
    centroids = centroids if per_channel else centroids[:1]
    own = ("cluster_centroids_kernel", centroids if per_channel else centroids[0])
    layer = CONV.wrapped(
        "ClusterWeights", (own, ("pulling_indices_kernel", np.zeros((3, 3, 2, 4))))
    )
    found = import_model(write_h5(tmp_path / "c.h5", SHAPE, (layer, *LAYERS[1:])))
    kernel, bias = (dict(CONV.arrays)[f"conv/{name}:0"] for name in ("kernel", "bias"))
    table = np.broadcast_to(centroids.T, (2, 4))  # [centroid, channel]
    distance = np.abs(kernel[..., None, :] - table)
    nearest = np.take_along_axis(
        np.broadcast_to(table, distance.shape), distance.argmin(-2)[..., None, :], -2
    )[..., 0, :]
    same = stored(
        "Conv2D", "conv", {"kernel": nearest, "bias": bias}, filters=4, kernel_size=[3, 3]
    )
    np.testing.assert_array_equal(evaluate(found, inputs()), plain(tmp_path, (same, *LAYERS[1:])))


def test_annotated_and_twice_wrapped_layers_are_read(tmp_path):
    layer = DENSE.wrapped("PruneLowMagnitude", (("pruning_step", np.int64(1)),))
    twice = layer.wrapped("QuantizeAnnotate", ())
    graph = import_model(write_h5(tmp_path / "twice.h5", SHAPE, (*LAYERS[:-1], twice)))
    np.testing.assert_array_equal(evaluate(graph, inputs()), plain(tmp_path))


def test_missing_array_of_a_wrapped_layer_is_named(tmp_path):
    layer = DENSE.wrapped("QuantizeWrapperV2", (STEP,))
    short = type(layer)(layer.class_name, json.loads(json.dumps(layer.config)), layer.arrays[1:])
    path = write_h5(tmp_path / "short.h5", SHAPE, (*LAYERS[:-1], short))
    with pytest.raises(InvalidInput, match=r"wrapped_dense.*0 arrays named 'kernel', expected one"):
        import_model(path)


def only_layer(layer):
    config = {"class_name": "Sequential", "config": {"layers": [layer.entry]}}
    (found,) = child_layers(root_layer(config, "made"))
    return found


KERNEL, BIAS = (array for _, array in DENSE.arrays)
ENDS = [np.float32(value) for value in (-1.0, 1.0, -3.0, 40.0)]  # of the kernel, of the output


@pytest.mark.parametrize(
    ("kind", "own", "inner"),
    [
        ("QuantizeWrapperV2", (KERNEL, BIAS, KERNEL), (BIAS,)),
        ("QuantizeWrapper", (KERNEL,), (BIAS,)),
    ],
)
@pytest.mark.parametrize(("activation", "place"), [("relu", "output"), ("softmax", "before")])
def test_arrays_without_names_are_told_apart(kind, own, inner, activation, place):
    dense = DENSE.with_options(activation=rounding(activation))
    layer = only_layer(dense.wrapped(kind, ()))
    stored_arrays = named(layer, (*own, np.int32(-1), *ENDS), inner)
    for found, expected in zip(arrays_of(layer, stored_arrays), (KERNEL, BIAS), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert ranges_of(layer, stored_arrays) == {place: (-3.0, 40.0)}


def test_arrays_of_clusters_without_names_are_told_apart():
    layer = only_layer(DENSE.wrapped("ClusterWeights", ()))
    centroids = np.array([0.25, 0.75], np.float32)
    own = (KERNEL, centroids, np.zeros(KERNEL.shape))
    kernel, bias = arrays_of(layer, clustered(layer, own, (BIAS,)))
    np.testing.assert_array_equal(kernel, np.where(KERNEL < 0.5, 0.25, 0.75))
    np.testing.assert_array_equal(bias, BIAS)
    with pytest.raises(UnsupportedModel, match="has 6 arrays of clusters"):
        clustered(layer, (*own, *own), (BIAS,))


@pytest.mark.keras
def test_ranges_of_a_saved_model_are_read(tf_keras, tmp_path):
    """A layer with the variables of a wrapper, which Keras stores beside the layer inside."""
    inner = tf_keras.layers.Dense(3, activation="softmax", name="inner")
    wrapper = _wrapper(tf_keras)(inner, name="wrapped")
    model = tf_keras.Sequential([tf_keras.Input((4,)), wrapper])
    model.save(tmp_path / "saved", save_format="tf")
    graph = run_passes(import_model(tmp_path / "saved"))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(evaluate(graph, x), model.predict(x, verbose=0), rtol=1e-5)
    assert graph.ranges == {"wrapped": (-3.0, 40.0)}


def _wrapper(tf_keras):
    class QuantizeWrapperV2(tf_keras.layers.Wrapper):
        """What Keras stores of the toolkit's class of this name."""

        def build(self, input_shape):
            super().build(input_shape)
            for end, value in (("min", -3.0), ("max", 40.0)):
                initial = tf_keras.initializers.Constant(value)
                made = self.add_weight(
                    f"pre_activation_{end}", shape=(), initializer=initial, trainable=False
                )
                setattr(self, f"pre_activation_{end}", made)

        def call(self, inputs):
            return self.layer(inputs)

    return QuantizeWrapperV2
