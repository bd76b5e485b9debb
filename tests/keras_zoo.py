"""Small models that together use every supported layer and option, built with either Keras.

Each function of `ZOO` takes the Keras module and returns a model.
"""

import functools
import importlib

import numpy as np

PICTURE = (9, 8, 3)


def conv_options(k):
    x = k.Input(PICTURE)
    y = k.layers.Conv2D(5, (3, 2), strides=(2, 1), padding="valid", activation="relu")(x)
    y = k.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(y)
    return k.Model(x, k.layers.Conv2D(2, 1, activation="linear")(y))


def conv_even_same(k):
    x = k.Input((10, 7, 2))
    y = k.layers.Conv2D(3, (2, 4), strides=(1, 3), padding="same")(x)
    return k.Model(x, k.layers.Conv2D(3, 5, strides=2, padding="same", name="last")(y))


def conv_dilated(k):
    x = k.Input((12, 11, 2))
    y = k.layers.Conv2D(3, 3, dilation_rate=(2, 3), padding="same", activation="relu")(x)
    return k.Model(x, k.layers.Conv2D(3, (2, 3), dilation_rate=2)(y))


def conv_softmax(k):
    x = k.Input(PICTURE)
    return k.Model(x, k.layers.Conv2D(4, 1, activation="softmax")(x))


def depthwise_options(k):
    x = k.Input(PICTURE)
    y = k.layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(x)
    y = k.layers.DepthwiseConv2D((2, 3), use_bias=False, activation="relu")(y)
    return k.Model(x, k.layers.DepthwiseConv2D(1, depth_multiplier=3)(y))


def depthwise_dilated(k):
    x = k.Input((10, 10, 2))
    return k.Model(x, k.layers.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x))


def dense_of_vector(k):
    x = k.Input((7,))
    y = k.layers.Dense(6, activation="relu")(x)
    y = k.layers.Dense(5, use_bias=False)(y)
    return k.Model(x, k.layers.Dense(3, activation="softmax")(y))


def dense_of_picture(k):
    x = k.Input((4, 3, 5))
    return k.Model(x, k.layers.Dense(2, activation="relu")(k.layers.Dense(3)(x)))


def norm_options(k):
    x = k.Input(PICTURE)
    y = k.layers.BatchNormalization(epsilon=0.01)(x)
    y = k.layers.Conv2D(4, 3, padding="same")(y)
    y = k.layers.BatchNormalization(scale=False)(y)
    y = k.layers.DepthwiseConv2D(3, depth_multiplier=2)(y)
    y = k.layers.BatchNormalization(center=False)(y)
    y = k.layers.ReLU()(y)
    y = k.layers.BatchNormalization(scale=False, center=False)(y)
    y = k.layers.Flatten()(y)
    y = k.layers.BatchNormalization(axis=1)(y)
    y = k.layers.Dense(4)(y)
    y = k.layers.BatchNormalization()(y)
    return k.Model(x, k.layers.BatchNormalization(axis=-1)(y))


def norm_of_vector(k):
    x = k.Input((6,))
    y = k.layers.BatchNormalization()(x)
    return k.Model(x, k.layers.Softmax()(k.layers.Activation("relu")(y)))


def norm_of_shared_tensor(k):
    x = k.Input(PICTURE)
    y = k.layers.Conv2D(3, 3, padding="same")(x)
    z = k.layers.BatchNormalization()(y)
    return k.Model(x, k.layers.Add()([k.layers.Activation("relu")(y), z]))


def activations(k):
    x = k.Input(PICTURE)
    y = k.layers.Conv2D(4, 3, activation="relu6" if k.__name__ == "keras" else _tf().nn.relu6)(x)
    y = k.layers.Conv2D(4, 1)(y)
    y = k.layers.ReLU(max_value=6)(y)
    y = k.layers.ReLU()(k.layers.Conv2D(4, 1)(y))
    y = k.layers.Activation("linear")(y)
    y = k.layers.Activation("softmax")(y)
    return k.Model(x, k.layers.Softmax(axis=-1)(y))


def add_of_three(k):
    x = k.Input(PICTURE)
    branches = [k.layers.Conv2D(3, n, padding="same")(x) for n in (1, 2, 3)]
    return k.Model(x, k.layers.Activation("relu")(k.layers.Add()([*branches, x])))


