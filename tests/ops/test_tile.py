"""All values in a row several times, in all forms."""

from harness import Case, in_a_row, layer, operator_tests

from microlut.ops.tile import Tile


def tile(*counts):
    def apply(tensors):
        import keras

        return keras.ops.tile(tensors[0], (1, *counts))

    return apply


VECTOR = in_a_row(layer("Flatten"), layer("RepeatVector", n=6))
CASES = (
    Case("vector", Tile((3,)), ((5,),), tile(3)),
    Case(
        "repeat_vector",
        Tile((6, 1)),
        ((1, 7),),
        VECTOR,
    ),
    Case("rows", Tile((2, 1, 1)), ((3, 4, 2),), tile(2, 1, 1)),
    Case("columns", Tile((1, 3, 1)), ((3, 2, 5),), tile(1, 3, 1)),
    Case("channels", Tile((1, 1, 4)), ((3, 2, 3),), tile(1, 1, 4)),
    Case("all_axes", Tile((2, 3, 2)), ((2, 3, 4),), tile(2, 3, 2)),
    Case("rank_four", Tile((2, 1, 2, 2)), ((2, 3, 2, 3),), tile(2, 1, 2, 2)),
    Case("int16", Tile((2, 3)), ((3, 4),), None, dtype="int16"),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
