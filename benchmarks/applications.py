"""Build networks of keras.applications with random weights whose outputs tell inputs apart.

As Keras initialises them, these networks give every input the same probabilities: their
BatchNormalization layers neither know what they normalise nor scale it, and white noise looks the
same after global pooling. Here these layers have the statistics of random pictures, with random
scales and offsets, and the last layer's scores differ from picture to picture.

Offsets are about as large as scales, so that a ReLU passes most values. With offsets around zero it
passes half of the noise's power but a third of the variance of what it reads: each such layer would
lose 1.7 dB, and 27 of them in a row all that 8 bits hold, which no trained network does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3SmallMinimalistic"),
    *("EfficientNetB0", "EfficientNetV2B0", "ResNet50", "ResNet50V2", "DenseNet121"),
    *("InceptionV3", "NASNetMobile", "Xception", "VGG16"),
)
_SIDE = 96
_CLASSES = 10  # int8 cannot hold the probabilities of a thousand
_SQUARES = (2, 3, 4, 6, 8, 12)  # a side, of a picture's pattern
_SPREAD = 3.0  # standard deviation of the scores
_PICTURES = 32  # that the statistics are from


def pictures(name: str, count: int, seed: int) -> NDArray[np.float32]:
    """Return random pictures [count, side, side, 3]: patterns of any size, contrast and colour."""
    rng = np.random.default_rng(seed)
    x = np.empty((count, _SIDE, _SIDE, 3))
    for picture, squares in zip(x, rng.choice(_SQUARES, count), strict=True):
        pattern = rng.uniform(-1.0, 1.0, (squares, squares, 3))
        size = _SIDE // squares
        picture[...] = pattern.repeat(size, axis=0).repeat(size, axis=1)
    x = rng.uniform(0.1, 0.5, (count, 1, 1, 1)) * x + rng.uniform(-0.5, 0.5, (count, 1, 1, 3))
    x = np.clip(x + rng.uniform(0.0, 0.2, (count, 1, 1, 1)) * rng.normal(size=x.shape), -1.0, 1.0)
    if name.startswith(("MobileNetV3", "EfficientNet")):  # these rescale pixels themselves
        x = np.round(127.5 * (x + 1.0))
    return x.astype(np.float32)


def builder(name: str) -> Callable[[Any], Any]:
    """Return a function that builds a network with the Keras that is handed in."""

    def build(keras: Any) -> Any:  # noqa: ANN401
        options: dict[str, Any] = {"weights": None, "classes": _CLASSES}
        options["input_shape"] = (_SIDE, _SIDE, 3)
        if name.startswith("MobileNetV3"):
            options["minimalistic"] = name.endswith("Minimalistic")
        model = getattr(keras.applications, name.removesuffix("Minimalistic"))(**options)
        x = pictures(name, _PICTURES, seed=0)
        _set_statistics(keras, model, x)
        _spread_scores(keras, model, x)
        return model

    return build


def _set_statistics(keras: Any, model: Any, x: NDArray[np.float32]) -> None:  # noqa: ANN401
    rng = np.random.default_rng(0)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        for weight, low, high in ((norm.gamma, 0.7, 1.3), (norm.beta, 0.5, 1.5)):
            if weight is not None:
                weight.assign(rng.uniform(low, high, weight.shape))
    model(x, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _spread_scores(keras: Any, model: Any, x: NDArray[np.float32]) -> None:  # noqa: ANN401
    """Give the last layer weights of which the scores of different inputs differ.

    They are sums of differences between inputs, as those that gradients make: what all inputs have
    in common adds nothing to a score.
    """
    last = [layer for layer in model.layers if getattr(layer, "kernel", None) is not None][-1]
    shape = last.kernel.shape
    features = keras.Model(model.input, last.input).predict(x, verbose=0).reshape(len(x), -1)
    differences = features - features.mean(axis=0)
    new = differences.T @ np.random.default_rng(0).normal(size=(len(x), _CLASSES))
    new *= _SPREAD / (differences @ new).std(axis=0)
    last.set_weights([new.reshape(shape), -features.mean(axis=0) @ new])