def zero_padding(k):
    x = k.Input(PICTURE)
    y = k.layers.ZeroPadding2D(2)(x)
    y = k.layers.ZeroPadding2D((1, 0))(y)
    y = k.layers.Conv2D(4, 3, strides=2)(y)
    y = k.layers.ZeroPadding2D(((1, 2), (0, 3)))(y)
    y = k.layers.BatchNormalization()(y)
    y = k.layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
    y = k.layers.DepthwiseConv2D(3, strides=2, padding="same")(y)
    y = k.layers.Activation("linear")(y)
    return k.Model(x, k.layers.ZeroPadding2D(1)(y))


def padded_pools(k):
    x = k.Input(PICTURE)
    y = k.layers.Conv2D(3, 3, padding="same")(x)
    y = k.layers.MaxPooling2D(3, strides=2)(k.layers.ZeroPadding2D(((0, 1), (1, 1)))(y))
    return k.Model(x, k.layers.AveragePooling2D(2)(k.layers.ZeroPadding2D(1)(y)))


def pools(k):
    x = k.Input((13, 12, 3))
    y = k.layers.MaxPooling2D((2, 3), strides=(1, 2), padding="same")(x)
    y = k.layers.AveragePooling2D(3, strides=2, padding="same")(y)
    y = k.layers.MaxPooling2D()(k.layers.Conv2D(4, 1)(y))
    y = k.layers.AveragePooling2D((2, 1), strides=1)(y)
    return k.Model(x, k.layers.ReLU()(y))


def global_pools(k):
    x = k.Input(PICTURE)
    y = k.layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = k.layers.Conv2D(4, 1)(y)
    y = k.layers.GlobalMaxPooling2D(keepdims=True)(y)
    return k.Model(x, k.layers.GlobalAveragePooling2D()(y))


def global_max(k):
    x = k.Input(PICTURE)
    return k.Model(x, k.layers.Dense(3)(k.layers.GlobalMaxPooling2D()(x)))


def reshapes(k):
    x = k.Input((24,))
    y = k.layers.Reshape((4, -1, 3))(x)
    y = k.layers.Conv2D(2, 2)(y)
    y = k.layers.Flatten()(k.layers.Flatten()(y))
    return k.Model(x, k.layers.Dense(3)(k.layers.Reshape((-1,))(y)))


def noise(k):
    x = k.Input(PICTURE)
    y = k.layers.Dropout(0.5)(k.layers.Conv2D(3, 2)(x))
    y = k.layers.SpatialDropout2D(0.5)(y)
    y = k.layers.GaussianDropout(0.5)(k.layers.GaussianNoise(0.5)(y))
    return k.Model(x, k.layers.Dropout(0.1)(k.layers.Flatten()(k.layers.BatchNormalization()(y))))


def sequential(k):
    return k.Sequential(
        [
            k.Input(PICTURE),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.Conv2D(4, 3),
            k.layers.BatchNormalization(),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(3, activation="softmax"),
        ],
        name="in_a_row",
    )


def sequential_without_input(k):
    model = k.Sequential([k.layers.Conv2D(4, 3), k.layers.Flatten(), k.layers.Dense(2)])
    model.build((None, *PICTURE))
    return model


def sequential_of_model(k):
    x = k.Input(PICTURE)
    base = k.Model(x, k.layers.BatchNormalization()(k.layers.Conv2D(4, 3)(x)), name="base")
    base.trainable = False
    return k.Sequential([base, k.layers.Flatten(), k.layers.Dense(2)])


def nested(k):
    block = k.Sequential(
        [k.layers.Conv2D(4, 3, padding="same", name="conv"), k.layers.BatchNormalization()],
        name="block",
    )
    inner = k.Input((9, 8, 4))
    convolved = k.layers.Conv2D(4, 1, name="point")(inner)
    residual = k.Model(inner, k.layers.Add()([inner, convolved]), name="residual")
    outer_input = k.Input((9, 8, 4))
    outer = k.Model(outer_input, k.layers.ReLU()(residual(outer_input)), name="outer")
    x = k.Input(PICTURE)
    y = outer(block(x))
    return k.Model(x, k.layers.Dense(2)(k.layers.GlobalAveragePooling2D()(outer(y))))


