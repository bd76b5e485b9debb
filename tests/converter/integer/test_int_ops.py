"""Integer operators: worked examples, plain references, softmax, and TFLM's kernels bit for bit."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import random_graphs as rg
from graphs import make_node, net, run_integer
from microlut.integer.evaluate import evaluate
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.mean import QMean
from microlut.ops.pad import QPad
from microlut.ops.pool2d import QPool2D
from microlut.ops.relu import QRelu
from microlut.ops.reshape import QReshape
from microlut.ops.softmax import QSoftmax, Softmax
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Padding, Window
from microlut.quantize.ranges.activations import activation_quantization
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

HALF = (1 << 30, 0)  # multiplier and shift of the factor 1/2
ONE = (1 << 30, 1)


def int8(*values: int) -> NDArray[np.int8]:
    return np.array(values, np.int8)


def plain(values: object) -> QuantizedWeights:
    """Return 8-bit weights, rows being the first axis."""
    array = np.array(values, np.int8)
    indices = array.reshape(len(array), -1).view(np.uint8)
    return QuantizedWeights(array.shape, 8, indices, None, np.ones(1, np.float32))


def stage(bias: list[int], factor: tuple[int, int] = ONE) -> OutputStage:
    multiplier, shift = ([part] * len(bias) for part in factor)
    wide = np.array(bias, np.int32), np.array(multiplier, np.int32)
    return OutputStage(*wide, np.array(shift, np.int8), -128, 127)


def test_dense_layer_worked_out_by_hand():
    op = QDense(plain([[1, 2], [-3, 4]]), stage([10, 5]))
    # inputs 3 and -1 after the zero point 2; outputs 10 + 3 - 2 and 5 - 9 - 4, then + 1
    y = run_integer(op, [int8(5, 1)[None]], (2,), 1)
    assert y.tolist() == [[12, -7]]


def test_dense_layer_runs_over_the_last_dimension():
    op = QDense(plain([[1, 1]]), stage([0], HALF))
    x = np.arange(8, dtype=np.int8).reshape(1, 2, 2, 2)
    assert run_integer(op, [x]).ravel().tolist() == [1, 3, 5, 7]


def test_convolution_pads_with_the_zero_point():
    op = QConv2D(plain([[[[1], [1]], [[1], [1]]]]), stage([0]), Window((2, 2), padding=Padding(1)))
    x = int8(7, 8, 9).reshape(1, 1, 3, 1)
    assert run_integer(op, [x], (7,)).ravel().tolist() == [1, 3]


def test_depthwise_convolution_reads_channel_c_over_multiplier():
    weights = QuantizedWeights(
        (1, 1, 4), 8, int8(1, 2, 3, 4).view(np.uint8)[None], None, np.ones(4, np.float32)
    )
    op = QDepthwiseConv2D(weights, stage([0] * 4), Window((1, 1)), 2)
    x = int8(10, 5).reshape(1, 1, 1, 2)
    assert run_integer(op, [x]).ravel().tolist() == [10, 20, 15, 20]


def reference_convolution(
    op: QConv2D, x: NDArray[np.int8], zero_point: int, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Return convolution sums by plain loops."""
    kernel, window = op.weights.int8().astype(int), op.window
    total = np.zeros((len(x), *shape), np.int64)
    for y, x_out, i, j in itertools.product(*map(range, (*shape[:2], *window.size))):
        row = y * window.strides[0] - window.padding.top + i * window.dilation[0]
        column = x_out * window.strides[1] - window.padding.left + j * window.dilation[1]
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            seen = x[:, row, column].astype(int) - zero_point
            total[:, y, x_out] += seen @ kernel[:, i, j].T
    return total


def test_convolution_sums_equal_plain_loops():
    for case in rg.operator_cases("conv2d", 25, seed=3):
        q = case.quantized()
        node, x = q.nodes[0], rg.int8_inputs(q, 0)
        assert isinstance(node.op, QConv2D)
        point = q.inputs[0].quantized.zero_point
        wanted = reference_convolution(node.op, x, point, node.shape)
        assert np.array_equal(node.op.accumulate(x, point), wanted)


def test_sum_of_two_scales_worked_out_by_hand():
    # (10 - 1) * 1/2 + (3 + 2) * 1/4 = 5.75 in units of 2^-20; the last factor is 2^-20
    op = QAdd((HALF, (1 << 30, -1)), (1 << 30, -19), -128, 127)
    y = run_integer(op, [int8(10)[None], int8(3)[None]], (1, -2), 4)
    assert y.tolist() == [[10]]


@pytest.mark.parametrize(
    ("values", "mode", "wanted"),
    [
        ([1, 2, 2, 1], "average", 2),  # 1.5 away from zero
        ([-1, -2, -2, -1], "average", -2),
        ([-1, 0, 0, 0], "average", 0),
        ([-1, -1, 0, 0], "average", -1),
        ([-128] * 4, "average", -128),
        ([-128, 5, -7, 4], "max", 5),
    ],
)
def test_pool_rounds_halves_away_from_zero(values: list[int], mode, wanted: int):
    x = int8(*values).reshape(1, 2, 2, 1)
    y = run_integer(QPool2D(mode, Window((2, 2)), -128, 127), [x])
    assert y.item() == wanted


