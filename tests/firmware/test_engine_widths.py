"""The C engine against the integer interpreter for every method, granularity and width, and mixed.

All networks are compiled into one program.
"""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
import pytest
from engine_batch import run_batch
from numpy.typing import NDArray

import random_graphs as rg
from microlut.integer import QuantizedGraph
from microlut.integer import evaluate as int_ops
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.pool2d import MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.weights import Granularity
from microlut.ops.windows import Padding, Window
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs, Method, WeightConfig

RUNS = 3
MIXED = 8
COMBINATIONS = list(product(get_args(Method), get_args(Granularity), BIT_WIDTHS))
Outputs = dict[str, tuple[NDArray[np.int8], NDArray[np.int8]]]


def network(name: str, seed: int) -> rg.Network:
    """Return a network of every operator with weights, with odd sizes, whose outputs vary."""
    rng = np.random.default_rng([7, seed])

    def draw(*shape: int) -> FloatArray:
        return rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)

    height, width, channels, filters = (int(n) for n in rng.integers((3, 3, 1, 3), (6, 6, 4, 8)))
    net, relu = rg.Network(name, (height, width, channels)), ActivationKind.RELU
    window = Window((3, 3), (1, 1), Padding(1, 1, 1, 1))
    shape = (height, width, filters)
    net.add(Conv2D(draw(filters, 3, 3, channels), draw(filters) / 4, window, relu), shape)
    kernel = rng.laplace(0, 0.3, (3, 3, filters)).astype(np.float32)
    net.add(DepthwiseConv2D(kernel, draw(filters) / 4, window), shape)
    net.add(Conv2D(draw(filters, 1, 1, filters), draw(filters) / 4, Window((1, 1)), relu), shape)
    shape = (height // 2, width // 2, filters)
    net.add(MaxPool2D(Window((2, 2), (2, 2))), shape)
    columns = int(np.prod(shape))
    net.add(Reshape((columns,)), (columns,))
    net.add(Dense(draw(5, columns), draw(5) / 4), (5,))
    return net


def quantized(name: str, seed: int, configs: list[WeightConfig]) -> QuantizedGraph:
    """Return a network whose layers have these configurations, one after the other."""
    graph = network(name, seed).graph()
    rng = np.random.default_rng([8, seed])
    x = rng.normal(0.2, 1, (6, *graph.inputs[0].shape)).astype(np.float32)
    layers = [node.name for node, _ in graph.weighted()]
    by_layer: LayerConfigs = {n: configs[i % len(configs)] for i, n in enumerate(layers)}
    without = all(config.method == "fitted" for config in by_layer.values())
    stage = quantize_without_data if without else quantize
    return stage(graph, calibrate(graph, x), x, by_layer)


def mixed(seed: int) -> list[WeightConfig]:
    rng = np.random.default_rng([9, seed])
    chosen = rng.choice(len(COMBINATIONS), 4, replace=False)
    picked = [COMBINATIONS[number] for number in chosen]
    return [WeightConfig(bits, shared, method) for method, shared, bits in picked]


@pytest.fixture(scope="module")
def graphs() -> list[QuantizedGraph]:
    uniform = [
        quantized(f"{method}_{shared}_{bits}", seed, [WeightConfig(bits, shared, method)])
        for seed, (method, shared, bits) in enumerate(COMBINATIONS)
    ]
    return uniform + [quantized(f"mixed{i}", 100 + i, mixed(i)) for i in range(MIXED)]


@pytest.fixture(scope="module")
def outputs(graphs: list[QuantizedGraph], tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """Return, by model, what the engine gives and what the interpreter gives."""
    inputs = [rg.int8_inputs(graph, i, RUNS) for i, graph in enumerate(graphs)]
    got = run_batch([make_plan(graph) for graph in graphs], inputs, tmp_path_factory.mktemp("all"))
    wanted = [
        int_ops.evaluate(graph, x).reshape(RUNS, -1)
        for graph, x in zip(graphs, inputs, strict=True)
    ]
    return {g.name: pair for g, *pair in zip(graphs, got, wanted, strict=True)}


def test_every_combination_is_there(graphs: list[QuantizedGraph]):
    assert len(graphs) == len(COMBINATIONS) + MIXED
    widths = [{op.weights.bits for _, op in graph.weighted()} for graph in graphs]
    assert set.union(*widths) == set(BIT_WIDTHS)
    assert sum(len(each) > 1 for each in widths) == MIXED


@pytest.mark.parametrize("method", [*get_args(Method), "mixed"])
def test_engine_equals_the_interpreter(outputs: Outputs, method: str):
    mine = {name: pair for name, pair in outputs.items() if name.startswith(method)}
    assert len(mine) == (MIXED if method == "mixed" else 14)
    differing = [name for name, (got, wanted) in mine.items() if not np.array_equal(got, wanted)]
    assert differing == []


def test_outputs_differ_between_inputs(outputs: Outputs):
    varied = [name for name, (got, _) in outputs.items() if len(np.unique(got, axis=0)) > 1]
    assert len(varied) > 0.9 * len(outputs)
