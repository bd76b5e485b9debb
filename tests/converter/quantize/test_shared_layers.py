"""Layers that are called several times store their weights once."""

from dataclasses import replace

import numpy as np
import pytest
from engine_batch import run_batch

from graphs import make_node, net
from microlut.codegen.render import render
from microlut.graph.ir import Graph
from microlut.integer import evaluate as integers
from microlut.integer import quantized_inputs
from microlut.integer.packing import stored_bytes, weight_bytes
from microlut.ops.conv2d import Conv2D
from microlut.ops.windows import Window, same_padding
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weights import WeightConfig

SHAPE = (6, 6, 4)


def three_calls(seed: int = 0) -> Graph:
    """Return a convolution that reads its own output twice."""
    rng = np.random.default_rng(seed)
    window = Window((3, 3), padding=same_padding((6, 6), (3, 3), (1, 1), (1, 1)))
    kernel = rng.normal(0, 0.5, (4, 3, 3, 4)).astype(np.float32)
    op = Conv2D(kernel, rng.normal(size=4).astype(np.float32), window)
    nodes = [
        make_node(f"call{i}", replace(op, kernel=kernel.copy()), (source,), SHAPE)
        for i, source in enumerate(("x", "call0", "call1"))
    ]
    return net("shared", "x", SHAPE, nodes, "call2")


def samples() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(12, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("stage", [quantize, quantize_without_data])
def test_calls_share_indices_and_codebook(bits, stage):
    graph, x = three_calls(), samples()
    made = stage(graph, calibrate(graph, x), x, WeightConfig(bits))
    first, *others = (op.weights for _, op in made.weighted())
    for weights in others:
        assert np.array_equal(weights.indices, first.indices)
        assert weights.codebook is None or np.array_equal(weights.codebook, first.codebook)
    assert stored_bytes(made) == weight_bytes(first)
    assert make_plan(made).weight_bytes == weight_bytes(first)


def test_every_call_has_bits_of_the_first():
    graph, x = three_calls(), samples()
    configs = {f"call{i}": WeightConfig(bits) for i, bits in enumerate((4, 3, 2))}
    made = quantize(graph, calibrate(graph, x), x, configs)
    assert [op.weights.bits for _, op in made.weighted()] == [4, 4, 4]


def test_layers_with_other_kernels_have_weights_of_their_own():
    graph, x = three_calls(), samples()
    last = graph.nodes[-1]
    other = replace(last.op, kernel=np.ascontiguousarray(last.op.kernel[::-1]))
    graph = replace(graph, nodes=(*graph.nodes[:-1], replace(last, op=other)))
    made = quantize(graph, calibrate(graph, x), x, WeightConfig(4))
    assert stored_bytes(made) == 2 * weight_bytes(made.weighted()[0][1].weights)


def test_generated_code_has_one_array_and_computes_the_same(tmp_path):
    graph, x = three_calls(), samples()
    made = quantize(graph, calibrate(graph, x), x, WeightConfig(4))
    plan = make_plan(made)
    assert render(plan)["weights.c"].count("const uint8_t shared_indices_") == 1
    given = quantized_inputs(made, x)
    wanted = integers.evaluate(made, given).reshape(len(x), -1)
    assert np.array_equal(run_batch([plan], [given.arrays["x"]], tmp_path)[0], wanted)