def shared(k):
    x = k.Input(PICTURE)
    conv = k.layers.Conv2D(3, 3, padding="same", name="conv")
    norm = k.layers.BatchNormalization(name="norm")
    y = norm(conv(x))
    y = k.layers.Add()([norm(conv(y)), y, conv(conv(x))])
    return k.Model(x, k.layers.Conv2D(3, 1, name="conv_1")(y))


def numbers_for_booleans(k):
    x = k.Input((13, 12, 3))
    y = k.layers.Conv2D(4, 3, use_bias=1, strides=(2, 1), padding="SAME")(x)
    y = k.layers.BatchNormalization(scale=1, center=0)(y)
    y = k.layers.DepthwiseConv2D((2, 1), use_bias=0)(y)
    y = k.layers.BatchNormalization(scale=0.0, center=1.0)(y)
    y = k.layers.MaxPooling2D(2, strides=(1, 2), padding="same")(y)
    y = k.layers.ZeroPadding2D(((1, True), (False, 2)), data_format="Channels_Last")(y)
    y = k.layers.ReLU(max_value=6, threshold=0)(y)
    y = k.layers.GlobalAveragePooling2D(keepdims=1)(y)
    y = k.layers.Flatten()(k.layers.Conv2D(6, 1, use_bias=None)(y))
    y = k.layers.Reshape((2, 3))(k.layers.Dense(6, use_bias=0)(y))
    return k.Model(x, k.layers.Softmax(axis=2)(k.layers.Dense(3, use_bias=1)(y)))


def pools_as_operations(k):
    x = k.Input((13, 12, 3))
    if k.__name__ == "tf_keras":
        return k.Model(x, k.layers.MaxPooling2D(2)(x))
    y = k.ops.max_pool(x, (2, 3), strides=(1, 2), padding="same")
    y = k.ops.average_pool(k.layers.Conv2D(4, 1)(y), 2)
    z = k.ops.mean(y, axis=(1, 2), keepdims=True)
    z = k.ops.reshape(k.layers.Conv2D(5, 1)(z), (-1, 5))
    return k.Model(x, z + k.layers.Dense(5)(k.ops.max(y, axis=(-3, -2))))


def _block(k, name, layers):
    """Return a nested model of some layers in a row."""
    x = y = k.Input((9, 8, 3))
    for layer in layers:
        y = layer(y)
    return k.Model(x, y, name=name)


def _point(k, name):
    return k.layers.Conv2D(3, 1, name=name)


def shared_with_nested(k):
    conv, norm = _point(k, "conv"), k.layers.BatchNormalization(name="norm")
    inner = _block(k, "inner", [_point(k, "own"), conv, norm, _point(k, "own_2")])
    x = k.Input((9, 8, 3))
    y = _point(k, "last")(norm(conv(_point(k, "middle")(inner(x)))))
    return k.Model(x, y)


def shared_before_nested(k):
    conv, norm = _point(k, "conv"), k.layers.BatchNormalization(name="norm")
    x = k.Input((9, 8, 3))
    y = norm(conv(_point(k, "first")(x)))
    inner = _block(k, "inner", [conv, _point(k, "own"), norm, _point(k, "own_2")])
    return k.Model(x, _point(k, "last")(inner(y)))


def shared_between_nested(k):
    conv, norm = _point(k, "conv"), k.layers.BatchNormalization(name="norm")
    first = _block(k, "one", [_point(k, "one_own"), conv, norm, _point(k, "one_end")])
    second = _block(k, "two", [norm, conv, _point(k, "two_own"), _point(k, "two_end")])
    x = k.Input((9, 8, 3))
    return k.Model(x, _point(k, "last")(second(first(x))))


def shared_nested(k):
    core = _block(k, "core", [_point(k, "conv"), k.layers.BatchNormalization(name="norm")])
    outer = _block(k, "outer", [_point(k, "first"), core, _point(k, "own"), core])
    x = k.Input((9, 8, 3))
    y = outer(core(outer(x)))
    return k.Model(x, _point(k, "last")(core(_point(k, "between")(y))))


