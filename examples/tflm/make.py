"""Make shapes.tflite as the TensorFlow Lite converter does for TFLM.

    python examples/tflm/make.py

It takes the network of examples/budget, and needs `pip install 'microlut[train]'`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "budget"))

import shapes  # noqa: E402 (another example's module)


def main() -> None:
    """Write the file."""
    model = keras.models.load_model(HERE.parent / "budget" / "shapes.keras")
    usual, _ = shapes.pictures(200, 1)

    def inputs() -> Iterator[list[np.ndarray]]:
        for each in usual:
            yield [each[None].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = inputs
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (HERE / "shapes.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main()
