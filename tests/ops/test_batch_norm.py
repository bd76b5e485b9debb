"""Batch normalization at inference, which passes fold into other layers."""

import numpy as np
from harness import Case, float_only_tests, in_a_row, layer

from microlut.ops.batch_norm import BatchNorm


def batch_norm(name, shape, *around):
    """Return a case between layers, each before it or after it."""
    rng = np.random.default_rng(list(name.encode()))
    scale, offset = rng.normal(size=(2, shape[-1])).astype(np.float32)
    return Case(name, BatchNorm(scale, offset), (shape,), in_a_row(*around))


NORM = layer("BatchNormalization")
CASES = (
    batch_norm("alone", (5, 4, 3), NORM),
    batch_norm("vector", (7,), NORM),
    batch_norm("rank_two", (5, 3), NORM, layer("ReLU")),
    batch_norm("plain", (4, 3, 5), layer("BatchNormalization", center=False, scale=False)),
    batch_norm("after_conv2d", (6, 5, 3), layer("Conv2D", filters=3, kernel_size=3), NORM),
    batch_norm("after_dense", (9,), layer("Dense", units=9), NORM, layer("ReLU")),
    batch_norm("after_depthwise", (6, 5, 4), layer("DepthwiseConv2D", kernel_size=3), NORM),
    batch_norm("before_dense", (9,), NORM, layer("Dense", units=4)),
    batch_norm("before_flatten", (3, 2, 4), NORM, layer("Flatten"), layer("Dense", units=2)),
    batch_norm("before_depthwise", (6, 5, 4), NORM, layer("DepthwiseConv2D", kernel_size=3)),
    batch_norm(
        *("before_padding", (6, 5, 4), NORM),
        layer("Conv2D", filters=2, kernel_size=3, padding="same"),
    ),
    batch_norm("two", (4, 4, 2), NORM, NORM),
    batch_norm("rows", (4, 3, 2), layer("BatchNormalization", axis=1)),
    batch_norm("columns", (4, 3, 2), layer("ReLU"), layer("BatchNormalization", axis=2)),
    batch_norm("time", (6, 5), layer("ReLU"), layer("BatchNormalization", axis=1)),
    batch_norm("rank_four", (2, 3, 4, 5), layer("ReLU"), NORM),
    batch_norm("rescaling", (4, 4, 3), layer("Rescaling", scale=1 / 127.5, offset=-1.0)),
)
test_float_equals_keras, test_training_equals_float = float_only_tests(CASES)
