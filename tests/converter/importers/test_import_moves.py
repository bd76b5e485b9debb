"""Layers and operations that move values, of both Kerases, against what Keras computes."""

import numpy as np
import pytest

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.graph.passes import run_passes
from microlut.importers import import_model

pytestmark = pytest.mark.keras
SHAPE = (6, 8, 4)


def check(keras, make, shape=SHAPE):
    """Compare the outputs of the imported model with those of Keras."""
    x = keras.Input(shape)
    made = make(x)
    model = keras.Model(x, made)
    graph = run_passes(import_model(model))
    samples = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    wanted = model.predict(samples, verbose=0)
    wanted = wanted if isinstance(wanted, list) else [wanted]
    found = floats.outputs(graph, Batch({graph.inputs[0].name: samples}))
    for y, expected in zip(found.arrays.values(), wanted, strict=True):
        assert y.shape == expected.shape
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    return [type(node.op).__name__ for node in graph.nodes]


SUBSCRIPTS = {
    "rows": lambda x: x[:, 1:5],
    "two": lambda x: x[:, 1:5, ::2],
    "negative": lambda x: x[:, -3:-1, 1:],
    "integer": lambda x: x[:, 2],
    "last": lambda x: x[..., -1],
    "ellipsis": lambda x: x[..., 1:3],
    "middle": lambda x: x[:, ..., 2, 1:],
    "new": lambda x: x[:, None, 1:3],
    "new_last": lambda x: x[..., None],
    "backwards": lambda x: x[:, ::-1],
    "back_steps": lambda x: x[:, 4:0:-2],
}


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", SUBSCRIPTS)
def test_subscripts(name, keras_name, request):
    check(request.getfixturevalue(keras_name), SUBSCRIPTS[name])


LAYERS = {
    "center_crop": lambda k: k.layers.CenterCrop(3, 5),
    "cropping": lambda k: k.layers.Cropping2D(((1, 0), (2, 3))),
    "cropping_one": lambda k: k.layers.Cropping2D(2),
    "permute": lambda k: k.layers.Permute((3, 1, 2)),
    "resizing": lambda k: k.layers.Resizing(9, 5),
    "resizing_nearest": lambda k: k.layers.Resizing(9, 5, interpolation="nearest"),
    "resizing_nearest_down": lambda k: k.layers.Resizing(3, 4, interpolation="nearest"),
    "up": lambda k: k.layers.UpSampling2D((3, 2)),
    "up_bilinear": lambda k: k.layers.UpSampling2D(2, interpolation="bilinear"),
    "padding": lambda k: k.layers.ZeroPadding2D(((1, 0), (2, 3))),
}


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, keras_name, request):
    keras = request.getfixturevalue(keras_name)
    check(keras, LAYERS[name](keras))


@pytest.mark.parametrize(
    ("padding", "shape"),
    [((1, 2), (5, 6, 3)), (((0, 2), (0, 0)), (5, 6, 3)), (((0, 0), (1, 0)), (1, 6, 3))],
)
def test_padding_of_a_picture_is_one_operator(padding, shape, keras):
    """So that convolutions can take it over."""
    assert check(keras, keras.layers.ZeroPadding2D(padding), shape) == ["Pad"]


LAYERS_1D = {
    "cropping": lambda k: k.layers.Cropping1D((2, 1)),
    "cropping_one": lambda k: k.layers.Cropping1D(1),
    "permute": lambda k: k.layers.Permute((2, 1)),
    "up": lambda k: k.layers.UpSampling1D(3),
    "padding": lambda k: k.layers.ZeroPadding1D((2, 1)),
    "padding_one": lambda k: k.layers.ZeroPadding1D(2),
}


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", LAYERS_1D)
def test_layers_of_sequences(name, keras_name, request):
    keras = request.getfixturevalue(keras_name)
    check(keras, LAYERS_1D[name](keras), (7, 3))


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
def test_repeat_vector_and_layers_of_volumes(keras_name, request):
    keras = request.getfixturevalue(keras_name)
    assert check(keras, keras.layers.RepeatVector(4), (5,)) == ["Reshape", "Tile"]
    check(keras, keras.layers.Cropping3D(((1, 0), (0, 1), (1, 1))), (3, 4, 5, 2))
    check(keras, keras.layers.UpSampling3D((1, 2, 3)), (2, 3, 2, 2))
    check(keras, keras.layers.ZeroPadding3D(((1, 2), (0, 1), (3, 0))), (2, 3, 4, 2))


