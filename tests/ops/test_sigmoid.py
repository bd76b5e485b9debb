"""The logistic function in all its forms."""

from harness import Case, operator_tests

from microlut.ops.sigmoid import Sigmoid


def layer(tensors):
    import keras

    return keras.layers.Activation("sigmoid")(tensors[0])


def operation(tensors):
    import keras

    return keras.ops.sigmoid(tensors[0])


def after_a_dense_layer(tensors):
    import keras

    return keras.layers.Dense(tensors[0].shape[-1], activation="sigmoid")(tensors[0])


CASES = (
    Case("vector", Sigmoid(), ((17,),), layer),
    Case("picture", Sigmoid(), ((5, 7, 3),), operation, spreads=(4.0,)),
    Case("one_value", Sigmoid(), ((1,),), None, spreads=(0.1,)),
    Case("rank_two", Sigmoid(), ((6, 5),), layer, spreads=(100.0,)),
    Case("rank_four", Sigmoid(), ((2, 3, 4, 5),), layer, spreads=(0.3,)),
)
(
    test_float_equals_keras,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
test_activation_of_a_layer_equals_keras = operator_tests(
    (Case("dense", Sigmoid(), ((9,),), after_a_dense_layer),)
)[0]
