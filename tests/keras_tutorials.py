"""Networks as tutorials write them, for either Keras: what people bring to a microcontroller.

Each function of `MODELS` takes the Keras module and returns a model with Keras's own initial
weights. They are not written for microlut: layers, options and names are those that tutorials use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Keras = Any  # the module: Keras 3, or Keras 2 as tf_keras
Model = Any
MODELS: dict[str, Callable[[Keras], Model]] = {}


def model(build: Callable[[Keras], Model]) -> Callable[[Keras], Model]:
    """Add a function to `MODELS`."""
    MODELS[build.__name__] = build
    return build


def _stack(k: Keras, shape: tuple[int, ...], *layers: Any) -> Model:
    return k.Sequential([k.Input(shape), *layers])


# Dense networks


@model
def sine_regression(k):
    d = k.layers.Dense
    return _stack(k, (1,), d(16, activation="relu"), d(16, activation="relu"), d(1))


@model
def sine_regression_tanh(k):
    d = k.layers.Dense
    return _stack(k, (1,), d(16, activation="tanh"), d(16, activation="tanh"), d(1))


@model
def iris(k):
    d = k.layers.Dense
    return _stack(k, (4,), d(10, activation="relu"), d(3, activation="softmax"))


@model
def binary_classifier(k):
    d = k.layers.Dense
    drop = k.layers.Dropout(0.3)
    return _stack(
        k,
        (30,),
        d(32, activation="relu"),
        drop,
        d(16, activation="relu"),
        d(1, activation="sigmoid"),
    )


@model
def mnist_dense(k):
    d = k.layers.Dense
    return _stack(
        k, (28, 28), k.layers.Flatten(), d(128, activation="relu"), k.layers.Dropout(0.2), d(10)
    )


@model
def mnist_rescaled(k):
    d, layers = k.layers.Dense, k.layers
    return _stack(
        k,
        (28, 28, 1),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        d(64, activation="relu"),
        d(10, activation="softmax"),
    )


@model
def house_prices(k):
    d = k.layers.Dense
    return _stack(
        k,
        (13,),
        k.layers.BatchNormalization(),
        d(64, activation="elu"),
        d(64, activation="elu"),
        d(1),
    )


@model
def selu_dense(k):
    d, layers = k.layers.Dense, k.layers
    kernel = {"activation": "selu", "kernel_initializer": "lecun_normal"}
    return _stack(
        k,
        (20,),
        d(48, **kernel),
        layers.AlphaDropout(0.1),
        d(48, **kernel),
        d(4, activation="softmax"),
    )


@model
def dense_batch_norm(k):
    layers = k.layers
    x = y = k.Input((32,))
    for units in (64, 32):
        y = layers.Dense(units, use_bias=False)(y)
        y = layers.BatchNormalization()(y)
        y = layers.Activation("relu")(y)
    return k.Model(x, layers.Dense(5, activation="softmax")(y))


@model
def dense_leaky(k):
    layers = k.layers
    x = k.Input((24,))
    y = layers.LeakyReLU()(layers.Dense(32)(x))
    y = layers.PReLU()(layers.Dense(32)(y))
    return k.Model(x, layers.Dense(2)(y))


@model
def anomaly_autoencoder(k):
    layers = k.layers
    x = y = k.Input((640,))
    for units in (128, 128, 8, 128, 128):
        y = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(y)))
    return k.Model(x, layers.Dense(640)(y))


@model
def autoencoder_sigmoid(k):
    d = k.layers.Dense
    encoder = k.Sequential([k.Input((784,)), d(32, activation="relu")], name="encoder")
    decoder = k.Sequential([k.Input((32,)), d(784, activation="sigmoid")], name="decoder")
    x = k.Input((784,))
    return k.Model(x, decoder(encoder(x)))


@model
def wide_and_deep(k):
    layers = k.layers
    x = k.Input((8,))
    y = layers.Dense(30, activation="relu")(layers.Dense(30, activation="relu")(x))
    return k.Model(x, layers.Dense(1)(layers.concatenate([x, y])))


@model
def wide_and_deep_two_inputs(k):
    layers = k.layers
    wide, deep = k.Input((5,), name="wide"), k.Input((6,), name="deep")
    y = layers.Dense(30, activation="relu")(layers.Dense(30, activation="relu")(deep))
    main = layers.Dense(1, name="main")(layers.Concatenate()([wide, y]))
    return k.Model([wide, deep], [main, layers.Dense(1, name="aux")(y)])


@model
def dense_gelu(k):
    d = k.layers.Dense
    return _stack(
        k, (16,), d(32, activation="gelu"), d(32, activation="swish"), d(3, activation="softplus")
    )


# LeNet and friends


@model
def lenet_tanh(k):
    layers = k.layers
    return _stack(
        k,
        (28, 28, 1),
        layers.Conv2D(6, 5, activation="tanh", padding="same"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="tanh"),
        layers.Dense(84, activation="tanh"),
        layers.Dense(10, activation="softmax"),
    )


@model
def lenet_sigmoid(k):
    layers = k.layers
    return _stack(
        k,
        (32, 32, 1),
        layers.Conv2D(6, 5, activation="sigmoid"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="sigmoid"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="sigmoid"),
        layers.Dense(10, activation="softmax"),
    )


@model
def mnist_cnn(k):
    layers = k.layers
    return _stack(
        k,
        (28, 28, 1),
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    )


@model
def cifar_cnn(k):
    layers = k.layers
    net = [k.Input((32, 32, 3))]
    for filters in (32, 64):
        net += [
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.Conv2D(filters, 3, activation="relu"),
        ]
        net += [layers.MaxPooling2D(), layers.Dropout(0.25)]
    net += [
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
    return k.Sequential(net)


@model
def flowers(k):
    layers = k.layers
    net = [k.Input((48, 48, 3)), layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)]
    net += [layers.Rescaling(1.0 / 255)]
    for filters in (16, 32, 64):
        net += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    net += [
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(5),
    ]
    return k.Sequential(net)


@model
def rescaled_to_minus_one(k):
    layers = k.layers
    return _stack(
        k,
        (32, 32, 3),
        layers.Rescaling(1 / 127.5, offset=-1),
        layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    )


@model
def normalized_per_channel(k):
    layers = k.layers
    return _stack(
        k,
        (32, 32, 3),
        layers.Normalization(mean=[123.7, 116.3, 103.5], variance=[3411.0, 3265.0, 3291.0]),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(4),
        layers.Flatten(),
        layers.Dense(4, activation="softmax"),
    )


@model
def batch_norm_first(k):
    layers = k.layers
    return _stack(
        k,
        (24, 24, 3),
        layers.BatchNormalization(),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(4, activation="softmax"),
    )


@model
def batch_norm_after_relu(k):
    layers = k.layers
    net = [k.Input((24, 24, 1))]
    for filters in (8, 16):
        net += [
            layers.Conv2D(filters, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
        ]
    return k.Sequential([*net, layers.Flatten(), layers.Dense(10, activation="softmax")])


@model
def vgg_small(k):
    layers = k.layers
    net = [k.Input((32, 32, 3))]
    for filters in (16, 32, 64):
        for _ in range(2):
            net += [
                layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_uniform"),
                layers.BatchNormalization(),
                layers.ReLU(),
            ]
        net.append(layers.MaxPool2D((2, 2), strides=(2, 2)))
    return k.Sequential([*net, layers.GlobalAvgPool2D(), layers.Dense(10, activation="softmax")])


@model
def all_convolutional(k):
    layers = k.layers
    return _stack(
        k,
        (32, 32, 3),
        layers.Conv2D(24, 3, padding="same", activation="relu"),
        layers.Conv2D(24, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 1, activation="relu"),
        layers.Conv2D(10, 1),
        layers.GlobalAveragePooling2D(),
        layers.Activation("softmax"),
    )


@model
def leaky_cnn(k):
    layers = k.layers
    net = [k.Input((32, 32, 1))]
    for filters in (8, 16, 32):
        net += [layers.Conv2D(filters, 3, strides=2, padding="same"), layers.LeakyReLU(0.1)]
    return k.Sequential([*net, layers.Flatten(), layers.Dense(1, activation="sigmoid")])


@model
def prelu_cnn(k):
    layers = k.layers
    net = [k.Input((32, 32, 1))]
    for filters in (8, 16):
        net += [
            layers.Conv2D(filters, 3, padding="same"),
            layers.PReLU(shared_axes=[1, 2]),
            layers.MaxPooling2D(),
        ]
    return k.Sequential([*net, layers.Flatten(), layers.Dense(10, activation="softmax")])


@model
def hard_swish_cnn(k):
    layers = k.layers
    x = k.Input((32, 32, 3))
    y = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = y * layers.ReLU(6.0)(y + 3.0) * (1.0 / 6.0)
    return k.Model(x, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(y)))


@model
def dilated_cnn(k):
    layers = k.layers
    return _stack(
        k,
        (32, 32, 1),
        layers.Conv2D(8, 3, dilation_rate=2, activation="relu"),
        layers.Conv2D(8, 3, dilation_rate=(4, 4), padding="same", activation="relu"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(3, activation="softmax"),
    )


@model
def grouped_cnn(k):
    layers = k.layers
    return _stack(
        k,
        (24, 24, 4),
        layers.Conv2D(16, 3, groups=2, padding="same", activation="relu"),
        layers.Conv2D(16, 3, groups=4, strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(3),
    )


@model
def zero_padded(k):
    layers = k.layers
    return _stack(
        k,
        (28, 28, 1),
        layers.ZeroPadding2D(2),
        layers.Conv2D(8, 5, activation="relu"),
        layers.Cropping2D(((1, 1), (2, 2))),
        layers.MaxPooling2D(3),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    )


# Motion, sound and other sequences


@model
def motion_conv1d(k):
    layers = k.layers
    return _stack(
        k,
        (128, 9),
        layers.Conv1D(32, 3, activation="relu"),
        layers.Conv1D(32, 3, activation="relu"),
        layers.Dropout(0.5),
        layers.MaxPooling1D(2),
        layers.Flatten(),
        layers.Dense(50, activation="relu"),
        layers.Dense(6, activation="softmax"),
    )


@model
def motion_as_picture(k):
    layers = k.layers
    return _stack(
        k,
        (128, 3, 1),
        layers.Conv2D(8, (4, 3), padding="same", activation="relu"),
        layers.MaxPool2D((3, 3)),
        layers.Dropout(0.1),
        layers.Conv2D(16, (4, 1), padding="same", activation="relu"),
        layers.MaxPool2D((3, 1), padding="same"),
        layers.Flatten(),
        layers.Dense(16, activation="relu"),
        layers.Dense(4, activation="softmax"),
    )


@model
def gesture_flat(k):
    d = k.layers.Dense
    return _stack(
        k, (714,), d(50, activation="relu"), d(15, activation="relu"), d(2, activation="softmax")
    )


@model
def edge_impulse_keywords(k):
    layers = k.layers
    net = [k.Input((650,)), layers.Reshape((50, 13))]
    for filters in (8, 16):
        net += [
            layers.Conv1D(filters, 3, padding="same", activation="relu"),
            layers.MaxPooling1D(2, 2, padding="same"),
            layers.Dropout(0.25),
        ]
    return k.Sequential(
        [*net, layers.Flatten(), layers.Dense(3, activation="softmax", name="y_pred")]
    )


@model
def ecg_conv1d(k):
    layers = k.layers
    net = [k.Input((187, 1))]
    for filters, size in ((16, 5), (32, 3)):
        net += [
            layers.Conv1D(filters, size, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPool1D(3, strides=2, padding="same"),
        ]
    net += [
        layers.GlobalAveragePooling1D(),
        layers.Dense(32, activation="relu"),
        layers.Dense(5, activation="softmax"),
    ]
    return k.Sequential(net)


@model
def time_series_fcn(k):
    layers = k.layers
    x = y = k.Input((100, 1))
    for filters, size in ((16, 8), (32, 5), (16, 3)):
        y = layers.Conv1D(filters, size, padding="same")(y)
        y = layers.ReLU()(layers.BatchNormalization()(y))
    return k.Model(x, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(y)))


@model
def separable_conv1d(k):
    layers = k.layers
    return _stack(
        k,
        (64, 6),
        layers.SeparableConv1D(16, 5, padding="same", activation="relu"),
        layers.AveragePooling1D(2),
        layers.SeparableConv1D(16, 3, activation="relu"),
        layers.GlobalMaxPooling1D(),
        layers.Dense(4, activation="softmax"),
    )


@model
def causal_tcn(k):
    layers = k.layers
    x = k.Input((64, 4))
    y = layers.Conv1D(12, 1)(x)
    for rate in (1, 2, 4):
        z = layers.Conv1D(12, 3, dilation_rate=rate, padding="causal", activation="relu")(y)
        y = layers.add([y, layers.Conv1D(12, 1)(z)])
    return k.Model(x, layers.Dense(3, activation="softmax")(layers.Flatten()(y)))


@model
def last_frame_of_tcn(k):
    layers = k.layers
    x = k.Input((32, 4))
    y = layers.Conv1D(8, 3, padding="causal", activation="relu")(x)
    y = layers.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="relu")(y)
    return k.Model(x, layers.Dense(2)(y[:, -1, :]))


@model
def wavenet_gates(k):
    layers = k.layers
    x = k.Input((48, 2))
    y = layers.Conv1D(8, 2, padding="causal")(x)
    gate = layers.multiply(
        [
            layers.Conv1D(8, 2, padding="causal", dilation_rate=2, activation="tanh")(y),
            layers.Conv1D(8, 2, padding="causal", dilation_rate=2, activation="sigmoid")(y),
        ]
    )
    y = layers.add([y, layers.Conv1D(8, 1)(gate)])
    return k.Model(x, layers.Conv1D(1, 1)(layers.ReLU()(y)))


@model
def micro_speech(k):
    layers = k.layers
    return _stack(
        k,
        (1960,),
        layers.Reshape((49, 40, 1)),
        layers.DepthwiseConv2D(
            (10, 8), strides=2, padding="same", depth_multiplier=8, activation="relu"
        ),
        layers.Dropout(0.001),
        layers.Flatten(),
        layers.Dense(4),
        layers.Softmax(),
    )


@model
def speech_commands(k):
    layers = k.layers
    normalize = layers.Normalization(axis=None, mean=0.4, variance=1.7)
    return _stack(
        k,
        (124, 129, 1),
        layers.Resizing(32, 32),
        normalize,
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(8),
    )


@model
def keyword_ds_cnn(k):
    layers = k.layers
    x = k.Input((49, 10, 1))
    y = layers.Conv2D(32, (10, 4), strides=(2, 2), padding="same")(x)
    y = layers.Activation("relu")(layers.BatchNormalization()(y))
    for _ in range(2):
        y = layers.DepthwiseConv2D(3, padding="same")(y)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        y = layers.Conv2D(32, 1, padding="same")(y)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
    y = layers.AveragePooling2D((25, 5))(layers.Dropout(0.4)(y))
    return k.Model(x, layers.Dense(12, activation="softmax")(layers.Flatten()(y)))


@model
def time_distributed_dense(k):
    layers = k.layers
    return _stack(
        k,
        (20, 6),
        layers.TimeDistributed(layers.Dense(8, activation="relu")),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    )


@model
def time_distributed_cnn(k):
    layers = k.layers
    return _stack(
        k,
        (4, 12, 12, 1),
        layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu")),
        layers.TimeDistributed(layers.MaxPooling2D(2)),
        layers.TimeDistributed(layers.Flatten()),
        layers.LSTM(8),
        layers.Dense(3, activation="softmax"),
    )


@model
def lstm_last(k):
    return _stack(k, (28, 4), k.layers.LSTM(16), k.layers.Dense(3, activation="softmax"))


@model
def lstm_stacked(k):
    layers = k.layers
    return _stack(
        k,
        (30, 3),
        layers.LSTM(12, return_sequences=True),
        layers.Dropout(0.2),
        layers.LSTM(8),
        layers.Dense(1),
    )


@model
def lstm_relu_forecast(k):
    layers = k.layers
    return _stack(k, (3, 1), layers.LSTM(50, activation="relu"), layers.Dense(1))


@model
def gru_sequence(k):
    layers = k.layers
    return _stack(k, (24, 5), layers.GRU(10, return_sequences=True), layers.GRU(6), layers.Dense(2))


@model
def simple_rnn(k):
    return _stack(k, (20, 1), k.layers.SimpleRNN(12), k.layers.Dense(1))


@model
def bidirectional_lstm(k):
    layers = k.layers
    return _stack(
        k, (20, 4), layers.Bidirectional(layers.LSTM(8)), layers.Dense(3, activation="softmax")
    )


@model
def conv_lstm_motion(k):
    layers = k.layers
    return _stack(
        k,
        (64, 3),
        layers.Conv1D(8, 5, activation="relu"),
        layers.MaxPooling1D(2),
        layers.LSTM(8),
        layers.Dense(6, activation="softmax"),
    )


@model
def sequence_to_sequence(k):
    layers = k.layers
    return _stack(
        k,
        (12, 2),
        layers.LSTM(8),
        layers.RepeatVector(6),
        layers.LSTM(8, return_sequences=True),
        layers.TimeDistributed(layers.Dense(1)),
    )


@model
def permuted(k):
    layers = k.layers
    return _stack(
        k,
        (6, 40),
        layers.Permute((2, 1)),
        layers.Conv1D(8, 3, activation="relu"),
        layers.GlobalMaxPooling1D(),
        layers.Dense(2, activation="softmax"),
    )


# Deeper networks in the functional style


def _norm_relu(k, y):
    return k.layers.Activation("relu")(k.layers.BatchNormalization()(y))


@model
def resnet_v1(k):
    layers = k.layers
    x = k.Input((32, 32, 3))
    y = _norm_relu(k, layers.Conv2D(16, 3, padding="same")(x))
    for filters, strides in ((16, 1), (32, 2)):
        z = _norm_relu(k, layers.Conv2D(filters, 3, strides=strides, padding="same")(y))
        z = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(z))
        if strides > 1:
            y = layers.Conv2D(filters, 1, strides=strides, padding="same")(y)
        y = layers.Activation("relu")(layers.add([y, z]))
    y = layers.Flatten()(layers.AveragePooling2D(16)(y))
    return k.Model(x, layers.Dense(10, activation="softmax")(y))


@model
def resnet_v2(k):
    layers = k.layers
    x = k.Input((24, 24, 3))
    y = layers.Conv2D(12, 3, padding="same")(x)
    for _ in range(2):
        z = layers.Conv2D(12, 3, padding="same")(_norm_relu(k, y))
        y = y + layers.Conv2D(12, 3, padding="same")(_norm_relu(k, z))
    y = layers.GlobalAveragePooling2D()(_norm_relu(k, y))
    return k.Model(x, layers.Dense(10, activation="softmax")(y))


@model
def inverted_residuals(k):
    layers = k.layers
    x = k.Input((32, 32, 3))
    y = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
    for strides in (1, 2):
        z = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(24, 1, use_bias=False)(y)))
        if strides == 2:
            z = layers.ZeroPadding2D(((0, 1), (0, 1)))(z)
        z = layers.DepthwiseConv2D(
            3, strides=strides, padding="same" if strides == 1 else "valid", use_bias=False
        )(z)
        z = layers.ReLU(6.0)(layers.BatchNormalization()(z))
        z = layers.BatchNormalization()(layers.Conv2D(8, 1, use_bias=False)(z))
        y = layers.Add()([y, z]) if strides == 1 else z
    return k.Model(x, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(y)))


@model
def squeeze_and_excite(k):
    layers = k.layers
    x = k.Input((24, 24, 3))
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    s = layers.GlobalAveragePooling2D()(y)
    s = layers.Reshape((1, 1, 16))(s)
    s = layers.Dense(4, activation="relu", use_bias=False)(s)
    s = layers.Dense(16, activation="sigmoid", use_bias=False)(s)
    y = layers.multiply([y, s])
    return k.Model(x, layers.Dense(5, activation="softmax")(layers.GlobalMaxPooling2D()(y)))


@model
def squeeze_and_excite_hard(k):
    layers = k.layers
    x = k.Input((24, 24, 3))
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    s = layers.GlobalAveragePooling2D(keepdims=True)(y)
    s = layers.Conv2D(4, 1, activation="relu")(s)
    s = layers.Conv2D(16, 1, activation="hard_sigmoid")(s)
    y = layers.Multiply()([y, s])
    return k.Model(x, layers.Dense(5)(layers.GlobalAveragePooling2D()(y)))


@model
def inception(k):
    layers = k.layers
    x = k.Input((28, 28, 3))
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    one = layers.Conv2D(8, 1, padding="same", activation="relu")(y)
    three = layers.Conv2D(8, 3, padding="same", activation="relu")(
        layers.Conv2D(4, 1, activation="relu")(y)
    )
    five = layers.Conv2D(4, 5, padding="same", activation="relu")(
        layers.Conv2D(4, 1, activation="relu")(y)
    )
    pool = layers.Conv2D(4, 1, activation="relu")(
        layers.MaxPooling2D(3, strides=1, padding="same")(y)
    )
    y = layers.concatenate([one, three, five, pool], axis=3)
    return k.Model(x, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(y)))


@model
def densenet(k):
    layers = k.layers
    x = k.Input((24, 24, 3))
    y = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
    for _ in range(3):
        z = layers.Conv2D(6, 3, padding="same", use_bias=False)(_norm_relu(k, y))
        y = layers.Concatenate(axis=-1)([y, z])
    y = layers.AveragePooling2D(2)(layers.Conv2D(12, 1, use_bias=False)(_norm_relu(k, y)))
    return k.Model(x, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(y)))


@model
def squeezenet_fire(k):
    layers = k.layers
    x = k.Input((32, 32, 3))
    y = layers.Conv2D(16, 3, strides=2, activation="relu")(x)
    y = layers.MaxPooling2D(3, strides=2)(y)
    for _ in range(2):
        s = layers.Conv2D(4, 1, activation="relu")(y)
        y = layers.concatenate(
            [
                layers.Conv2D(8, 1, activation="relu")(s),
                layers.Conv2D(8, 3, padding="same", activation="relu")(s),
            ]
        )
    y = layers.GlobalAveragePooling2D()(
        layers.Conv2D(4, 1, activation="relu")(layers.Dropout(0.5)(y))
    )
    return k.Model(x, layers.Activation("softmax")(y))


@model
def xception_small(k):
    layers = k.layers
    x = k.Input((40, 40, 3))
    y = layers.Rescaling(1.0 / 255)(x)
    y = _norm_relu(k, layers.Conv2D(16, 3, strides=2, padding="same")(y))
    previous = y
    for size in (24, 32):
        y = layers.Activation("relu")(y)
        y = layers.BatchNormalization()(layers.SeparableConv2D(size, 3, padding="same")(y))
        y = layers.Activation("relu")(y)
        y = layers.BatchNormalization()(layers.SeparableConv2D(size, 3, padding="same")(y))
        y = layers.MaxPooling2D(3, strides=2, padding="same")(y)
        y = layers.add([y, layers.Conv2D(size, 1, strides=2, padding="same")(previous)])
        previous = y
    y = layers.Dropout(0.25)(layers.GlobalAveragePooling2D()(y))
    return k.Model(x, layers.Dense(1, activation="sigmoid")(y))


@model
def shuffle_unit(k):
    layers = k.layers
    x = k.Input((16, 16, 8))
    y = layers.Conv2D(8, 1, groups=2, activation="relu")(x)
    y = layers.Reshape((16, 16, 2, 4))(y)
    y = layers.Permute((1, 2, 4, 3))(y)
    y = layers.Reshape((16, 16, 8))(y)
    y = layers.DepthwiseConv2D(3, padding="same")(y)
    y = layers.add([x, layers.Conv2D(8, 1, groups=2)(y)])
    return k.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(y)))


@model
def mobilenet_v3_block(k):
    layers = k.layers
    x = k.Input((24, 24, 3))
    y = layers.BatchNormalization()(
        layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    )
    y = layers.Activation("swish")(y)
    z = layers.DepthwiseConv2D(5, padding="same", use_bias=False)(y)
    z = layers.Activation("swish")(layers.BatchNormalization()(z))
    s = layers.Reshape((1, 1, 16))(layers.GlobalAveragePooling2D()(z))
    s = layers.Conv2D(16, 1, activation="sigmoid")(layers.Conv2D(4, 1, activation="swish")(s))
    z = layers.Conv2D(16, 1, use_bias=False)(layers.multiply([z, s]))
    y = layers.add([y, layers.Dropout(0.2)(layers.BatchNormalization()(z))])
    return k.Model(x, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(y)))


# Pictures as outputs


@model
def unet(k):
    layers = k.layers

    def block(y, filters):
        y = layers.Conv2D(filters, 3, padding="same", activation="relu")(y)
        return layers.Conv2D(filters, 3, padding="same", activation="relu")(y)

    x = k.Input((32, 32, 1))
    first = block(x, 8)
    second = block(layers.MaxPooling2D()(first), 16)
    y = block(layers.MaxPooling2D()(second), 16)
    y = block(
        layers.concatenate([layers.Conv2DTranspose(16, 2, strides=2, padding="same")(y), second]),
        16,
    )
    y = block(
        layers.concatenate([layers.Conv2DTranspose(8, 2, strides=2, padding="same")(y), first]), 8
    )
    return k.Model(x, layers.Conv2D(1, 1, activation="sigmoid")(y))


@model
def unet_upsampled(k):
    layers = k.layers
    x = k.Input((32, 32, 3))
    first = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.MaxPooling2D()(first))
    y = layers.UpSampling2D()(y)
    y = layers.Concatenate()([y, first])
    return k.Model(x, layers.Conv2D(4, 1, activation="softmax")(y))


@model
def bilinear_segmentation(k):
    layers = k.layers
    x = k.Input((32, 32, 3))
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    y = layers.Conv2D(2, 1)(layers.DepthwiseConv2D(3, padding="same", activation="relu")(y))
    return k.Model(x, layers.UpSampling2D(2, interpolation="bilinear")(y))


@model
def convolutional_autoencoder(k):
    layers = k.layers
    x = k.Input((28, 28, 1))
    y = layers.Conv2D(16, 3, activation="relu", padding="same", strides=2)(x)
    y = layers.Conv2D(8, 3, activation="relu", padding="same", strides=2)(y)
    y = layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(y)
    y = layers.Conv2DTranspose(16, 3, strides=2, activation="relu", padding="same")(y)
    return k.Model(x, layers.Conv2D(1, 3, activation="sigmoid", padding="same")(y))


@model
def denoiser(k):
    layers = k.layers
    x = k.Input((24, 24, 1))
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(1, 3, padding="same")(
        layers.Conv2D(16, 3, padding="same", activation="relu")(y)
    )
    return k.Model(x, layers.Subtract()([x, y]))


@model
def super_resolution(k):
    layers = k.layers
    x = k.Input((16, 16, 1))
    y = layers.Conv2D(16, 5, padding="same", activation="tanh")(x)
    y = layers.Conv2D(16, 3, padding="same", activation="tanh")(y)
    return k.Model(x, layers.Conv2DTranspose(1, 4, strides=2, padding="same")(y))


@model
def fully_convolutional_heads(k):
    layers = k.layers
    x = k.Input((48, 48, 3))
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    y = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(y)
    boxes = layers.Reshape((-1, 4), name="boxes")(layers.Conv2D(8, 3, padding="same")(y))
    scores = layers.Softmax(name="scores")(
        layers.Reshape((-1, 3))(layers.Conv2D(6, 3, padding="same")(y))
    )
    return k.Model(x, [boxes, scores])


@model
def keypoints(k):
    layers = k.layers
    x = k.Input((32, 32, 1))
    y = layers.MaxPooling2D()(layers.Conv2D(8, 3, activation="elu")(x))
    y = layers.MaxPooling2D()(layers.Conv2D(16, 3, activation="elu")(y))
    return k.Model(x, layers.Dense(10)(layers.Dense(32, activation="elu")(layers.Flatten()(y))))


# Several ends, nested and shared models


@model
def two_heads(k):
    layers = k.layers
    x = k.Input((24, 24, 1))
    y = layers.Flatten()(layers.MaxPooling2D(2)(layers.Conv2D(8, 3, activation="relu")(x)))
    return k.Model(
        x,
        {
            "age": layers.Dense(1, name="age")(y),
            "gender": layers.Dense(1, activation="sigmoid", name="gender")(y),
        },
    )


@model
def camera_and_sensors(k):
    layers = k.layers
    camera, sensors = k.Input((24, 24, 1), name="camera"), k.Input((6,), name="sensors")
    y = layers.Flatten()(layers.MaxPooling2D(2)(layers.Conv2D(8, 3, activation="relu")(camera)))
    y = layers.concatenate(
        [layers.Dense(16, activation="relu")(y), layers.Dense(8, activation="relu")(sensors)]
    )
    return k.Model([camera, sensors], layers.Dense(3, activation="softmax")(y))


@model
def siamese(k):
    layers = k.layers
    twin = k.Sequential(
        [
            k.Input((20, 20, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(16),
        ],
        name="twin",
    )
    left, right = k.Input((20, 20, 1), name="left"), k.Input((20, 20, 1), name="right")
    y = layers.Subtract()([twin(left), twin(right)])
    return k.Model([left, right], layers.Dense(1, activation="sigmoid")(layers.Multiply()([y, y])))


@model
def transfer_learning(k):
    layers = k.layers
    base = k.Sequential(
        [
            k.Input((32, 32, 3)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
        ],
        name="base",
    )
    base.trainable = False
    x = k.Input((32, 32, 3))
    y = layers.Rescaling(1 / 127.5, offset=-1)(x)
    y = layers.GlobalAveragePooling2D()(base(y, training=False))
    return k.Model(x, layers.Dense(3, activation="softmax")(layers.Dropout(0.2)(y)))


@model
def maxout(k):
    layers = k.layers
    x = k.Input((12,))
    y = layers.maximum([layers.Dense(8)(x), layers.Dense(8)(x)])
    z = layers.minimum([layers.Dense(8)(y), layers.Dense(8)(y)])
    return k.Model(x, layers.Dense(2)(layers.average([y, z])))


@model
def layer_normalized(k):
    layers = k.layers
    x = k.Input((16, 8))
    y = layers.LayerNormalization()(layers.Dense(12)(x))
    y = layers.Dense(12, activation="relu")(y)
    return k.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))


@model
def attention_pool(k):
    layers = k.layers
    x = k.Input((16, 8))
    scores = layers.Softmax(axis=1)(layers.Dense(1)(x))
    y = layers.GlobalAveragePooling1D()(layers.multiply([x, scores]))
    return k.Model(x, layers.Dense(2)(y))


@model
def embedding_vectors(k):
    layers = k.layers
    x = k.Input((32, 32, 3))
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(16, 3, activation="relu")(x))
    return k.Model(x, layers.UnitNormalization()(layers.Dense(8)(y)))


@model
def actor_critic(k):
    layers = k.layers
    x = k.Input((8,))
    y = layers.Dense(24, activation="relu")(x)
    return k.Model(
        x,
        [layers.Dense(4, activation="softmax", name="actor")(y), layers.Dense(1, name="critic")(y)],
    )


@model
def dueling_q(k):
    layers = k.layers
    x = k.Input((8,))
    y = layers.Dense(24, activation="relu")(x)
    value, advantage = layers.Dense(1)(y), layers.Dense(4)(y)
    return k.Model(x, layers.Add()([value, advantage]))
