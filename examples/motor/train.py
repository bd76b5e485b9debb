"""Train an autoencoder on the sound of a motor in order: what it cannot repeat is unusual.

    python examples/motor/train.py

It writes motor.keras and motor_calibration.npz, and prints the threshold of detect.c.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from motors import frames

HERE = Path(__file__).parent


def main() -> None:
    """Train, and write the example's files."""
    keras.utils.set_random_seed(1)
    x = frames(60, 1)
    model = keras.Sequential(
        [
            keras.layers.Input((x.shape[1],)),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.Dense(x.shape[1]),
        ],
        name="motor",
    )
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    model.fit(x, x, epochs=60, batch_size=64, verbose=2)
    errors = [
        np.mean((y - model.predict(y, verbose=0)) ** 2, axis=1)
        for y in (frames(30, 2), frames(30, 3, 0.1))
    ]
    print(f"mean square error in order: up to {errors[0].max():.2f}")
    print(f"with a bad bearing: {errors[1].min():.2f} or more")
    model.save(HERE / "motor.keras")
    np.savez_compressed(HERE / "motor_calibration.npz", x=x[:400])


if __name__ == "__main__":
    main()