@pytest.mark.parametrize(("mode", "wanted"), [("average", -10), ("max", -10)])
def test_padded_positions_of_a_pool_do_not_count(mode, wanted: int):
    window = Window((3, 3), padding=Padding(1, 1, 1, 1))
    x = np.full((1, 1, 1, 1), -10, np.int8)
    assert run_integer(QPool2D(mode, window, -128, 127), [x]).item() == wanted


@pytest.mark.parametrize(("last", "wanted"), [(7, 7), (9, 8), (-23, -8), (-24, -9), (127, 67)])
def test_mean_of_another_scale_worked_out_by_hand(last: int, wanted: int):
    # the sum less three zero points of 1, halved, and the zero point of the output: 3
    x = int8(1, 2, last).reshape(1, 3, 1, 1)
    y = run_integer(QMean(1 << 30, 0), [x], (1,), 3)
    assert y.item() == wanted


def test_means_are_limited_to_int8():
    x = int8(-128, 127).reshape(1, 1, 1, 2)
    y = run_integer(QMean(1 << 30, 2), [x])
    assert y.ravel().tolist() == [-128, 127]


def test_padding_has_the_value_of_the_zero_point():
    y = run_integer(QPad(Padding(1, 0, 0, 1)), [int8(3).reshape(1, 1, 1, 1)], (-9,), -9)
    assert y.ravel().tolist() == [-9, -9, 3, -9]


def test_clamp_clamps():
    y = run_integer(QRelu(-3, 5), [int8(-4, -3, 0, 5, 6)[None]])
    assert y.tolist() == [[-3, -3, 0, 5, 5]]


def test_reshape_keeps_the_order():
    x = np.arange(12, dtype=np.int8).reshape(2, 3, 2)
    assert run_integer(QReshape((6,)), [x]).tolist() == x.reshape(2, 6).tolist()


def test_clamp_comes_after_the_zero_point():
    limited = OutputStage(int8(0).astype(np.int32), int8(0).astype(np.int32), int8(0), 20, 30)
    op = QDense(plain([[1]]), limited)
    assert run_integer(op, [int8(1)[None]], (0,), 7).tolist() == [[20]]


def test_batch_gives_what_single_inputs_give():
    q = next(rg.network_cases(1, seed=5)).quantized()
    x = rg.int8_inputs(q, 1, count=7)
    singles = np.concatenate([evaluate(q, x[i : i + 1]) for i in range(7)])
    assert np.array_equal(evaluate(q, x), singles)


def test_no_inputs_give_no_outputs():
    q = next(rg.network_cases(1)).quantized()
    empty = np.empty((0, *q.inputs[0].shape), np.int8)
    assert evaluate(q, empty).shape == (0, *q.shape_of(q.outputs[0]))


def softmax_op(scale: float) -> QSoftmax:
    graph = net("g", "x", (2,), (make_node("y", Softmax(), ("x",), (2,)),), "y")
    ranges = Ranges({"x": (-128 * scale, 127 * scale), "y": (0.0, 1.0)})
    op = quantize(graph, ranges, np.zeros((1, 2), np.float32), WeightConfig()).nodes[0].op
    assert isinstance(op, QSoftmax)
    return op


@pytest.mark.parametrize("scale", [1e-4, 0.003, 0.02, 0.1, 1.0, 50.0])
@pytest.mark.parametrize("length", [1, 2, 10, 257, 600])
def test_softmax_is_the_exact_one_to_a_step(scale: float, length: int):
    x = np.random.default_rng(0).integers(-128, 128, (20, length), dtype=np.int8)
    used = activation_quantization(-128 * scale, 127 * scale).scale
    exponentials = np.exp((x.astype(float) - x.max(axis=1, keepdims=True)) * used)
    exact = exponentials / exponentials.sum(axis=1, keepdims=True)
    got = (run_integer(softmax_op(scale), [x]).astype(float) + 128) / 256
    assert np.abs(np.minimum(exact, 255 / 256) - got).max() <= 1.01 / 256


@pytest.mark.parametrize("length", [2, 3, 256, 511, 513, 4095])
def test_softmax_of_equal_values_is_uniform(length: int):
    y = run_integer(softmax_op(0.1), [np.full((1, length), 5, np.int8)])
    assert np.all(y == np.floor(256 / length + 0.5) - 128)


@pytest.mark.parametrize("scale", [2.5e-8, 1e-3, 0.1, 1e9])
def test_softmax_does_not_change_when_all_values_shift(scale: float):
    op = softmax_op(scale)
    x = np.random.default_rng(1).integers(-100, 100, (10, 12), dtype=np.int8)
    assert np.array_equal(run_integer(op, [x]), run_integer(op, [x + np.int8(20)]))


def sweep() -> Iterator[rg.Case]:
    for kind in rg.OPERATORS:
        yield from rg.operator_cases(kind, 35 if kind in ("conv2d", "depthwise_conv2d") else 21)
    yield from rg.network_cases(28)


def test_sweep_reaches_both_ends_of_the_zero_points_and_all_bits():
    cases = list(sweep())
    inputs = [activation_quantization(*case.ranges[case.graph.inputs[0].name]) for case in cases]
    points = {quantization.zero_point for quantization in inputs}
    assert {-128, 127} < points
    assert len(points) > 20
    assert {(c.config.bits, c.config.granularity) for c in cases} == {
        (bits, g) for bits in range(2, 9) for g in ("tensor", "channel")
    }
