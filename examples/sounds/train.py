"""Train a network that tells sounds apart on the features that the device computes.

    python examples/sounds/train.py

It writes sounds.keras, and sounds_calibration.npz with some of the features; both are part of the
example. The features are those of `microlut.signal`, so that training sees what the device sees.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from sounds import NAMES, sounds

from microlut.signal import MFCC

HERE = Path(__file__).parent


def main() -> None:
    """Train, and write the example's files."""
    keras.utils.set_random_seed(1)
    samples, classes = sounds(3000, 1)
    x = np.stack([MFCC(one) for one in samples])[..., None]
    model = keras.Sequential(
        [
            keras.layers.Input(x.shape[1:]),
            keras.layers.Normalization(axis=None, name="scale"),
            keras.layers.Conv2D(12, (5, 3), 2, activation="relu"),
            keras.layers.Conv2D(16, 3, 2, activation="relu"),
            keras.layers.Conv2D(16, (3, 1), activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(NAMES), activation="softmax"),
        ],
        name="sounds",
    )
    model.layers[0].adapt(x)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, classes, epochs=12, batch_size=32, verbose=2)
    heard = np.stack([MFCC(one) for one in sounds(500, 2)[0]])[..., None]
    right = model.predict(heard, verbose=0).argmax(axis=1) == sounds(500, 2)[1]
    print(f"accuracy on 500 other sounds: {100 * right.mean():.1f} %")
    model.save(HERE / "sounds.keras")
    np.savez_compressed(HERE / "sounds_calibration.npz", x=x[:100])


if __name__ == "__main__":
    main()