def alike_but_not_shared(k):
    conv = _point(k, "conv")
    blocks = [
        _block(k, f"block{i}", [_point(k, f"first{i}"), layer, k.layers.ReLU(name=f"relu{i}")])
        for i, layer in enumerate([conv, _point(k, "other"), conv])
    ]
    twin = _block(k, "twin", [k.layers.BatchNormalization(name="norm"), _point(k, "end")])
    x = y = k.Input((9, 8, 3))
    for block in (*blocks, twin):
        y = block(y)
    y = k.layers.BatchNormalization(name="norm")(y)
    return k.Model(x, conv(_point(k, "end")(y)))


def names_in_names(k):
    slash = "_" if k.__name__ == "keras" else "/"  # Keras 3 allows none
    norm = k.layers.BatchNormalization
    inner = _block(
        k,
        "layer1",
        [
            _point(k, f"layer1{slash}conv"),
            _point(k, "conv"),
            norm(name=f"layer1{slash}bn"),
            _point(k, f"a{slash}layer1{slash}conv"),
            norm(name="bn"),
        ],
    )
    outer = k.Sequential([k.Input((9, 8, 3)), inner, _point(k, f"b{slash}conv")], name="outer")
    x = k.Input((9, 8, 3))
    return k.Model(x, _point(k, f"a{slash}b{slash}conv")(outer(_point(k, f"a{slash}b")(x))))


def frozen_shared_in_nested(k):
    conv = k.layers.DepthwiseConv2D(3, padding="same", name="conv")
    other = k.layers.DepthwiseConv2D(3, padding="same", name="other")
    inner = k.Sequential([k.Input((9, 8, 3)), other, conv], name="inner")
    outer = _block(k, "outer", [conv, inner, _point(k, "end")])
    conv.trainable = other.trainable = False
    x = k.Input((9, 8, 3))
    return k.Model(x, outer(x))


def frozen_nested(k):
    """Frozen layers change the order in which .h5 files store a nested model's arrays."""
    norm = k.layers.BatchNormalization
    part = _block(k, "part", [_point(k, "part_conv"), norm(name="part_norm")])
    base = _block(k, "base", [_point(k, "c1"), norm(name="n1"), part, _point(k, "c2")])
    base.get_layer("c1").trainable = False
    part.trainable = False
    end = _block(k, "end", [_point(k, "c3"), norm(name="n3"), _point(k, "c4")])
    end.trainable = False
    x = k.Input((9, 8, 3))
    return k.Model(x, end(base(x)))


def unused_branch(k):
    x = k.Input(PICTURE)
    y = k.layers.Conv2D(3, 3, name="kept")(x)
    k.layers.LeakyReLU()(y)
    return k.Model(x, k.layers.Flatten()(y))


def activation_objects(k):
    layers, tf = k.layers, _tf()
    x = k.Input(PICTURE)
    y = layers.Conv2D(4, 3, activation=layers.ReLU())(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation=layers.ReLU(max_value=6.0))(y)
    y = layers.Conv2D(4, 3, activation=tf.nn.relu6)(y)
    y = layers.Activation(layers.ReLU(6))(y)
    y = layers.Dense(4, activation=tf.nn.relu)(y)
    y = layers.Dense(4, activation=tf.identity)(y)
    y = layers.Dense(4, activation=layers.Softmax())(y)
    y = layers.Dense(4, activation=k.activations.relu)(y)
    y = layers.Activation(layers.Softmax(axis=-1))(y)
    return k.Model(x, layers.Dense(3, activation=tf.nn.softmax)(layers.Flatten()(y)))


def operations(k):
    """Use operations on tensors that are no layers: x + y, relu(x) and so on."""
    x = k.Input(PICTURE)
    y = k.layers.Conv2D(3, 1)(x)
    if k.__name__ == "keras":
        ops = k.ops
        z = ops.relu6(ops.add(ops.relu(x + y), y))
        z = k.activations.relu(k.activations.relu(z), max_value=6)
        z = ops.softmax(ops.cast(z, "float32"))
        z = ops.reshape(k.activations.softmax(z), (-1, 72, 3))
        z = ops.reshape(z, (-1, 216))
        return k.Model(x, ops.softmax(k.layers.Dense(4)(z), axis=-1))
    tf = _tf()
    z = tf.nn.relu6(tf.add(tf.nn.relu(x + y), y))
    z = tf.identity(tf.math.add_n([z, y, x]))
    z = tf.nn.softmax(tf.cast(z, tf.float32))
    z = tf.reshape(tf.reshape(z, (-1, 72, 3)), [-1, 216])
    return k.Model(x, tf.nn.softmax(k.layers.Dense(4)(z), axis=-1))


