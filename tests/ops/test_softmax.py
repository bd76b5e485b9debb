"""Softmax in all its forms."""

import numpy as np
import pytest
from harness import Case, layer, operator_tests

from graphs import run_float, run_integer
from microlut.errors import UnsupportedModel
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import Quantization, Tensor

LAYER = layer("Softmax")
CASES = (
    Case("ten", Softmax(), ((10,),), LAYER),
    Case("two", Softmax(), ((2,),), layer("Activation", activation="softmax"), spreads=(3.0,)),
    Case("long", Softmax(), ((257,),), LAYER, spreads=(5.0,)),
    Case("small", Softmax(), ((12,),), LAYER, spreads=(0.1,)),
    Case("large", Softmax(), ((12,),), LAYER, spreads=(1000.0,)),
    Case("rows", Softmax(), ((3, 5),), LAYER, spreads=(2.0,)),
    Case("picture", Softmax(), ((2, 3, 4),), LAYER, spreads=(10.0,)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def integer_form(scale):
    x = Tensor("x", (2,), "int8", Quantization(float(np.float32(scale)), 0))
    y = Tensor("y", (2,), "int8", Softmax.scale_rule.quantization("int8"))
    return Softmax().quantize([x], [y])


def test_float_form_survives_large_values():
    found = run_float(Softmax(), np.array([[1000, 1000], [-1000, 1000]], np.float32))
    np.testing.assert_array_equal(found, [[0.5, 0.5], [0, 1]])


@pytest.mark.parametrize("scale", [1e-4, 0.003, 0.02, 0.1, 1.0, 50.0])
@pytest.mark.parametrize("length", [1, 2, 10, 257, 600])
def test_integer_form_is_exact_to_a_step(scale, length):
    x = np.random.default_rng(0).integers(-128, 128, (20, length), dtype=np.int8)
    differences = x.astype(float) - x.max(axis=1, keepdims=True)
    exponentials = np.exp(differences * float(np.float32(scale)))
    exact = exponentials / exponentials.sum(axis=1, keepdims=True)
    got = (run_integer(integer_form(scale), [x]).astype(float) + 128) / 256
    assert np.abs(np.minimum(exact, 255 / 256) - got).max() <= 1.01 / 256


@pytest.mark.parametrize("length", [2, 3, 256, 511, 513, 4095])
def test_equal_values_are_equally_likely(length):
    y = run_integer(integer_form(0.1), [np.full((1, length), 5, np.int8)])
    assert np.all(y == np.floor(256 / length + 0.5) - 128)


@pytest.mark.parametrize("scale", [2.5e-8, 1e-3, 0.1, 1e9])
def test_integer_form_does_not_change_when_all_values_shift(scale):
    x = np.random.default_rng(1).integers(-100, 100, (10, 12), dtype=np.int8)
    op = integer_form(scale)
    assert np.array_equal(run_integer(op, [x]), run_integer(op, [x + np.int8(20)]))


def test_inputs_that_do_not_vary_are_refused():
    with pytest.raises(UnsupportedModel, match="all classes are equally likely"):
        integer_form(2.0**-26)
