#!/usr/bin/env python3
"""Keep a small model as this release converts it: tests/fixtures/VERSION.

    .venv/bin/python scripts/make_release_fixture.py

docs/STABILITY.md says what later releases promise for it. An existing folder is kept.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import microlut

FIXTURES = Path(__file__).resolve().parents[1] / "tests" / "fixtures"
# What builds and reads need; the engine is in the repository, and the .tflite in its own format.
KEPT = ("model.json", "report.json", "model.h", "model.c", "weights.h", "weights.c")
INPUTS = 16


def network() -> object:
    """Return a small residual classifier with the operators that most models have."""
    import keras

    keras.utils.set_random_seed(7)
    layers = keras.layers
    start = layers.Input((6, 6, 2), name="picture")
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(start)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    y = layers.Conv2D(4, 1)(y)
    x = layers.Add()([x, y])
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    return keras.Model(start, layers.Dense(3, activation="softmax")(x))


def main() -> int:
    """Convert, run and keep; return 1 if the folder is there."""
    target = FIXTURES / microlut.__version__
    if target.exists():
        sys.stderr.write(f"{target}: is there already; a release is kept as it was\n")
        return 1
    samples = np.random.default_rng(7).normal(0, 1, (64, 6, 6, 2)).astype(np.float32)
    conversion = microlut.convert(network(), samples, bits=4, distill=False, name="net")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "net"
        project = microlut.write(conversion, folder)
        outcome = microlut.run(project, "host", samples[:INPUTS])
        target.mkdir(parents=True)
        for name in KEPT:
            shutil.copy(folder / name, target / name)
    np.savez_compressed(target / "answers.npz", x=samples[:INPUTS], outputs=outcome.outputs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
