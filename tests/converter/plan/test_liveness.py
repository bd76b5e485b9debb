"""Lifetimes: what shares bytes, and what must not be overwritten."""

import numpy as np

import random_graphs as rg
from microlut.integer import QuantizedGraph
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.plan.buffers import Buffer
from microlut.plan.liveness import tensor_buffers
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

RELU = Relu(ActivationKind.RELU)


def quantized(net: rg.Network) -> QuantizedGraph:
    graph = net.graph()
    x = np.random.default_rng(0).normal(size=(2, *net.input_shape)).astype(np.float32)
    return quantize(graph, calibrate(graph, x), x, WeightConfig())


def owners(net: rg.Network) -> dict[str, str]:
    places = tensor_buffers(quantized(net))[1]
    assert all(place.offset == 0 for place in places.values())
    return {name: place.buffer for name, place in places.items()}


def spans(net: rg.Network) -> dict[str, tuple[int, int]]:
    return {b.name: (b.first, b.last) for b in tensor_buffers(quantized(net))[0]}


def test_relu_overwrites_an_input_that_nothing_reads_later():
    net = rg.Network("n", (4,))
    relu = net.add(RELU, (4,))
    assert owners(net)[relu] == net.input_name


def test_relu_keeps_an_input_that_is_read_later():
    net = rg.Network("n", (4,))
    relu = net.add(RELU, (4,))
    net.add(Add(), (4,), relu, net.input_name)
    assert owners(net)[relu] == relu


def test_relu_keeps_an_input_that_is_read_later_through_a_reshape():
    net = rg.Network("n", (2, 2))
    flat = net.add(Reshape((4,)), (4,))
    relu = net.add(RELU, (2, 2), net.input_name)
    square = net.add(Reshape((4,)), (4,), relu)
    net.add(Add(), (4,), flat, square)
    assert owners(net)[flat] == net.input_name
    assert owners(net)[relu] == relu


def test_addition_overwrites_whichever_input_is_free():
    for order in (0, 1):
        net = rg.Network("n", (4,))
        softmax = net.add(Softmax(), (4,))
        terms = (softmax, net.input_name)
        total = net.add(Add(), (4,), *(terms if order else terms[::-1]))
        net.add(Add(), (4,), total, net.input_name)
        assert owners(net)[total] == softmax


def test_addition_of_a_tensor_to_itself_overwrites_it():
    net = rg.Network("n", (4,))
    total = net.add(Add(), (4,), net.input_name, net.input_name)
    assert owners(net)[total] == net.input_name


def test_addition_overwrites_nothing_when_both_inputs_are_read_later():
    net = rg.Network("n", (4,))
    softmax = net.add(Softmax(), (4,))
    total = net.add(Add(), (4,), softmax, net.input_name)
    last = net.add(Add(), (4,), softmax, net.input_name)
    net.add(Add(), (4,), total, last)
    assert owners(net)[total] == total


def test_reshape_prolongs_its_inputs_life():
    net = rg.Network("n", (2, 2))
    flat = net.add(Reshape((4,)), (4,))
    net.add(Softmax(), (2, 2), net.input_name)
    net.add(Softmax(), (4,), flat)
    assert spans(net)[net.input_name] == (0, 2)


def test_input_lives_from_the_first_step_even_when_it_is_read_later():
    net = rg.Network("n", (4,))
    a = net.add(Softmax(), (4,))
    b = net.add(Softmax(), (4,), a)
    net.add(Add(), (4,), net.input_name, b)
    assert spans(net)[net.input_name][0] == 0


def test_output_lives_beyond_the_last_step():
    net = rg.Network("n", (4,))
    net.add(Softmax(), (4,))
    assert spans(net)[net.last] == (0, 1)


def test_unread_tensor_lives_for_its_own_step():
    net = rg.Network("n", (4,))
    unread = net.add(Softmax(), (4,))
    net.add(Softmax(), (4,), net.input_name)
    assert spans(net)[unread] == (0, 0)


def test_buffers_overlap_when_they_share_a_step():
    assert Buffer("a", 1, 0, 2).overlaps(Buffer("b", 1, 2, 3))
    assert not Buffer("a", 1, 0, 1).overlaps(Buffer("b", 1, 2, 3))
