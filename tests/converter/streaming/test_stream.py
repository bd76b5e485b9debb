"""Streamed networks give the outputs of whole windows, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
import streamed_nets
from microlut.errors import InvalidInput, MicrolutError
from microlut.graph.batch import Batch, only
from microlut.graph.ir import Graph, Node, single
from microlut.integer import QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.integer.graph import Part
from microlut.integer.stream import as_runs, as_windows, warm_up_runs
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.mean import Mean
from microlut.ops.movement import Axis, whole
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.prelu import Prelu
from microlut.ops.rectifiers import Elu, LeakyRelu
from microlut.ops.reshape import Reshape
from microlut.ops.resize_bilinear import ResizeBilinear
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.slice import Slice
from microlut.ops.tensor import Activation, Tensor
from microlut.ops.windows import Padding, Window
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.streaming.stream import stream
from sweeps import in_sweeps

FRAMES, FEATURES = 12, 4


def streamed_outputs(graph: QuantizedGraph, samples: Batch) -> Batch:
    """Return the outputs for whole windows, of which the network takes some frames per run."""
    check_graph(graph)
    return as_windows(graph, integers.outputs(graph, as_runs(graph, samples)))


@pytest.mark.parametrize("seed", [0, *in_sweeps(*range(1, 10))])
def test_random_networks_give_the_outputs_of_whole_windows(seed: int):
    telling = 0
    for graph, axis in streamed_nets.networks(24, seed):
        x = rg.int8_batch(graph, seed, 6)
        wanted = integers.outputs(graph, x)
        found = streamed_outputs(stream(graph, axis), x)
        assert list(found.arrays) == list(wanted.arrays)
        np.testing.assert_array_equal(to_bytes(found), to_bytes(wanted), graph.name)
        telling += len(np.unique(to_bytes(wanted), axis=0)) > 2
    assert telling > 8


def test_networks_without_padding_answer_for_the_last_window_at_any_time():
    for graph, axis in streamed_nets.networks(8, seed=3):
        if graph.name.endswith(("1", "3", "5", "7")):  # those with padding see earlier frames
            continue
        streamed = stream(graph, axis)
        assert streamed.stream is not None
        hop, runs = streamed.inputs[0].shape[axis], streamed.stream.runs
        window = graph.inputs[0].shape[axis]
        rng = np.random.default_rng(1)
        shape = list(graph.inputs[0].shape)
        shape[axis] = hop * (runs + 3)
        frames = rng.integers(-128, 128, (1, *shape)).astype(np.int8)
        given = np.concatenate(np.split(frames, runs + 3, axis + 1))
        endless = _without_windows(streamed)
        made = integers.outputs(endless, given)
        for later in range(4):
            places = range(later * hop, later * hop + window)
            x = np.take(np.pad(frames, _after(frames.ndim, axis + 1, window)), places, axis + 1)
            wanted = integers.outputs(graph, x)
            found = as_windows(streamed, made[np.arange(later, later + runs)])
            assert np.array_equal(to_bytes(found), to_bytes(wanted)), graph.name


def _without_windows(graph: QuantizedGraph) -> QuantizedGraph:
    """Return the network without what resets its states."""
    return replace(graph, stream=None)


def _after(rank: int, axis: int, count: int) -> list[tuple[int, int]]:
    return [(0, count if i == axis else 0) for i in range(rank)]


class Net:
    """A float network over frames [12, 4, 2] under construction."""

    def __init__(self, shape: Shape = (FRAMES, FEATURES, 2)) -> None:
        self.shapes = {"x": shape}
        self.nodes: list[Node] = []

    def add(self, op: FloatOp, *inputs: str) -> str:
        read = inputs or (self.nodes[-1].name if self.nodes else "x",)
        name = f"layer{len(self.nodes)}"
        (self.shapes[name],) = op.shapes([self.shapes[x] for x in read])
        self.nodes.append(single(name, op, read, self.shapes[name]))
        return name

    def convolve(self, size: int = 3, *, stride: int = 1, before: int = 0, after: int = 0) -> str:
        channels = self.shapes[self.nodes[-1].name if self.nodes else "x"][2]
        window = Window((size, 1), (stride, 1), Padding(before, after))
        kernel = np.random.default_rng(size).normal(size=(2, size, 1, channels))
        return self.add(Conv2D(kernel.astype(np.float32), np.ones(2, np.float32), window))

    def quantized(self, dtype: Activation = "int8") -> QuantizedGraph:
        graph = Graph("net", (Tensor("x", self.shapes["x"]),), tuple(self.nodes), ("out",))
        graph = replace(graph, outputs=(self.nodes[-1].name,))
        x = np.random.default_rng(0).normal(size=(3, *self.shapes["x"])).astype(np.float32)
        ranges = calibrate(graph, x).typed(dict.fromkeys(graph.tensors(), dtype))
        return quantize(graph, ranges, x, WeightConfig(8))


def checked(net: Net, axis: int = 0, dtype: Activation = "int8") -> QuantizedGraph:
    """Return a streamed network that has answered as the one over whole windows."""
    graph = net.quantized(dtype)
    made, x = stream(graph, axis), rg.int8_batch(graph, 0, 4)
    np.testing.assert_array_equal(only(streamed_outputs(made, x)), only(integers.outputs(graph, x)))
    return made


def kept(graph: QuantizedGraph) -> list[int]:
    """Return the frames that each state keeps."""
    return [state.tensor.shape[0] for state in graph.states]


def test_networks_of_int16_are_streamed():
    net = Net()
    for op in (LeakyRelu(0.3), Elu(), Sigmoid()):
        net.convolve(3, before=2)
        net.add(op)
    made = checked(net, dtype="int16")
    assert [state.tensor.dtype for state in made.states] == ["int16"] * 3


def test_causal_convolutions_keep_what_their_kernels_see_again():
    net = Net()
    net.convolve(3, before=2)
    net.convolve(4, before=3)
    made = checked(net)
    assert made.inputs[0].shape == (1, FEATURES, 2)
    assert kept(made) == [2, 3]
    assert made.stream is not None and made.stream.runs == FRAMES
    assert warm_up_runs(made) == 0


def test_layers_without_padding_answer_once_their_windows_are_full():
    net = Net()
    net.convolve(3)
    net.convolve(4)
    made = checked(net)
    assert warm_up_runs(made) == 5
    assert kept(made) == [2, 3]


def test_strides_take_several_frames_per_call():
    net = Net()
    net.convolve(4, stride=2)
    net.add(MaxPool2D(Window((2, 1), (2, 1))))
    made = checked(net)
    assert made.inputs[0].shape == (4, FEATURES, 2)


def test_readers_of_a_tensor_share_the_frames_that_are_kept():
    net = Net()
    x = net.convolve(1)
    pooled = [net.add(kind(Window((5, 1))), x) for kind in (AveragePool2D, MaxPool2D)]
    net.add(Concatenate(2), *pooled)
    assert kept(checked(net)) == [4]


def test_pool_over_all_frames_keeps_them():
    net = Net()
    net.convolve(3)
    net.add(Mean())
    made = checked(net)
    assert kept(made) == [2, FRAMES - 2 - 1]
    assert warm_up_runs(made) == FRAMES - 1


def test_last_frame_needs_no_others():
    net = Net()
    net.convolve(3, before=2)
    net.add(Slice((Axis(FRAMES - 1, 1, 1), whole(FEATURES), whole(2))))
    assert kept(checked(net)) == [2]


def test_padding_is_what_states_begin_with():
    net = Net()
    net.add(Pad(Padding(2)))
    net.add(AveragePool2D(Window((3, 1))))
    made = checked(net)
    assert kept(made) == [2]
    assert "pad" not in {node.op.kind for node in made.nodes}


def test_dense_layer_over_all_values_reads_all_frames():
    net = Net()
    net.add(Reshape((FRAMES * FEATURES * 2,)))
    net.add(
        Dense(
            np.random.default_rng(0).normal(size=(3, 96)).astype(np.float32), np.ones(3, np.float32)
        )
    )
    assert kept(checked(net)) == [FRAMES - 1]


def refused(net: Net, axis: int = 0) -> str:
    with pytest.raises(MicrolutError) as caught:
        stream(net.quantized(), axis)
    return str(caught.value)


def test_padding_of_later_frames_is_refused():
    net = Net()
    net.convolve(3, before=1, after=1)
    assert refused(net).startswith("layer0: cannot be streamed: it pads after the newest frame")


def test_padding_behind_layers_that_lag_is_refused():
    net = Net()
    net.convolve(3)
    net.convolve(3, before=2)
    assert refused(net).startswith("layer1: cannot be streamed: it pads before the first frame")


def test_layers_that_make_frames_are_refused():
    net = Net()
    net.add(ResizeBilinear(2 * FRAMES, FEATURES, "corners"))
    assert "is not computed frame by frame; remove the layer" in refused(net)


def test_weights_that_differ_from_frame_to_frame_are_refused():
    net = Net()
    net.add(Prelu(np.linspace(0, 1, FRAMES * 8, dtype=np.float32).reshape(FRAMES, FEATURES, 2)))
    assert "share them along the frames" in refused(net)


@pytest.mark.parametrize("axis", [-1, 3])
def test_dimension_must_be_one_of_the_inputs(axis: int):
    net = Net()
    net.convolve()
    with pytest.raises(InvalidInput, match="give the dimension of its frames, 0 to 2"):
        stream(net.quantized(), axis)


@pytest.mark.parametrize(
    "damage",
    [{"runs": 0}, {"axis": 3}, {"window": 0}, {"outputs": ()}, {"outputs": (Part(0, 0, 13),)}],
)
def test_damaged_numbers_of_calls_are_found(damage: dict[str, object]):
    net = Net()
    net.convolve(before=2)
    graph = stream(net.quantized(), 0)
    assert graph.stream is not None
    with pytest.raises(ValueError, match="runs per window"):
        check_graph(replace(graph, stream=replace(graph.stream, **damage)))
