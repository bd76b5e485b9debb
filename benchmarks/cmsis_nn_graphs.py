"""Networks of one operator, of the numbers that a unit test of CMSIS-NN has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from cmsis_nn_data import Case
from cmsis_nn_linear import convolution, dense, depthwise, transposed
from cmsis_nn_lstm import lstm
from cmsis_nn_parts import (
    INPUTS,
    OUTPUTS,
    Made,
    Unlike,
    chain,
    ends,
    pair,
    picture,
    tensor_of,
    window_of,
)

from microlut.importers.movements import zero_padding
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.binary import QBinary
from microlut.ops.maximum import Maximum
from microlut.ops.minimum import Minimum
from microlut.ops.pool2d import QPool2D
from microlut.ops.softmax import QSoftmax
from microlut.ops.softmax_16 import QSoftmax16
from microlut.ops.transpose import Transpose


def network_of(case: Case) -> Made:
    """Return a network, its inputs and the outputs that it has to make.

    Raises:
        Unlike: No operator of microlut computes the same.
    """
    make = _FAMILIES.get(case.family)
    if make is None:
        raise Unlike(_REASONS[case.family])
    return make(case)


def _pool(case: Case) -> Made:
    channels = case.number("INPUT_C")
    source, made = picture(case, "INPUT", channels), picture(case, "OUTPUT", channels)
    window = window_of(case, source, made, pair(case, "FILTER", 1))
    limits = case.number("ACTIVATION_MIN"), case.number("ACTIVATION_MAX")
    op = QPool2D("max" if case.family == "maximum pool" else "average", window, *limits)
    x, y = ends(case, source, made)
    return chain(case, [op], [x], [y], case.array(*INPUTS))


def _softmax(case: Case) -> Made:
    size = case.number("ROW_SIZE")
    x, y = ends(case, (size,), (size,))
    if x.dtype == "int16":
        wide = QSoftmax16(case.number("INPUT_MULT"), case.number("INPUT_LEFT_SHIFT"))
        return chain(case, [wide], [x], [y], case.array(*INPUTS))
    y = tensor_of("y", (size,), y.dtype, -128)
    numbers = [case.number(n) for n in ("INPUT_MULT", "INPUT_LEFT_SHIFT", "DIFF_MIN")]
    return chain(case, [QSoftmax(*numbers)], [x], [y], case.array(*INPUTS))


def _sum(case: Case) -> Made:
    pairs = tuple(
        (case.number(f"{name}_MULT"), case.number(f"{name}_SHIFT"))
        for name in ("INPUT1", "INPUT2", "OUTPUT")
    )
    return _of_two(case, "add", pairs)


def _product(case: Case) -> Made:
    return _of_two(case, "mul", ((case.number("OUTPUT_MULT"), case.number("OUTPUT_SHIFT")),))


def _of_two(case: Case, function: str, factors: tuple[tuple[int, int], ...]) -> Made:
    arrays = [case.array(f"input{i}", f"input{i}_data") for i in (1, 2)]
    dtype = case.dtypes[case.key(*OUTPUTS)]
    shape = (case.number("DST_SIZE"),)
    inputs = [tensor_of(f"x{i}", shape, dtype, -case.number(f"INPUT{i}_OFFSET")) for i in (1, 2)]
    limits = case.number("OUT_ACTIVATION_MIN"), case.number("OUT_ACTIVATION_MAX")
    op = QBinary(function, factors, *limits)  # type: ignore[arg-type]
    y = tensor_of("y", shape, dtype, case.number("OUTPUT_OFFSET"))
    return chain(case, [op], inputs, [y], np.concatenate(arrays))


def _extremum(case: Case) -> Made:
    sizes = ("BATCH", "HEIGHT", "WIDTH", "CHANNEL")
    shapes = [tuple(case.number(f"{name}_{i}") for name in sizes) for i in (1, 2)]
    inputs = [tensor_of(f"x{i}", shape, "int8", -128) for i, shape in enumerate(shapes, 1)]
    op: FloatOp = Maximum() if case.name.startswith("maximum") else Minimum()
    (made,) = op.shapes(shapes)
    y = tensor_of("y", made, "int8", -128)
    arrays = [case.array(f"input_tensor_{i}", f"input_{i}") for i in (1, 2)]
    return chain(case, [op.quantize(inputs, [y])], inputs, [y], np.concatenate(arrays))


def _moved(case: Case, ops: Sequence[FloatOp], shape: Shape, zero_point: int) -> Made:
    tensors = [tensor_of("x", shape, "int8", zero_point)]
    made = []
    for i, op in enumerate(ops):
        (shape,) = op.shapes((shape,))
        tensors.append(tensor_of(f"y{i}", shape, "int8", zero_point))
        made.append(op.quantize(tensors[-2:-1], tensors[-1:]))
    return chain(case, made, tensors[:1], tensors[1:], case.array(*INPUTS))


def _padding(case: Case) -> Made:
    axes = "NHWC"
    shape = tuple(case.number(f"INPUT_{axis}") for axis in axes)
    amounts = [(case.number(f"PRE_PAD_{a}"), case.number(f"POST_PAD_{a}")) for a in axes]
    return _moved(case, zero_padding(shape, amounts), shape, case.number("PAD_VALUE"))


def _transpose(case: Case) -> Made:
    order, shape = case.numbers["PERM"], case.numbers["IN_DIM"]
    assert isinstance(order, tuple)
    assert isinstance(shape, tuple)
    return _moved(case, [Transpose(order)], shape[: len(order)], 0)


_FAMILIES: Mapping[str, Callable[[Case], Made]] = {
    "average pool": _pool,
    "LSTM": lstm,
    "convolution": convolution,
    "grouped convolution": convolution,
    "depthwise convolution": depthwise,
    "fully connected": dense,
    "maximum and minimum": _extremum,
    "maximum pool": _pool,
    "padding": _padding,
    "product": _product,
    "softmax": _softmax,
    "sum": _sum,
    "transpose": _transpose,
    "transposed convolution": transposed,
}
_REASONS: Mapping[str, str] = {
    "SVDF": "there is no SVDF",
    "product of two tensors": "multiplies two computed matrices, for which there is no operator",
}