def arithmetic(k):
    by_channel = np.array([1, 2, 3], np.float32)
    x = k.Input(PICTURE)
    y = 2 * (1 - (x / 127.5 - 1))
    y = (y - by_channel) * _tf().constant(by_channel)
    y = 3 + -y
    return k.Model(x, k.layers.Conv2D(4, 3)(y) * 0.5)


def rescaled(k):
    layers = k.layers
    x = k.Input(PICTURE)
    y = layers.Rescaling(1 / 127.5, -1)(x)
    branches = [layers.Conv2D(4, 3, padding="same")(y), layers.Conv2D(4, 1)(y)]
    z = layers.Rescaling([0.1, 0.2, 0.3], [1.0, 2.0, 3.0])(x)
    branches.append(layers.Conv2D(4, 3)(layers.ZeroPadding2D(1)(layers.Rescaling(1 / 255)(x))))
    branches.append(layers.DepthwiseConv2D(3, padding="same")(layers.Dense(4)(z)))
    return k.Model(x, layers.Dense(2)(layers.Flatten()(layers.Add()(branches))))


def rescaled_rows(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((6, 8)),
            layers.Rescaling(1 / 255, 0.5),
            layers.Reshape((6, 8, 1)),
            layers.Conv2D(3, 3),
            layers.Flatten(),
            layers.Dense(2),
            layers.Rescaling(2.0),
        ]
    )


def normalized(k):
    layers = k.layers
    x = k.Input(PICTURE)
    branches = [
        layers.Normalization(),
        layers.Normalization(axis=None),
        layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]),
        layers.Normalization(axis=None, mean=100.0, variance=400.0),
        layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.0, 6.0], invert=True),
    ]
    y = layers.Add()([layers.Conv2D(2, 3)(branch(x)) for branch in branches])
    return k.Model(x, y)


def augmented(k):
    layers = k.layers
    x = k.Input(PICTURE)
    y = k.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)], name="augment")(
        x
    )
    y = layers.RandomContrast(0.2)(layers.RandomTranslation(0.1, 0.1)(y))
    y = layers.RandomCrop(9, 8)(layers.Identity()(y))
    y = layers.Conv2D(3, 2)(layers.ActivityRegularization(0.1)(y))
    y = layers.SpatialDropout1D(0.5)(layers.Reshape((56, 3))(y))
    return k.Model(x, layers.AlphaDropout(0.5)(layers.Flatten()(y)))


def sequences(k):
    layers = k.layers
    x = k.Input((21, 3))
    y = layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    z = layers.SeparableConv1D(6, 3, padding="same", depth_multiplier=2, activation="relu")(y)
    z = layers.DepthwiseConv1D(3, padding="same", activation="softmax")(z)
    z = layers.BatchNormalization()(layers.Conv1D(4, 1, use_bias=False)(z))
    y = layers.MaxPooling1D(3, strides=2, padding="same")(layers.ReLU()(layers.Add()([y, z])))
    y = layers.Conv1D(8, 4, strides=2, padding="same", groups=4)(y)
    y = layers.DepthwiseConv1D(2, strides=2, depth_multiplier=2, use_bias=False)(y)
    z = layers.GlobalMaxPooling1D(keepdims=True)(y)
    y = layers.Conv1D(5, 1)(layers.AveragePooling1D(2)(layers.Conv1D(5, 1)(y)))
    y = layers.GlobalAveragePooling1D(keepdims=True)(y)
    return k.Model(x, layers.Dense(3)(layers.Concatenate()([y, z])))


def grouped(k):
    layers = k.layers
    x = k.Input((9, 8, 6))
    y = layers.Conv2D(9, (3, 2), strides=2, groups=3, activation="relu", padding="same")(x)
    y = layers.Conv2D(4, 1, use_bias=False)(layers.BatchNormalization()(y))
    y = layers.Conv1D(8, 2, groups=2, activation="softmax")(layers.Reshape((-1, 4))(y))
    return k.Model(x, layers.Dense(2)(y))


def slopes(k):
    """Leaky rectifiers with slopes that are weights."""
    layers = k.layers
    x = k.Input(PICTURE)
    y = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(4, 3)(x))
    y = layers.PReLU()(layers.Flatten()(layers.MaxPooling2D(3)(y)))
    return k.Model(x, layers.PReLU(shared_axes=[1])(layers.Dense(3)(y)))


