"""The leaky rectifier with slopes that are weights, in all its forms."""

from dataclasses import replace

import numpy as np
import pytest
from harness import Case, layer, operator_tests

from microlut.ops.arrays import frozen_array
from microlut.ops.prelu import Prelu, QPrelu
from microlut.ops.tensor import Quantization, Tensor


def slopes(*shape, spread=1.0):
    values = np.random.default_rng(shape).normal(0.1, spread, shape)
    return frozen_array(values)


CASES = (
    Case("by_channel", Prelu(slopes(1, 1, 3)), ((5, 7, 3),), layer("PReLU", shared_axes=[1, 2])),
    Case("by_value", Prelu(slopes(5, 7, 3)), ((5, 7, 3),), layer("PReLU")),
    Case("by_row", Prelu(slopes(5, 1, 1)), ((5, 7, 3),), layer("PReLU", shared_axes=[2, 3])),
    Case("by_column", Prelu(slopes(1, 6, 1)), ((4, 6, 5),), layer("PReLU", shared_axes=[1, 3])),
    Case("by_pixel", Prelu(slopes(4, 6, 1)), ((4, 6, 5),), layer("PReLU", shared_axes=[3])),
    Case("not_by_column", Prelu(slopes(4, 1, 5)), ((4, 6, 5),), layer("PReLU", shared_axes=[2])),
    Case("vector", Prelu(slopes(33, spread=20.0)), ((33,),), layer("PReLU"), spreads=(3.0,)),
    Case("last_only", Prelu(slopes(9, spread=0.01)), ((4, 9),), None, spreads=(100.0,)),
    Case("zeros", Prelu(frozen_array(np.zeros(7))), ((7,),), None),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.keras
def test_one_slope_becomes_a_table():
    from microlut.importers import import_model
    from microlut.ops.rectifiers import LeakyRelu

    keras = pytest.importorskip("keras")
    x = keras.Input((4, 5, 3))
    made = layer("PReLU", shared_axes=[1, 2, 3], alpha_initializer="ones")
    (node,) = import_model(keras.Model(x, made([x]))).nodes
    assert node.op == LeakyRelu(1.0)


def test_slopes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"slopes of shape \[4\]"):
        Prelu(slopes(4)).shapes([(5, 3)])


@pytest.mark.parametrize(
    "part", [{"positive": (1 << 30, 23)}, {"negative": (1 << 30, 17)}, {"slope_scale": 0.0}]
)
def test_damaged_numbers_are_found(part):
    tensor = Tensor("x", (3,), "int8", Quantization(0.1, 0))
    sound = Prelu(slopes(3)).quantize([tensor], [tensor])
    assert isinstance(sound, QPrelu)
    sound.check([tensor], [tensor])
    with pytest.raises(ValueError, match="its"):
        replace(sound, **part).check([tensor], [tensor])
