"""Train a picture classifier of 7,000 weights on shapes of 32x32 pixels.

    python examples/budget/train.py

It writes shapes.keras and shapes_calibration.npz, which are part of the example.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers
from shapes import NAMES, SIDE, pictures

HERE = Path(__file__).parent


def block(x: keras.KerasTensor, filters: int, stride: int) -> keras.KerasTensor:
    """Return a depthwise and a pointwise convolution of x."""
    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def network() -> keras.Model:
    """Return the network; the first layer takes bytes."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0)(image)
    x = layers.Conv2D(16, 3, 2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for filters, stride in ((24, 1), (32, 2), (48, 2), (64, 1)):
        x = block(x, filters, stride)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(len(NAMES), activation="softmax")(x)
    return keras.Model(image, x, name="shapes")


def main() -> None:
    """Train, and write the example's files."""
    keras.utils.set_random_seed(3)
    x, y = pictures(12000, 1)
    model = network()
    steps = 12 * len(x) // 64
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x.astype(np.float32), y, epochs=12, batch_size=64, verbose=2)
    others, right = pictures(1000, 2)
    answers = model.predict(others.astype(np.float32), verbose=0).argmax(axis=1)
    print(f"accuracy on 1,000 other pictures: {100 * (answers == right).mean():.1f} %")
    print(f"weights: {model.count_params():,}")
    bare = keras.Model(model.inputs, model.outputs, name=model.name)
    bare.save(HERE / "shapes.keras")
    np.savez_compressed(HERE / "shapes_calibration.npz", x=x[:64])


if __name__ == "__main__":
    main()
