"""Networks that once failed, shrunk: `test_fuzzed_networks.py` tries each of them."""

from __future__ import annotations

from recipe import Call, Constant, Given, Part, Recipe

FOUND: tuple[Recipe, ...] = (
    # A reshape was moved behind the sum with a constant, which has the dimensions after it.
    Recipe(
        seed=1000031,
        given=(Given(name="x0", shape=(4, 3)),),
        calls=(
            Call(name="a", what="Reshape", reads=("x0",), options={"target_shape": (2, 2, 3)}),
            Call(
                name="b",
                what="operator.add",
                reads=("a",),
                options={"constant": Constant(shape=(2, 1, 3), seed=4567, low=-2.0, high=2.0)},
            ),
        ),
        outputs=("b",),
    ),
    # More tensors are joined than CONCATENATION of tflite-micro may have.
    Recipe(
        seed=45,
        given=(Given(name="x0", shape=(11, 3, 2)),),
        calls=(
            Call(
                name="a",
                what="TimeDistributed",
                reads=("x0",),
                options={"layer": Part(what="Cropping1D", options={"cropping": (0, 1)})},
            ),
        ),
        outputs=("a",),
    ),
    # TANH of tflite-micro shifts by a negative number of bits at input scales below 2^-28.
    Recipe(
        seed=10108,
        given=(Given(name="x0", shape=(8,)),),
        calls=(
            Call(name="a", what="operator.sub", reads=("x0", "x0")),
            Call(name="b", what="ops.tanh", reads=("a",)),
        ),
        outputs=("b",),
    ),
    # Shares of more than 511 equal values: tflite-micro shifts by 32 bits and stops.
    Recipe(
        seed=6000077,
        given=(Given(name="x0", shape=(24, 24)),),
        calls=(
            Call(name="a", what="ops.subtract", reads=("x0", "x0")),
            Call(name="b", what="Softmax", reads=("a",), options={"axis": [1, 2]}),
        ),
        outputs=("b",),
    ),
    # Values without a deviation: Keras rounds behind the division by it, where we have zeros.
    Recipe(
        seed=4000625,
        given=(Given(name="x0", shape=(16, 2), center=-3.0),),
        calls=(
            Call(name="a", what="operator.sub", reads=("x0", "x0")),
            Call(name="b", what="Conv1D", reads=("a",), options={"filters": 9, "kernel_size": 3}),
            Call(name="c", what="ops.square", reads=("b",)),
            Call(name="d", what="GroupNormalization", reads=("c",), options={"groups": 9}),
        ),
        outputs=("d",),
    ),
    # The table of a square was coarse at 0, the only value of its input.
    Recipe(
        seed=4021891,
        given=(Given(name="x0", shape=(4, 1)),),
        calls=(
            Call(name="a", what="operator.sub", reads=("x0", "x0")),
            Call(name="b", what="ops.square", reads=("a",)),
        ),
        outputs=("b",),
        wide=0.2,
    ),
)
