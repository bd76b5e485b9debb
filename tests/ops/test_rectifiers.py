"""Rectifiers with options in all their forms."""

import numpy as np
from elementwise_cases import activation, function_cases, operation, single
from harness import layer, operator_tests

from microlut.ops.rectifiers import BoundedRelu, Celu, Elu, LeakyRelu, Selu

RNG = np.random.default_rng(19)
SLOPE, ALPHA, LIMIT, THRESHOLD = (single(x) for x in RNG.uniform(0.05, 2.0, 4))


def relu_function(tensors):
    import keras

    return keras.activations.relu(tensors[0], negative_slope=-0.5, max_value=1.5, threshold=-0.25)


CASES = function_cases(
    ("leaky_relu", LeakyRelu(single(0.2)), activation("leaky_relu")),
    ("leaky_layer", LeakyRelu(SLOPE), layer("LeakyReLU", negative_slope=SLOPE)),
    ("leaky_default", LeakyRelu(single(0.3)), layer("LeakyReLU")),
    ("leaky_function", LeakyRelu(-SLOPE), operation("leaky_relu", -SLOPE)),
    ("leaky_relu_layer", LeakyRelu(SLOPE), layer("ReLU", negative_slope=SLOPE)),
    ("relu_limited", BoundedRelu(LIMIT), layer("ReLU", max_value=LIMIT)),
    ("relu_zero", BoundedRelu(0.0, 0.5), layer("ReLU", max_value=0.0, negative_slope=0.5)),
    ("relu_threshold", BoundedRelu(None, 0.0, THRESHOLD), layer("ReLU", threshold=THRESHOLD)),
    (
        "relu_all",
        BoundedRelu(LIMIT, SLOPE, THRESHOLD),
        layer("ReLU", max_value=LIMIT, negative_slope=SLOPE, threshold=THRESHOLD),
    ),
    ("relu_function", BoundedRelu(1.5, -0.5, -0.25), relu_function),
    ("elu", Elu(), activation("elu")),
    ("elu_layer", Elu(ALPHA), layer("ELU", alpha=ALPHA)),
    ("elu_function", Elu(-ALPHA), operation("elu", -ALPHA)),
    ("elu_plain", Elu(), layer("ELU")),
    ("selu", Selu(), activation("selu")),
    ("selu_function", Selu(), operation("selu")),
    ("celu", Celu(), activation("celu")),
    ("celu_function", Celu(ALPHA), operation("celu", ALPHA)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
