"""Train a 1-D network that tells movements apart, on the raw values of an accelerometer in g.

    python examples/motion/train.py

It writes motion.keras and motion_calibration.npz, which are part of the example.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from motions import NAMES, SCALE, WINDOW, windows

HERE = Path(__file__).parent


def main() -> None:
    """Train, and write the example's files."""
    keras.utils.set_random_seed(1)
    raw, classes = windows(2000, 1)
    x = (raw * SCALE).astype(np.float32)
    model = keras.Sequential(
        [
            keras.layers.Input((WINDOW, 3)),
            keras.layers.Conv1D(12, 7, 2, activation="relu"),
            keras.layers.Conv1D(16, 5, 2, activation="relu"),
            keras.layers.Conv1D(16, 3, 2, activation="relu"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(len(NAMES), activation="softmax"),
        ],
        name="motion",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, classes, epochs=12, batch_size=32, verbose=2)
    others, right = windows(500, 2)
    answers = model.predict(others * SCALE, verbose=0).argmax(axis=1)
    print(f"accuracy on 500 other windows: {100 * (answers == right).mean():.1f} %")
    model.save(HERE / "motion.keras")
    np.savez_compressed(HERE / "motion_calibration.npz", x=x[:120])


if __name__ == "__main__":
    main()