def pools_of_sequences(k):
    layers = k.layers
    x = k.Input((12, 3))
    y = layers.AveragePooling1D(3, strides=2, padding="same")(x)
    y = layers.Dense(4, activation="relu")(layers.GlobalMaxPooling1D()(layers.MaxPooling1D(2)(y)))
    return k.Model(x, layers.Concatenate()([layers.GlobalAveragePooling1D()(x), y]))


def separable(k):
    layers = k.layers
    x = k.Input(PICTURE)
    y = layers.SeparableConv2D(4, (3, 2), strides=2, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(layers.SeparableConv2D(5, 2, use_bias=False)(y))
    return k.Model(x, layers.SeparableConv2D(3, 1, depth_multiplier=3)(y))


def transposed(k):
    layers = k.layers
    x = k.Input((4, 5, 3))
    y = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(layers.Conv2DTranspose(3, (2, 4), strides=(1, 2))(y))
    y = layers.Conv2DTranspose(2, 3, strides=2, output_padding=1, use_bias=False)(y)
    y = layers.Reshape((-1, 2))(y)
    y = layers.Conv1DTranspose(3, 4, strides=2, padding="same", activation="softmax")(y)
    return k.Model(x, layers.Conv1DTranspose(2, 2, strides=3)(y))


def distributed(k):
    """Layers that are applied to each of several steps."""
    layers = k.layers

    def each(layer):
        return layers.TimeDistributed(layer)

    x = k.Input((3, 8, 6, 2))
    y = each(layers.Conv2D(4, 2, strides=2, activation="relu"))(x)
    y = each(layers.BatchNormalization())(y)
    y = each(layers.MaxPooling2D((2, 1)))(each(layers.Conv2D(5, (1, 3), padding="same"))(y))
    y = each(layers.Conv2D(4, (2, 3), use_bias=False))(each(layers.Dropout(0.5))(y))
    y = each(layers.Flatten())(y)
    z = each(layers.Dense(6, activation="relu"))(y)
    z = each(layers.Dense(4, activation="softmax"))(each(layers.Activation("relu"))(z))
    w = each(layers.GlobalAveragePooling2D())(x)
    v = each(layers.Conv1D(3, 3, padding="causal"))(each(layers.Reshape((8, 12)))(x))
    v = each(layers.GlobalMaxPooling1D())(each(layers.MaxPooling1D(2))(v))
    u = each(layers.Flatten())(each(layers.Conv2D(2, (3, 2), activation="elu"))(x))
    return k.Model(x, layers.Concatenate()([y, z, w, v, u]))


def nested_distributed(k):
    """Models that are applied to each of several steps: functional, sequential, in each other."""
    layers = k.layers
    a = k.Input((8, 6, 2))
    b = layers.Conv2D(4, 3, padding="same", activation="relu", name="inside")(a)
    c = layers.BatchNormalization()(layers.Conv2D(4, 1)(a))
    b = layers.Concatenate(axis=3)([layers.Add()([b, c]), a])
    head = k.Sequential([k.Input((8, 6, 6)), layers.MaxPooling2D(2), layers.Flatten()])
    inner = k.Model(a, head(b))
    lines = [k.Input((12, 8)), layers.Conv1D(3, 3, strides=2), layers.GlobalMaxPooling1D()]
    last = k.Sequential([k.Input((6, 12, 8)), layers.TimeDistributed(k.Sequential(lines))])

    x = k.Input((3, 8, 6, 2))
    y = layers.TimeDistributed(inner)(x)
    y = layers.TimeDistributed(k.Sequential([k.Input((72,)), layers.Dense(5)]))(y)
    z = layers.Reshape((2, 6, 12, 2))(x)
    z = layers.TimeDistributed(last)(layers.Concatenate()([z] * 4))
    return k.Model(x, layers.Concatenate()([layers.Flatten()(y), layers.Flatten()(z)]))


def shared_sequences(k):
    """Layers over sequences that are used twice, and frozen ones, before a nested model."""
    layers = k.layers
    conv = layers.Conv1D(3, 3, padding="same", name="conv")
    apart = layers.SeparableConv1D(3, 3, padding="same", name="apart")
    block = k.Sequential(
        [k.Input((10, 3)), layers.SeparableConv1D(3, 2), layers.Conv1D(4, 2)], name="block"
    )
    conv.trainable = False
    x = k.Input((10, 3))
    return k.Model(x, layers.Conv1D(2, 1)(block(apart(conv(apart(conv(x)))))))


def recurrent(k):
    layers = k.layers
    x = k.Input((6, 4))
    y = layers.LSTM(5, return_sequences=True, use_bias=False, name="lstm")(x)
    y = layers.GRU(4, return_sequences=True, go_backwards=True)(y)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True, dropout=0.1))(y)
    y = layers.Bidirectional(layers.SimpleRNN(4, return_sequences=True), merge_mode="mul")(y)
    y = layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="ave")(y)
    y, z = layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode=None)(y)
    y = layers.RNN(layers.GRUCell(5), return_sequences=True)(layers.Concatenate()([z, y]))
    y = layers.GRU(5, reset_after=False, return_sequences=True, unroll=True)(y)
    y = layers.Bidirectional(layers.GRU(4), merge_mode="sum")(y)
    return k.Model(x, layers.Dense(2)(y))


