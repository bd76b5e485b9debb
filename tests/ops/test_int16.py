"""All operators that have a form between int16 tensors, and the conversions between types.

`test_own_int16.py` and `test_layer_normalization_16.py` have those that TensorFlow Lite lacks,
`tests/converter/integer/test_int16_networks.py` has networks of them.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import HOST, M4, Case, check_c, check_tflite_micro, kernel_and_bias
from test_layer_normalization_16 import CASES as NORMALIZED
from test_own_int16 import CASES as OWN
from test_recurrent_16 import CASES as RECURRENT
from test_unit_normalization_16 import CASES as UNIT

from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops import FLOAT_OPERATORS
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.gather import Gather
from microlut.ops.maximum import Maximum
from microlut.ops.mean import Mean
from microlut.ops.minimum import Minimum
from microlut.ops.movement import Axis
from microlut.ops.mul import Mul
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.prelu import Prelu
from microlut.ops.rectifiers import LeakyRelu
from microlut.ops.recurrent_step import RecurrentStep
from microlut.ops.reduce import ReduceMax, ReduceMean, ReduceMin, ReduceSum
from microlut.ops.relu import Relu
from microlut.ops.repeat import Repeat
from microlut.ops.requantize import Requantize, requantized
from microlut.ops.reshape import Reshape
from microlut.ops.scale import Scale
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.sigmoid_16 import sigmoid_16
from microlut.ops.slice import Slice
from microlut.ops.softmax import Softmax
from microlut.ops.softmax_16 import exponential_table, reciprocal_table, softmax_16
from microlut.ops.subtract import Subtract
from microlut.ops.svdf import Svdf
from microlut.ops.tanh import Tanh
from microlut.ops.tensor import Activation, Quantization, Tensor
from microlut.ops.transpose import Transpose
from microlut.ops.transpose_conv2d import TransposeConv2D
from microlut.ops.unary import Abs
from microlut.ops.windows import Padding, Window
from microlut.quantize.types import computes_int16
from microlut.quantize.weights import WeightConfig
from microlut.support.resources import data_folder
from microlut.verification.runtimes import run_tflite_micro

RELU, RELU6 = ActivationKind.RELU, ActivationKind.RELU6
SAME = Padding(1, 1, 1, 1)


def case(
    name: str,
    op: FloatOp,
    *shapes: tuple[int, ...],
    spreads: tuple[float, ...] = (),
    bits: int = 4,
    dtype: Activation = "int16",
    made: Activation | None = None,
) -> Case:
    return Case(name, op, shapes, None, spreads, WeightConfig(bits), dtype, made)


def constant(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def convolution(name: str, kernel: tuple[int, ...], window: Window, kind: ActivationKind) -> Conv2D:
    return Conv2D(*kernel_and_bias(name, kernel, 0), window, kind)


def depthwise(name: str, kernel: tuple[int, ...], window: Window, many: int) -> DepthwiseConv2D:
    return DepthwiseConv2D(*kernel_and_bias(name, kernel, 2), window, many, RELU)


def transposed(
    name: str, kernel: tuple[int, ...], window: Window, size: tuple[int, int], kind: ActivationKind
) -> TransposeConv2D:
    return TransposeConv2D(*kernel_and_bias(name, kernel, 0), window, size, kind)


def dense(name: str, *kernel: int) -> Dense:
    return Dense(*kernel_and_bias(name, kernel, 0))


CONVOLUTIONS = (
    case("conv", convolution("a", (5, 3, 3, 4), Window((3, 3), padding=SAME), RELU), (7, 6, 4)),
    case(
        "conv_explicit",
        convolution("b", (5, 3, 2, 3), Window((3, 2), (2, 1), Padding(2, 0, 1, 3)), RELU6),
        *((7, 6, 3),),
        spreads=(9.0,),
        bits=3,
    ),
    case(
        "conv_dilated",
        convolution("c", (2, 2, 3, 5), Window((2, 3), dilation=(1, 2)), ActivationKind.LINEAR),
        *((5, 9, 5),),
        bits=7,
    ),
    case("conv_plain", convolution("d", (5, 3, 3, 4), Window((3, 3)), RELU), (7, 6, 4), bits=8),
    case("conv_long", convolution("e", (3, 1, 1, 700), Window((1, 1)), RELU), (2, 2, 700)),
    case("depthwise", depthwise("f", (3, 3, 9), Window((3, 3), padding=SAME), 3), (5, 6, 3)),
    case("depthwise_5", depthwise("g", (2, 2, 11), Window((2, 2), (2, 1)), 1), (5, 6, 11), bits=5),
    case("depthwise_plain", depthwise("h", (2, 2, 4), Window((2, 2)), 1), (5, 6, 4), bits=8),
)
TRANSPOSED = (
    case(
        "transposed",
        transposed("t", (5, 3, 2, 4), Window((3, 2), (2, 1)), (9, 4), ActivationKind.LINEAR),
        *((4, 3, 4),),
        bits=3,
    ),
    case(
        "transposed_same",
        transposed("u", (6, 3, 3, 5), Window((3, 3), (2, 2), SAME), (7, 9), RELU),
        *((4, 5, 5),),
    ),
    case(
        "transposed_apart",  # strides beyond the kernel: some outputs are biases
        transposed("v", (3, 1, 2, 9), Window((1, 2), (2, 3)), (5, 5), RELU6),
        *((3, 2, 9),),
        spreads=(9.0,),
        bits=7,
    ),
    case(
        "transposed_plain",
        transposed("w", (2, 2, 2, 3), Window((2, 2), (1, 1)), (4, 4), RELU),
        *((3, 3, 3),),
        bits=8,
    ),
)
DENSE = (
    *(case(f"dense_{n}", dense(f"d{n}", 9, 31), (31,), bits=n) for n in range(2, 9)),
    case("dense_rank", dense("r", 9, 31), (4, 31)),
    case("dense_long", dense("l", 2, 1000), (1000,)),
)
BINARY = (
    case("add", Add(), (4, 5), (4, 5), spreads=(1.0, 7.0)),
    case("add_row", Add(RELU), (4, 5, 3), (1, 1, 3), spreads=(1.0, 0.7)),
    case("add_constant", Add(RELU6, constant(5)), (4, 5), spreads=(10.0,)),
    case("subtract", Subtract(), (4, 5), (4, 5), spreads=(100.0, 7.0)),
    case("multiply", Mul(), (4, 5), (4, 5), spreads=(1.0, 7.0)),
    case("multiply_constant", Mul(RELU, constant(4, 1)), (4, 5)),
    case("maximum", Maximum(), (4, 5), (4, 5)),
    case("minimum_constant", Minimum(constant(4, 5)), (4, 5)),
    case("maximum_of_scales", Maximum(), (4, 5), (4, 5), spreads=(1.0, 9.0)),
    case("concatenate", Concatenate(1), (4, 5), (4, 2), spreads=(1.0, 9.0)),
)
POOLS = (
    case("mean", Mean(), (5, 7, 3)),
    case("reduce_mean", ReduceMean((1,)), (5, 7, 3)),
    case("reduce_sum", ReduceSum((0, 2), keep=True), (5, 7, 3)),
    case("reduce_max", ReduceMax((1,)), (5, 7, 3)),
    case("reduce_max_all", ReduceMax((0, 1, 2), keep=True), (5, 7, 3), spreads=(30.0,)),
    case("reduce_min", ReduceMin((0, 2), keep=True), (5, 7, 3)),
    case("average", AveragePool2D(Window((3, 2), (2, 2), Padding(0, 1, 0, 1))), (6, 5, 3)),
    case("average_relu", AveragePool2D(Window((2, 2)), RELU), (6, 5, 3)),
    case("most", MaxPool2D(Window((2, 2), (2, 2)), RELU6), (6, 4, 4), spreads=(9.0,)),
)
MOVES = (
    case("pad", Pad(Padding(1, 2, 3, 0)), (3, 4, 5)),
    case("reshape", Reshape((4, 5)), (20,)),
    case("transpose", Transpose((1, 0, 2)), (3, 4, 5)),
    case("repeat", Repeat((2, 3, 1)), (3, 4, 5)),
    case("slice", Slice((Axis(1, 1, 3), Axis(5, -2, 3), Axis(0, 1, 4))), (5, 6, 4)),
    case("scale", Scale(0.3), (4, 7)),
    case("gather", Gather(1, (3, 0, 0, 2)), (3, 4, 5)),
    case("gather_last", Gather(0, (6, 1, 1, 1, 0)), (7,)),
)
CURVES = (
    case("relu", Relu(RELU), (4, 5)),
    case("relu6", Relu(RELU6), (4, 5), spreads=(9.0,)),
    case("leaky_relu", LeakyRelu(0.3), (4, 5)),
    case("leaky_relu_steep", LeakyRelu(3.7), (4, 5), spreads=(0.1,)),
    case("leaky_relu_flat", LeakyRelu(0.0), (4, 5)),
    case("prelu", Prelu(0.3 * constant(5)), (6, 4, 5)),
    case("prelu_values", Prelu(constant(6, 4, 5)), (6, 4, 5), spreads=(9.0,)),
    case("prelu_rows", Prelu(constant(4, 1)), (6, 4, 5)),
    case("abs", Abs(), (4, 5)),
    case("sigmoid", Sigmoid(), (200,), spreads=(3.0,)),
    case("sigmoid_large", Sigmoid(), (50,), spreads=(3000.0,)),
    case("tanh", Tanh(), (200,)),
    case("tanh_small", Tanh(), (50,), spreads=(0.01,)),
    case("softmax", Softmax(), (40,), spreads=(3.0,)),
    case("softmax_rows", Softmax(), (4, 7), spreads=(0.3,)),
    case("softmax_two", Softmax(), (9, 2)),
)
CONVERSIONS = (
    case("widen", Requantize(), (50,), spreads=(3.0,), dtype="int8", made="int16"),
    case("narrow", Requantize(), (50,), spreads=(3.0,), made="int8"),
    case("same", Requantize(), (5, 10)),
)
CASES = (*CONVOLUTIONS, *TRANSPOSED, *DENSE, *BINARY, *POOLS, *MOVES, *CURVES, *CONVERSIONS)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_integer_equals_tflite_micro(one: Case):
    check_tflite_micro(one)


def test_c_equals_integer_on_this_computer(tmp_path: Path):
    check_c(CASES, tmp_path, HOST)


@pytest.mark.qemu
def test_c_equals_integer_on_cortex_m4(tmp_path: Path):
    check_c(CASES, tmp_path, M4)


def test_every_operator_with_a_form_for_int16_has_a_case():
    covered = {type(one.op) for one in (*CASES, *OWN, *NORMALIZED, *RECURRENT, *UNIT)}
    kinds = {op.becomes for op in covered}
    missing = {
        op.__name__
        for op in FLOAT_OPERATORS
        if computes_int16(op) and op not in covered and op.becomes not in kinds
    }
    missing -= {RecurrentStep.__name__, Svdf.__name__}  # only in files: it is their state
    assert missing == set()


@pytest.mark.parametrize("spread", [0.001, 0.1, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("op", [Sigmoid(), Tanh()], ids=["sigmoid", "tanh"])
def test_curve_equals_tflite_micro_for_all_values(op: FloatOp, spread: float):
    one = case(f"all_{spread}".replace(".", "_"), op, (1 << 13,), spreads=(spread,))
    graph = one.quantized
    x = np.arange(-(1 << 15), 1 << 15, dtype=np.int16).reshape(8, -1)
    _compare(graph, x)


@pytest.mark.parametrize("spread", [0.001, 0.1, 1.0, 30.0])
def test_softmax_equals_tflite_micro_for_all_differences(spread: float):
    one = case(f"softmax_{spread}".replace(".", "_"), Softmax(), (1 << 12, 2), spreads=(spread,))
    lower = np.arange(-(1 << 15), 1 << 15, 2, dtype=np.int16)
    x = np.stack([lower, np.full_like(lower, 32767)], axis=1).reshape(8, -1, 2)
    _compare(one.quantized, x)


def _compare(graph: QuantizedGraph, x: np.ndarray) -> None:
    pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
    given = Batch({graph.inputs[0].name: x})
    wanted = to_bytes(integers.outputs(graph, given))
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), given), wanted)


def test_tables_of_the_softmax_in_c_are_those_of_the_interpreter():
    text = (data_folder("firmware") / "src" / "kernels" / "softmax_16.c").read_text()
    tables = re.findall(r"\[513\] = \{([^}]*)\}", text)
    assert [[int(n) for n in table.split(",")] for table in tables] == [
        exponential_table().tolist(),
        reciprocal_table().tolist(),
    ]


def test_biases_of_exported_layers_have_64_bits():
    graph = CASES[0].quantized
    (builtin,) = graph.nodes[0].op.tflite(graph.inputs, graph.nodes[0].outputs)
    assert [constant.values.dtype for constant in builtin.inputs[1:]] == [np.int8, np.int64]


def test_scales_beyond_the_numbers_of_a_kernel_are_refused():
    wide = Tensor("x", (4,), "int16", Quantization(100.0, 0))
    narrow = Tensor("y", (4,), "int16", Quantization(1e-3, 0))
    with pytest.raises(UnsupportedModel, match="int16 allows 87,000 before tanh"):
        sigmoid_16("tanh", wide)
    with pytest.raises(UnsupportedModel, match="int16 allows 163,000 before a softmax"):
        softmax_16(wide)
    with pytest.raises(UnsupportedModel, match=r"2\^17 steps of its output"):
        requantized(wide, narrow)


def test_product_whose_factor_has_too_many_bits_is_refused():
    whole = Tensor("x", (4,), "int16", Quantization(1.0, 0))
    with pytest.raises(UnsupportedModel, match="calibrate it with inputs on which it varies"):
        Mul().quantize([whole, whole], [whole])


def test_graph_that_mixes_types_is_refused():
    graph = case("mixed", Relu(RELU), (4,)).quantized
    narrow = replace(graph.inputs[0], dtype="int8")
    with pytest.raises(ValueError, match="the types of its tensors"):
        check_graph(replace(graph, inputs=(narrow,)))


def test_sums_that_do_not_fit_are_refused():
    graph = case("sums", dense("s", 3, 40), (40,)).quantized
    (node,) = graph.nodes
    large = replace(node.op.output, shift=np.full(3, 7, np.int8))
    broken = replace(node.op, output=large)
    assert node.op.fits_int16()
    assert not broken.fits_int16()
    with pytest.raises(ValueError, match="the size of its sums"):
        broken.check(graph.inputs, node.outputs)