KERAS3 = {
    "crop_images": lambda o, x: o.image.crop_images(x, 1, 2, target_height=3, target_width=4),
    "crop_bottom": lambda o, x: o.image.crop_images(
        x, bottom_cropping=1, right_cropping=2, target_height=3, target_width=4
    ),
    "depth_to_space": lambda o, x: o.depth_to_space(x, 2),
    "expand": lambda o, x: o.expand_dims(x, 1),
    "expand_last": lambda o, x: o.expand_dims(x, -1),
    "flip": lambda o, x: o.flip(x, axis=(1, 2)),
    "moveaxis": lambda o, x: o.moveaxis(x, 3, 1),
    "moveaxes": lambda o, x: o.moveaxis(x, (1, 2), (3, 1)),
    "pad": lambda o, x: o.pad(x, ((0, 0), (1, 2), (0, 3), (2, 0))),
    "pad_images": lambda o, x: o.image.pad_images(x, 1, 2, target_height=9, target_width=12),
    "pad_reflect": lambda o, x: o.pad(x, ((0, 0), (2, 2), (3, 1), (0, 0)), mode="reflect"),
    "pad_symmetric": lambda o, x: o.pad(x, ((0, 0), (2, 2), (3, 1), (0, 0)), mode="symmetric"),
    "repeat": lambda o, x: o.repeat(x, 3, axis=2),
    "resize": lambda o, x: o.image.resize(x, (4, 9)),
    "resize_nearest": lambda o, x: o.image.resize(x, (12, 5), interpolation="nearest"),
    "roll": lambda o, x: o.roll(x, 2, axis=1),
    "space_to_depth": lambda o, x: o.space_to_depth(x, 2),
    "split": lambda o, x: o.split(x, 2, axis=-1),
    "split_at": lambda o, x: o.split(x, [1, 4], axis=1),
    "squeeze": lambda o, x: o.squeeze(x[:, :1], axis=1),
    "stack": lambda o, x: o.stack([x, -x], axis=2),
    "stack_last": lambda o, x: o.stack([x, -x, x], axis=-1),
    "swapaxes": lambda o, x: o.swapaxes(x, 1, -1),
    "take": lambda o, x: o.take(x, [3, 0, 0], axis=2),
    "take_one": lambda o, x: o.take(x, 2, axis=1),
    "tile": lambda o, x: o.tile(x, (1, 2, 1, 3)),
    "transpose": lambda o, x: o.transpose(x, (0, 3, 1, 2)),
    "unstack": lambda o, x: o.unstack(x, axis=1)[2:5],
}


@pytest.mark.parametrize("name", KERAS3)
def test_operations_of_keras(name, keras):
    check(keras, lambda x: KERAS3[name](keras.ops, x))


