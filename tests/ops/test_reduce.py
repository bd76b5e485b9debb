"""Mean, sum, maximum and minimum over any dimensions in all their forms."""

import functools

import numpy as np
import pytest
from harness import Case, operator_tests

from graphs import run_integer
from microlut.graph.ir import Graph, single
from microlut.ops.reduce import QReduce, ReduceMax, ReduceMean, ReduceMin, ReduceSum
from microlut.ops.tensor import Tensor
from microlut.plan.kernels.reduce import groups
from microlut.plan.limits import check_sizes

NAMES = {ReduceMean: "mean", ReduceSum: "sum", ReduceMax: "max", ReduceMin: "min"}


def operation(kind, axis, keepdims):
    def apply(tensors):
        import keras

        return getattr(keras.ops, NAMES[kind])(tensors[0], axis=axis, keepdims=keepdims)

    return apply


def case(kind, name, shape, axes, keep=False, spread=1.0):
    axis = [a + 1 - (len(shape) + 1) * (a % 2) for a in axes]  # some from the end
    made = operation(kind, axis if len(axis) > 1 else axis[0], keep)
    return Case(f"{NAMES[kind]}_{name}", kind(axes, keep), (shape,), made, (spread,))


def cases_of(kind):
    of = functools.partial(case, kind)
    return (
        of("channels", (5, 4, 6), (2,), spread=3.0),
        of("rows", (5, 4, 6), (0,), keep=True),
        of("columns", (5, 4, 6), (1,)),
        of("outer", (5, 4, 6), (0, 2), spread=0.1),
        of("series", (9, 5), (0,)),
        of("features", (9, 5), (1,), keep=True),
        of("vector", (33,), (0,), keep=True, spread=20.0),
        of("rank_four", (2, 3, 4, 5), (1, 3)),
        of("inner", (2, 3, 4, 5), (1, 2), keep=True),
        of("all", (3, 4, 5), (0, 1, 2), keep=True),
        of("one", (3, 1, 5), (1,)),
    )


CASES = (
    *(c for kind in NAMES for c in cases_of(kind)),
    case(ReduceSum, "picture", (4, 5, 3), (0, 1)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize(("last", "wanted"), [(7, 7), (9, 8), (-23, -8), (-24, -9), (127, 67)])
def test_sum_worked_out_by_hand(last, wanted):
    # the sum less three zero points of 1, halved, and the zero point of the output: 3
    x = np.array([[1, 2, last]], np.int8)
    assert run_integer(QReduce("sum", (0,), True, 1 << 30, 0), [x], (1,), 3).item() == wanted


def test_axes_are_merged():
    assert groups((2, 3, 4, 5), (1, 2)) == ([(2, 60), (5, 1)], [(12, 5)])
    assert groups((2, 1, 4), (1,)) == ([(8, 1)], [])


@pytest.mark.parametrize("axis", [None, 0, [0, 1], 4, -5, "1"])
def test_axis_that_is_no_dimension_is_refused(axis):
    with pytest.raises(ValueError, match="reduces over axis="):
        ReduceMean.from_keras({"axis": axis, "keepdims": False}, [(2, 3, 4)])


def test_reducing_to_no_dimension_and_initial_values_are_refused():
    with pytest.raises(ValueError, match="keepdims=True"):
        ReduceMax.from_keras({"axis": [1], "keepdims": False}, [(4,)])
    with pytest.raises(ValueError, match="initial=3"):
        ReduceMax.from_keras({"axis": [1], "keepdims": True, "initial": 3}, [(4,)])


def test_sum_of_too_many_values_is_refused():
    node = single("sum", ReduceSum((0,), True), ("x",), (1,))
    graph = Graph("net", (Tensor("x", (1 << 17,)),), (node,), ("sum",))
    with pytest.raises(Exception, match="values in a sum"):
        check_sizes(graph)


@pytest.mark.keras
@pytest.mark.parametrize("name", ["mean", "sum", "max", "min"])
def test_functions_of_keras_2_are_read(tf_keras, name):
    import tensorflow as tf

    from microlut.graph import evaluate as floats
    from microlut.graph.passes import run_passes
    from microlut.importers import import_model

    x = tf_keras.Input((4, 5, 3))
    function = getattr(tf, f"reduce_{name}")
    y = [function(x, [1, 2]), function(x, axis=-1), function(x, 1, True)]
    y = [tf_keras.layers.Flatten()(one) for one in y]
    model = tf_keras.Model(x, tf_keras.layers.Concatenate()(y))
    values = np.random.default_rng(0).normal(size=(3, 4, 5, 3)).astype(np.float32)
    found = floats.evaluate(run_passes(import_model(model)), values)
    np.testing.assert_allclose(found, model.predict(values, verbose=0), rtol=1e-5, atol=1e-5)
