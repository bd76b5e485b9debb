"""Order of nodes: still an order, never a higher peak, and room for the layers that need it."""

import numpy as np

import random_graphs as rg
from microlut.integer.evaluate import evaluate
from microlut.ops.add import Add
from microlut.ops.conv2d import Conv2D
from microlut.ops.windows import Window
from microlut.plan.buffers import lower_bound
from microlut.plan.liveness import tensor_buffers
from microlut.plan.schedule import schedule


def test_inputs_are_made_before_they_are_read_and_results_stay():
    for case in rg.network_cases(20, seed=4):
        q = case.quantized()
        ordered = schedule(q)
        made = {q.inputs[0].name}
        for node in ordered.nodes:
            assert set(node.inputs) <= made
            made.add(node.name)
        assert len(ordered.nodes) == len(q.nodes)
        x = rg.int8_inputs(q, 0)
        assert np.array_equal(evaluate(ordered, x), evaluate(q, x))
        assert lower_bound(tensor_buffers(ordered)[0]) <= lower_bound(tensor_buffers(q)[0])


def test_small_convolution_of_a_branch_moves_before_the_large_one():
    """The large one then runs when the tensor that both branches read is dead."""
    net, rng = rg.Network("n", (8, 8, 4)), np.random.default_rng(0)

    def convolve(size: int, channels: tuple[int, int], source: str) -> str:
        kernel = rg.weights(rng, (channels[1], size, size, channels[0]), 0)
        w = Window((size, size), (1, 1), rg.same_padding((8, 8), (size, size), (1, 1), (1, 1)))
        op = Conv2D(kernel, rg.bias(rng, channels[1]), w)
        return net.add(op, (8, 8, channels[1]), source)

    start = convolve(3, (4, 8), net.input_name)
    long = convolve(3, (8, 4), start)
    long = convolve(7, (4, 4), long)
    short = convolve(1, (8, 4), start)
    net.add(Add(), (8, 8, 4), long, short)
    q = net.case(rng, 4, 1).quantized()
    names = [node.name for node in schedule(q).nodes]
    assert names.index(short) < names.index(long)
