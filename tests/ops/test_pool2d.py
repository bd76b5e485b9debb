"""Maximum and mean over windows in all their forms."""

import numpy as np
import pytest
from harness import (
    Case,
    KerasWindow,
    in_a_row,
    layer,
    operator_tests,
    over_steps,
    own_operator_tests,
)

from graphs import run_integer
from microlut.ops.activation import ActivationKind
from microlut.ops.pool2d import AveragePool2D, MaxPool2D, QPool2D
from microlut.ops.windows import Padding, Window

KINDS = {"max": (MaxPool2D, "MaxPooling2D"), "average": (AveragePool2D, "AveragePooling2D")}
ACTIVATIONS = {
    "linear": (),
    "relu": (layer("ReLU"),),
    "relu6": (layer("ReLU", max_value=6.0),),
}


def pool(mode, name, shape, window, activation="linear", spread=1.0):
    kind, keras = KINDS[mode]
    op = kind(window.over(shape), ActivationKind(activation))
    made = in_a_row(window.layer(keras, pool_size=window.size), *ACTIVATIONS[activation])
    return Case(f"{mode}_{name}", op, (shape,), made, spreads=(spread,))


def pools(mode):
    """Return the cases of a mode; windows are (size, strides, dilation, padding)."""
    return (
        pool(mode, "halves", (6, 8, 4), KerasWindow((2, 2), (2, 2))),
        pool(mode, "odd_rest", (7, 5, 3), KerasWindow((2, 2), (2, 2))),
        pool(mode, "same", (7, 5, 3), KerasWindow((2, 3), (2, 3), (1, 1), "same")),
        pool(mode, "overlapping", (7, 9, 5), KerasWindow((3, 3), (2, 2), (1, 1), "same")),
        pool(mode, "apart", (9, 11, 2), KerasWindow((2, 1), (3, 4))),
        pool(mode, "relu", (5, 5, 8), KerasWindow((3, 2), (1, 2)), "relu"),
        pool(mode, "relu6", (5, 4, 9), KerasWindow((2, 2), (1, 1), (1, 1), "same"), "relu6", 6.0),
        pool(mode, "column", (6, 1, 7), KerasWindow((3, 1), (2, 1), (1, 1), "same")),
    )


def pool1d(mode, name, steps, size, strides, padding):
    """Return a pool over a sequence: one over a picture of height 1."""
    kind, keras = KINDS[mode]
    shape, window = (1, *steps), KerasWindow((1, size), (1, strides), padding=padding)
    op = kind(window.over(shape))
    one = layer(keras.replace("2D", "1D"), pool_size=size, strides=strides, padding=padding)
    return Case(f"{mode}_{name}", op, (shape,), over_steps(one, shape, op.shapes((shape,))[0]))


WHOLE = MaxPool2D(Window((4, 5), (4, 5)))
CASES = (
    *pools("max"),
    *pools("average"),
    pool1d("max", "steps", (17, 5), 3, 2, "same"),
    pool1d("average", "steps", (18, 4), 4, 3, "valid"),
    pool1d("average", "same_steps", (17, 5), 3, 2, "same"),
    pool("max", "whole", (4, 5, 6), KerasWindow((4, 5), (4, 5))),
    *(  # padding that Keras lacks, as that of PyTorch
        Case(f"max_{name}", MaxPool2D(window), (shape,), dtype=dtype)
        for name, shape, window, dtype in (
            ("both_sides", (8, 6, 5), Window((3, 3), (2, 2), Padding(1, 1, 1, 1)), "int8"),
            ("wide", (7, 9, 4), Window((3, 5), (2, 1), Padding(0, 1, 2, 2)), "int8"),
            ("int16_sides", (8, 6, 3), Window((3, 3), (2, 2), Padding(1, 1, 1, 1)), "int16"),
        )
    ),
    Case("max_global", WHOLE, ((4, 5, 3),), layer("GlobalMaxPooling2D")),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


# TensorFlow Lite has no average pool with these paddings.
PADDED = (
    Case(
        "valid",
        AveragePool2D(Window((2, 2), (2, 2))),
        ((4, 6, 3),),
        layer("AveragePooling2D", pool_size=2),
    ),
    *(
        Case(name, AveragePool2D(window), (shape,))
        for name, shape, window in (
            ("both_sides", (8, 6, 5), Window((3, 3), (2, 2), Padding(1, 1, 1, 1))),
            ("rest", (8, 7, 4), Window((3, 3), (3, 3), Padding(0, 1, 0, 2))),
        )
    ),
)
(
    test_padded_float_equals_keras,
    test_padded_training_equals_float,
    test_padded_c_equals_integer_on_this_computer,
    test_padded_c_equals_integer_on_cortex_m4,
) = own_operator_tests(PADDED)


def test_average_pools_that_tensorflow_lite_lacks():
    graphs = [case.quantized for case in PADDED]
    assert [bool(graph.tflite_lacks()) for graph in graphs] == [False, True, True]


@pytest.mark.parametrize(
    ("values", "mode", "wanted"),
    [
        ([1, 2, 2, 1], "average", 2),  # 1.5 away from zero
        ([-1, -2, -2, -1], "average", -2),
        ([-1, 0, 0, 0], "average", 0),
        ([-1, -1, 0, 0], "average", -1),
        ([-128] * 4, "average", -128),
        ([-128, 5, -7, 4], "max", 5),
    ],
)
def test_pool_rounds_halves_away_from_zero(values, mode, wanted):
    x = np.array(values, np.int8).reshape(1, 2, 2, 1)
    assert run_integer(QPool2D(mode, Window((2, 2)), -128, 127), [x]).item() == wanted


@pytest.mark.parametrize("mode", KINDS)
def test_padded_positions_do_not_count(mode):
    moved = Window((3, 3), padding=Padding(1, 1, 1, 1))
    x = np.full((1, 1, 1, 1), -10, np.int8)
    assert run_integer(QPool2D(mode, moved, -128, 127), [x]).item() == -10


# Windows that no layer of Keras has, but that passes and files may make.
@pytest.mark.parametrize("kind", [MaxPool2D, AveragePool2D])
def test_training_equals_float_with_padding_and_dilation(kind):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")
    op = kind(Window((3, 2), (2, 3), Padding(1, 0, 0, 1), (2, 3)))
    x = np.random.default_rng(0).normal(size=(2, 9, 10, 3)).astype(np.float32)
    (found,), (wanted,) = op.train(tf, [tf.constant(x)]), op.evaluate([x])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
