"""PAD and PADV2 of integer .tflite files: convolutions and maxima do it themselves, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, run_batch

import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.integer import QNode, QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.activation import ActivationKind
from microlut.ops.conv2d import Conv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.pad import QPad
from microlut.ops.pool2d import QPool2D
from microlut.ops.tensor import Activation, Quantization, Tensor
from microlut.ops.weights import QuantizedWeights
from microlut.ops.windows import Padding, Window
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.streaming.stream import stream
from microlut.verification.runtimes import run_tflite_micro

Ops = list[QPad | QPool2D | Linear]
SHAPE = (6, 5, 4)
POINTS = {"int8": (-128, 3), "int16": (0, 0)}
NOTHING = Padding()
AROUND, UNEVEN = Padding(1, 1, 1, 1), Padding(0, 2, 1, 0)


def conv(window: Window) -> Conv2D:
    kernel = np.random.default_rng(1).normal(size=(4, *window.size, 4)).astype(np.float32)
    return Conv2D(kernel, np.ones(4, np.float32), window)


def depthwise(window: Window) -> DepthwiseConv2D:
    kernel = np.random.default_rng(2).normal(size=(*window.size, 4)).astype(np.float32)
    return DepthwiseConv2D(kernel, np.ones(4, np.float32), window, 1, ActivationKind.RELU)


def pool(padding: Padding = NOTHING) -> QPool2D:
    return QPool2D("max", Window((2, 3), (2, 1), padding), -128, 127)


def network(name: str, ops: Ops, dtype: Activation = "int8") -> QuantizedGraph:
    """Return a network with its operators in a row; convolutions change scale and zero point."""
    tensor = Tensor("x", SHAPE, dtype, Quantization(0.0625, POINTS[dtype][0]))
    first, nodes = tensor, []
    for i, op in enumerate(ops):
        shape = op.shapes([tensor.shape])[0]
        output = Tensor(f"y{i}", shape, dtype, tensor.quantization)
        made = op
        if isinstance(op, Linear):
            output = Tensor(f"y{i}", shape, dtype, Quantization(0.5, POINTS[dtype][1]))
            made = _integers(op, tensor, output)
        nodes.append(QNode(output.name, made, (tensor.name,), (output,)))
        tensor = output
    found = QuantizedGraph(name, (first,), tuple(nodes), (tensor.name,))
    check_graph(found)
    return found


def _integers(op: Linear, source: Tensor, output: Tensor):
    values = np.random.default_rng(3).integers(-127, 128, op.kernel.shape).astype(np.int8)
    matrix = values if op.channel_axis == 0 else values.reshape(-1, values.shape[-1])
    rows = np.ascontiguousarray(matrix.reshape(len(matrix), -1)).view(np.uint8)
    scales = np.full(4, 0.015625, np.float32)
    weights = QuantizedWeights(values.shape, 8, rows, None, scales)
    return op.unbiased(weights, source.quantized, output.quantized, output.dtype)


PLAIN = Window((3, 3))
FOLDED = {
    "conv": [QPad(AROUND), conv(PLAIN)],
    "strided": [QPad(UNEVEN), conv(Window((3, 2), (2, 2)))],
    "rows_only": [QPad(Padding(top=2)), conv(PLAIN)],
    "columns_only": [QPad(Padding(right=3)), conv(Window((1, 3)))],
    "depthwise": [QPad(UNEVEN), depthwise(Window((3, 3), (2, 1)))],
    "two_pads": [QPad(Padding(top=1)), QPad(Padding(left=1)), conv(PLAIN)],
    "dilated": [QPad(Padding(2, 2, 2, 2)), conv(Window((3, 3), (1, 1), NOTHING, (2, 2)))],
    "maximum": [QPad(UNEVEN, -128), pool()],
    "between": [conv(Window((1, 1))), QPad(AROUND), depthwise(PLAIN), QPad(AROUND), conv(PLAIN)],
}
KEPT = {
    "mean": [QPad(AROUND), replace(pool(), mode="average")],
    "not_least": [conv(PLAIN), QPad(AROUND), pool()],
    "other": [QPad(AROUND, 77), conv(PLAIN)],
    "mixed": [QPad(AROUND), QPad(AROUND, 5), conv(PLAIN)],
    "end": [conv(PLAIN), QPad(AROUND)],
}


def read(graph: QuantizedGraph, folder: Path) -> tuple[Graph, QuantizedGraph]:
    """Return the float graph of the exported file after the passes, and its integers."""
    found = run_passes(tm.imported(to_tflite(graph), folder))
    return found, tm.stored(found)


def compared(graph: QuantizedGraph, folder: Path) -> QuantizedGraph:
    _, found = read(graph, folder)
    check_graph(found)
    x = tm.random_inputs(graph, count=6)
    wanted = run_tflite_micro(to_tflite(graph), x)
    assert len(np.unique(wanted)) > 5
    np.testing.assert_array_equal(to_bytes(integers.outputs(graph, x)), wanted)
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, tm.renamed(x, found))), wanted)
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(found), x), wanted)
    return found


def pads(graph: QuantizedGraph) -> list[QPad]:
    return [node.op for node in graph.nodes if isinstance(node.op, QPad)]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("name", FOLDED)
def test_layers_pad_themselves(name: str, dtype: Activation, tmp_path: Path):
    if name == "maximum" and dtype == "int16":
        return
    graph = network(name, FOLDED[name], dtype)
    assert not pads(compared(graph, tmp_path))


@pytest.mark.parametrize("name", KEPT)
def test_other_padding_stays(name: str, tmp_path: Path):
    graph = network(name, KEPT[name])
    kept = pads(compared(graph, tmp_path))
    assert [pad.value for pad in kept] == [pad.value for pad in pads(graph)]


def test_plans_have_no_padded_copy(tmp_path: Path):
    graph = network("between", FOLDED["between"])
    before, after = make_plan(graph), make_plan(read(graph, tmp_path)[1])
    assert after.arena_bytes < before.arena_bytes
    assert len(after.steps) == len(before.steps) - 2


def test_c_pads_with_other_values(tmp_path: Path):
    graphs = [network(name, ops) for name, ops in (KEPT | FOLDED).items()]
    found = [replace(read(graph, tmp_path)[1], name=f"{graph.name}_read") for graph in graphs]
    graphs += found
    plans = [make_plan(graph) for graph in graphs]
    given = [tm.random_inputs(graph, count=3) for graph in graphs]
    made = run_batch(plans, list(map(to_bytes, given)), tmp_path, HOST)
    for graph, x, got in zip(graphs, given, made, strict=True):
        np.testing.assert_array_equal(got, to_bytes(integers.outputs(graph, x)), graph.name)


def test_fewer_bits_after_folding(tmp_path: Path):
    graph, exact = read(network("between", FOLDED["between"]), tmp_path)
    x = np.random.default_rng(4).uniform(0, 12, (24, *SHAPE)).astype(np.float32)
    made = quantize(graph, calibrate(graph, x), x, WeightConfig(4))
    assert [node.op.weights.bits for node in made.nodes if hasattr(node.op, "weights")] == [4] * 3
    integer = tm.random_inputs(exact, count=8)
    exact_bytes = to_bytes(integers.outputs(exact, integer)).astype(int)
    difference = to_bytes(integers.outputs(made, integer)).astype(int) - exact_bytes
    assert np.mean(difference**2) < 0.3 * np.var(exact_bytes)


def test_other_values_than_zero_of_int16_are_refused(tmp_path: Path):
    pool16 = QPool2D("max", Window((3, 3), (2, 2), UNEVEN), -32768, 32767)
    with pytest.raises(UnsupportedModel, match="supported are zeros, and between int8 one value"):
        tm.imported(to_tflite(network("wide", [pool16], "int16")), tmp_path)


def test_streams_begin_with_zeros_alone():
    before = Padding(top=2)
    for value in (None, 9):
        graph = network("frames", [QPad(before, value), conv(PLAIN)])
        if value is None:
            assert stream(graph, 0).states
        else:
            with pytest.raises(UnsupportedModel, match="with other values than zeros; pad with"):
                stream(graph, 0)