TENSORFLOW = {
    "central_crop": lambda tf, x: tf.image.central_crop(x, 0.5),
    "crop": lambda tf, x: tf.image.crop_to_bounding_box(x, 1, 2, 3, 4),
    "crop_or_pad": lambda tf, x: tf.image.resize_with_crop_or_pad(x, 9, 3),
    "crop_or_pad_odd": lambda tf, x: tf.image.resize_with_crop_or_pad(x, 3, 11),
    "depth_to_space": lambda tf, x: tf.nn.depth_to_space(x, 2),
    "expand": lambda tf, x: tf.expand_dims(x, 2),
    "flip": lambda tf, x: tf.image.flip_left_right(x),
    "flip_rows": lambda tf, x: tf.image.flip_up_down(x),
    "gather": lambda tf, x: tf.gather(x, [3, 0, 0], axis=2),
    "pad": lambda tf, x: tf.pad(x, ((0, 0), (1, 2), (0, 0), (2, 0))),
    "pad_box": lambda tf, x: tf.image.pad_to_bounding_box(x, 1, 2, 9, 12),
    "repeat": lambda tf, x: tf.repeat(x, 3, axis=2),
    "resize": lambda tf, x: tf.image.resize(x, (4, 9)),
    "resize_corners": lambda tf, x: tf.compat.v1.image.resize_bilinear(x, (4, 9), True),
    "resize_nearest": lambda tf, x: tf.image.resize(x, (9, 5), method="nearest"),
    "resize_old": lambda tf, x: tf.compat.v1.image.resize_bilinear(x, (12, 9)),
    "resize_old_nearest": lambda tf, x: tf.compat.v1.image.resize_nearest_neighbor(x, (9, 5)),
    "reverse": lambda tf, x: tf.reverse(x, [1, 3]),
    "roll": lambda tf, x: tf.roll(x, 2, 1),
    "slice": lambda tf, x: tf.slice(x, (0, 1, 2, 0), (-1, 3, 4, 2)),
    "space_to_depth": lambda tf, x: tf.nn.space_to_depth(x, 2),
    "split": lambda tf, x: tf.split(x, 2, axis=-1),
    "split_sizes": lambda tf, x: tf.split(x, [1, 3, -1], axis=2),
    "squeeze": lambda tf, x: tf.squeeze(x[:, :1], axis=1),
    "stack": lambda tf, x: tf.stack([x, x[:, ::-1]], axis=1),
    "strided": lambda tf, x: tf.strided_slice(
        x, (0, 1, 4), (0, 5, 0), (1, 2, -1), begin_mask=1, end_mask=1
    ),
    "tile": lambda tf, x: tf.tile(x, (1, 2, 1, 3)),
    "transpose": lambda tf, x: tf.transpose(x, (0, 3, 1, 2)),
    "unstack": lambda tf, x: tf.unstack(x, axis=1)[2:5],
}


@pytest.mark.parametrize("name", TENSORFLOW)
def test_functions_of_tensorflow(name, tf_keras):
    tf = pytest.importorskip("tensorflow")
    check(tf_keras, lambda x: TENSORFLOW[name](tf, x))


REFUSED = {
    "batch": (lambda k, x: k.ops.flip(x, axis=0), "is the batch"),
    "batch_moved": (lambda k, x: k.ops.transpose(x, (1, 0, 2, 3)), "begin with 0, the batch"),
    "batch_tiled": (lambda k, x: k.ops.tile(x, (2, 1, 1, 1)), "with 1 for the batch"),
    "antialias": (lambda k, x: k.layers.Resizing(3, 4, antialias=True)(x), "antialias=False"),
    "cubic": (lambda k, x: k.layers.Resizing(3, 4, interpolation="bicubic")(x), "'nearest' and"),
    "ratio": (lambda k, x: k.layers.Resizing(3, 8, crop_to_aspect_ratio=True)(x), "_ratio=True"),
    "padded": (lambda k, x: k.ops.pad(x, 1), "pads the batch"),
    "ones": (
        lambda k, x: k.ops.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)), constant_values=1.0),
        "padding with zeros",
    ),
    "larger": (lambda k, x: k.layers.CenterCrop(7, 9)(x), "use a Resizing layer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused(name, keras):
    make, message = REFUSED[name]
    x = keras.Input(SHAPE)
    with pytest.raises((UnsupportedModel, InvalidInput), match=message) as caught:
        import_model(keras.Model(x, make(keras, x)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [slice(1, None), slice(0, 1), 0])
def test_parts_of_the_batch_are_refused(part, tf_keras):
    x = tf_keras.Input(SHAPE)
    with pytest.raises(UnsupportedModel, match="of the batch; supported are subscripts that begin"):
        import_model(tf_keras.Model(x, x[part]))
