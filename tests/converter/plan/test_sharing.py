"""What writes over an input: additions that convolutions do, and layers in place."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import random_graphs as rg
from microlut.integer import QuantizedGraph
from microlut.ops.add import Add
from microlut.ops.conv2d import Conv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Window, same_padding
from microlut.plan.sharing import Sharer, Sharing, find_sharing
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

SHAPE = (16, 16, 8)


def quantized(net: rg.Network) -> QuantizedGraph:
    graph = net.graph()
    x = np.random.default_rng(0).normal(size=(2, *net.input_shape)).astype(np.float32)
    return quantize(graph, calibrate(graph, x), x, WeightConfig())


def sharing(net: rg.Network) -> Sharing:
    return find_sharing(quantized(net))


def convolve(net: rg.Network, size: int = 3, source: str | None = None, stride: int = 1) -> str:
    rng = np.random.default_rng(1)
    padding = same_padding(SHAPE[:2], (size, size), (stride, stride), (1, 1))
    w = Window((size, size), (stride, stride), padding)
    kernel = rg.weights(rng, (8, size, size, 8), 0)
    shape = (*w.output_size(*SHAPE[:2]), 8)
    return net.add(Conv2D(kernel, rg.bias(rng, 8), w), shape, source or net.last)


def test_convolution_adds_what_only_the_addition_reads():
    net = rg.Network("n", SHAPE)
    start = convolve(net)
    convolve(net)
    branch = convolve(net)
    total = net.add(Add(), SHAPE, start, branch)
    found = sharing(net)
    assert {name: node.name for name, node in found.sums.items()} == {branch: total}
    assert found.places[branch] == found.places[start]


def test_convolution_does_not_add_to_its_own_input():
    net = rg.Network("n", SHAPE)
    start = convolve(net)
    net.add(Add(), SHAPE, start, convolve(net))
    assert sharing(net).sums == {}


def test_convolution_does_not_add_to_a_view_of_its_own_input():
    net = rg.Network("n", SHAPE)
    start = convolve(net)
    view = net.add(Reshape(SHAPE), SHAPE)
    net.add(Add(), SHAPE, view, convolve(net, source=start))
    assert sharing(net).sums == {}


@pytest.mark.parametrize("again", ["branch", "start"])
def test_nothing_is_added_over_a_tensor_that_is_read_later(again: str):
    net = rg.Network("n", SHAPE)
    names = {"start": convolve(net)}
    convolve(net)
    names["branch"] = convolve(net)
    total = net.add(Add(), SHAPE, names["start"], names["branch"])
    net.add(Add(), SHAPE, total, names[again])
    assert sharing(net).sums == {}


def test_addition_of_a_tensor_to_itself_stands_alone():
    net = rg.Network("n", SHAPE)
    branch = convolve(net)
    net.add(Add(), SHAPE, branch, branch)
    assert sharing(net).sums == {}


@pytest.mark.parametrize(("size", "stride", "wanted"), [(1, 1, True), (3, 1, False), (1, 2, False)])
def test_only_1x1_convolutions_without_stride_run_in_place(size: int, stride: int, wanted: bool):
    net = rg.Network("n", SHAPE)
    node = convolve(net, size, stride=stride)
    assert (node in sharing(net).whole) is wanted


def test_layer_keeps_an_input_that_is_read_later():
    net = rg.Network("n", SHAPE)
    node = convolve(net, 1)
    net.add(Softmax(), SHAPE, net.input_name)
    assert sharing(net).places[node].buffer == node


@pytest.mark.parametrize(("stride", "wanted"), [(1, True), (2, False)])
def test_depthwise_convolution_runs_in_place_if_the_shape_stays(stride: int, wanted: bool):
    net, rng = rg.Network("n", (8, 8, 32)), np.random.default_rng(0)
    w = Window((3, 3), (stride, stride), same_padding((8, 8), (3, 3), (stride, stride), (1, 1)))
    op = DepthwiseConv2D(rg.weights(rng, (3, 3, 32), 2), rg.bias(rng, 32), w, 1)
    node = net.add(op, (*w.output_size(8, 8), 32))
    assert (node in sharing(net).whole) is wanted


def test_one_sharer_decides_for_all_orders_of_the_nodes():
    def facts(sharing: Sharing) -> tuple[object, ...]:
        sums = {name: node.name for name, node in sharing.sums.items()}
        return sums, sharing.places, sharing.whole, sharing.in_place

    tried = 0
    for case in rg.network_cases(8, seed=4):
        graph = case.quantized()
        sharer, nodes = Sharer(graph), list(graph.nodes)
        for i, (before, node) in enumerate(pairwise(graph.nodes)):
            if before.output not in node.inputs:
                swapped = replace(graph, nodes=(*nodes[:i], node, before, *nodes[i + 2 :]))
                assert facts(sharer.find(swapped)) == facts(find_sharing(swapped))
                tried += 1
    assert tried > 3
