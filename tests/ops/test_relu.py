"""ReLU and ReLU6 that stand alone in all their forms."""

from harness import Case, layer, operator_tests

from microlut.ops.activation import ActivationKind
from microlut.ops.relu import Relu

RELU, RELU6 = Relu(ActivationKind.RELU), Relu(ActivationKind.RELU6)
CASES = (
    Case("picture", RELU, ((5, 7, 3),), layer("ReLU")),
    Case("vector", RELU, ((33,),), layer("Activation", activation="relu"), spreads=(0.01,)),
    Case("one_value", RELU, ((1,),), None),
    Case("six", RELU6, ((6, 5),), layer("ReLU", max_value=6.0), spreads=(4.0,)),
    Case("six_by_name", RELU6, ((2, 3, 4, 5),), layer("Activation", activation="relu6")),
    Case("six_of_much", RELU6, ((4, 9),), layer("ReLU", max_value=6.0), spreads=(100.0,)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