def recurrent_in_nested(k):
    """Give a nested model layers of one shape, and a direction with options of its own."""
    layers = k.layers
    x = y = k.Input((5, 4))
    y = layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True), name="both")(y)
    both = layers.LSTM(2, return_sequences=True, go_backwards=True, name="back")
    y = layers.Bidirectional(
        layers.LSTM(2, return_sequences=True, name="front"), backward_layer=both, name="own"
    )(y)
    y = layers.LSTM(4, return_sequences=True, trainable=False, name="frozen")(y)
    inner = k.Model(x, layers.RNN(layers.SimpleRNNCell(4, use_bias=False), name="cell")(y))
    x = k.Input((5, 4))
    return k.Model(x, layers.Dense(2)(inner(layers.LSTM(4, return_sequences=True)(x))))


ZOO = {
    build.__name__: build
    for build in (
        conv_options,
        conv_even_same,
        conv_dilated,
        conv_softmax,
        depthwise_options,
        depthwise_dilated,
        dense_of_vector,
        dense_of_picture,
        norm_options,
        norm_of_vector,
        norm_of_shared_tensor,
        recurrent,
        recurrent_in_nested,
        activations,
        add_of_three,
        zero_padding,
        padded_pools,
        pools,
        global_pools,
        global_max,
        reshapes,
        noise,
        sequential,
        sequential_without_input,
        sequential_of_model,
        nested,
        shared,
        numbers_for_booleans,
        pools_as_operations,
        shared_with_nested,
        shared_before_nested,
        shared_between_nested,
        shared_nested,
        alike_but_not_shared,
        names_in_names,
        frozen_shared_in_nested,
        frozen_nested,
        unused_branch,
        activation_objects,
        operations,
        arithmetic,
        rescaled,
        rescaled_rows,
        normalized,
        augmented,
        sequences,
        pools_of_sequences,
        separable,
        transposed,
        distributed,
        nested_distributed,
        grouped,
        shared_sequences,
        slopes,
    )
}


@functools.cache
def zoo_model(keras_name: str, name: str):
    """Return a model of the zoo with seeded random weights; `keras_name` is keras or tf_keras."""
    model = ZOO[name](importlib.import_module(keras_name))
    randomize(model)
    return model


def randomize(model, seed: int = 1) -> None:
    """Give every variable, also of batch normalization, seeded random values."""
    rng = np.random.default_rng(seed)
    values = []
    for weight in model.weights:
        kernel = rng.normal(0.0, 0.4, weight.shape)
        variance = rng.uniform(0.5, 2.0, weight.shape)
        values.append(variance if "variance" in weight.name else kernel)
    model.set_weights(values)
    for layer in model.layers:
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()  # reads its variables


def sample_inputs(model, count: int = 3):
    """Return seeded random inputs for a model."""
    shape = tuple(model.inputs[0].shape)[1:]
    return np.random.default_rng(2).normal(0.0, 2.0, (count, *shape)).astype(np.float32)


def predict(model, x):
    """Return what Keras itself computes."""
    return np.asarray(model(x, training=False))


def _tf():
    return importlib.import_module("tensorflow")
