"""Functions that level off, or are zero in the middle, in all their forms."""

import numpy as np
from elementwise_cases import activation, function_cases, operation, single
from harness import operator_tests

from microlut.ops.saturating import (
    Clip,
    HardShrink,
    HardSigmoid,
    LogSigmoid,
    Softplus,
    SoftShrink,
    Softsign,
    SparsePlus,
    SparseSigmoid,
    Squareplus,
    TanhShrink,
    Threshold,
)

RNG = np.random.default_rng(20)
A, B = (single(x) for x in RNG.uniform(0.1, 1.5, 2))
NAMED = {
    "hard_sigmoid": HardSigmoid(),
    "hard_tanh": Clip(-1.0, 1.0),
    "log_sigmoid": LogSigmoid(),
    "softplus": Softplus(),
    "softsign": Softsign(),
    "squareplus": Squareplus(),
    "sparse_plus": SparsePlus(),
    "sparse_sigmoid": SparseSigmoid(),
    "tanh_shrink": TanhShrink(),
    "hard_shrink": HardShrink(),
    "soft_shrink": SoftShrink(),
}
CASES = function_cases(
    *((name, op, activation(name)) for name, op in NAMED.items()),
    *((f"{name}_function", op, operation(name)) for name, op in NAMED.items()),
    ("clip", Clip(-A, B), operation("clip", -A, B)),
    ("squareplus_option", Squareplus(A), operation("squareplus", A)),
    ("hard_shrink_option", HardShrink(A), operation("hard_shrink", A)),
    ("soft_shrink_option", SoftShrink(B), operation("soft_shrink", B)),
    ("threshold", Threshold(A, -B), operation("threshold", A, -B)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
