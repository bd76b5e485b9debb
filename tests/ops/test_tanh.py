"""The hyperbolic tangent in all its forms."""

from harness import Case, check_keras, layer, operator_tests

from microlut.ops.tanh import Tanh


def operation(tensors):
    import keras

    return keras.ops.tanh(tensors[0])


LAYER = layer("Activation", activation="tanh")
CASES = (
    Case("vector", Tanh(), ((17,),), LAYER),
    Case("picture", Tanh(), ((5, 7, 3),), operation, spreads=(4.0,)),
    Case("one_value", Tanh(), ((1,),), None, spreads=(0.1,)),
    Case("rank_two", Tanh(), ((6, 5),), LAYER, spreads=(100.0,)),
    Case("rank_four", Tanh(), ((2, 3, 4, 5),), LAYER, spreads=(0.3,)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_activation_of_a_layer_equals_keras():
    check_keras(Case("dense", Tanh(), ((9,),), layer("Dense", units=9, activation="tanh")))
