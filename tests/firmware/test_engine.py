"""The C engine against the integer interpreter, byte for byte, under both sanitizers.

The arena is as large as the model says and not a byte more, in a block of its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, Target, run_batch, scratch_last
from numpy.typing import NDArray

import random_ends as several
import random_graphs as rg
from graphs import make_node, net
from microlut.integer import QuantizedGraph, to_bytes
from microlut.integer import evaluate as int_ops
from microlut.ops.dense import Dense
from microlut.ops.softmax import Softmax
from microlut.plan import Goal, Plan, make_plan
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from sweeps import in_sweeps

RUNS = 3
Outputs = dict[str, tuple[NDArray[np.int8], NDArray[np.int8]]]


def check(
    graphs: Sequence[QuantizedGraph],
    folder: Path,
    change: Callable[[Plan], Plan],
    target: Target = HOST,
) -> Outputs:
    """Return, by model, what the engine gives and what the interpreter gives."""
    inputs = [rg.int8_inputs(graph, i, RUNS) for i, graph in enumerate(graphs)]
    got = run_batch([change(make_plan(graph)) for graph in graphs], inputs, folder, target)
    wanted = [
        int_ops.evaluate(graph, x).reshape(RUNS, -1)
        for graph, x in zip(graphs, inputs, strict=True)
    ]
    return {g.name: pair for g, *pair in zip(graphs, got, wanted, strict=True)}


def assert_equal(outputs: Outputs, prefix: str) -> None:
    mine = {name: pair for name, pair in outputs.items() if name.startswith(prefix)}
    assert len(mine) >= 7
    differing = [name for name, (got, wanted) in mine.items() if not np.array_equal(got, wanted)]
    assert differing == []


# One program and one test for all of them: several tests would be shared out, and each build it.
@pytest.mark.parametrize("count", [21, *in_sweeps(70)])
def test_operators_equal_the_interpreter(count: int, tmp_path: Path):
    """Run single operators, whose scratch ends where the arena ends."""
    counts = {"conv2d": count, "depthwise_conv2d": count, "dense": 14}
    cases = [c for k in rg.OPERATORS for c in rg.operator_cases(k, counts.get(k, 7), seed=11)]
    cases += [*rg.wide_cases(), *rg.line_cases()]
    outputs = check([case.quantized() for case in cases], tmp_path, scratch_last)
    for kind in (*rg.OPERATORS, "wide"):
        assert_equal(outputs, kind)


@pytest.mark.parametrize("count", [7, *in_sweeps(28)])
def test_networks_equal_the_interpreter(count: int, tmp_path: Path):
    """Run networks of several operators, laid out as planned."""
    cases = list(rg.network_cases(count, seed=11))
    cases += [rg.every_operator_case(b) for b in range(2, 9)]
    cases += [rg.kernel_case(b, b // 2 % 2) for b in range(2, 9)]
    outputs = check([case.quantized() for case in cases], tmp_path, lambda plan: plan)
    for prefix in ("net", "every", "kernels"):
        assert_equal(outputs, prefix)
    varied = [name for name, (got, _) in outputs.items() if len(np.unique(got, axis=0)) > 1]
    assert len(varied) > len(outputs) / 2


@pytest.mark.parametrize(
    ("goal", "states"),
    [("speed", True), ("ram", False), *in_sweeps(("speed", False), ("ram", True))],
)
def test_network_of_several_ends_equals_the_interpreter(goal: str, states: bool, tmp_path: Path):
    graphs = list(several.networks(21, seed=11, states=states))
    inputs = [rg.int8_batch(graph, i, 5) for i, graph in enumerate(graphs)]
    plans = [make_plan(graph, Goal(goal)) for graph in graphs]
    found = run_batch(plans, list(map(to_bytes, inputs)), tmp_path)
    wanted = [several.interpreted(graph, x) for graph, x in zip(graphs, inputs, strict=True)]
    differing = [
        graph.name
        for graph, got, expected in zip(graphs, found, wanted, strict=True)
        if not np.array_equal(got, expected)
    ]
    assert differing == []
    assert sum(len(np.unique(got, axis=0)) > 1 for got in found) > len(found) / 2
    assert any(plan.copies for plan in plans) is states


def for_ram(plan: Plan) -> Plan:
    """Return the plan of the same network that takes the least memory: with the smallest tiles."""
    return make_plan(plan.graph, Goal("ram"))


@pytest.mark.parametrize("count", [7, *in_sweeps(21)])
def test_operator_with_the_smallest_tiles_equals_the_interpreter(count: int, tmp_path: Path):
    kinds = ("conv2d", "depthwise_conv2d", "dense")
    graphs = [c.quantized() for kind in kinds for c in rg.operator_cases(kind, count, seed=12)]
    found = check(graphs, tmp_path, lambda plan: scratch_last(for_ram(plan)))
    for kind in kinds:
        assert_equal(found, kind)


def test_network_with_the_least_memory_equals_the_interpreter(tmp_path: Path):
    graphs = [case.quantized() for case in rg.network_cases(14, seed=12)]
    assert_equal(check(graphs, tmp_path, for_ram), "net")


def test_softmax_of_hundreds_of_equal_values_is_defined(tmp_path: Path):
    graphs = []
    for length in (255, 256, 511, 512, 1023, 1024, 4095):
        nodes = (make_node("y", Softmax(), ("x",), (length,)),)
        graph = net(f"s{length}", "x", (length,), nodes, "y")
        ranges = Ranges({"x": (-1.0, 1.0), "y": (0.0, 1.0)})
        x = np.zeros((1, length), np.float32)
        graphs.append(quantize(graph, ranges, x, WeightConfig()))
    assert_equal(check(graphs, tmp_path, lambda plan: plan), "s")


def test_dense_layer_of_more_inputs_than_16_bits_count(tmp_path: Path):
    rng = np.random.default_rng(13)
    graphs = []
    for bits in range(2, 9):
        kernel = rng.normal(0.0, 0.01, (3, 70001)).astype(np.float32)
        op = Dense(kernel, np.zeros(3, np.float32))
        graph = net(f"long{bits}", "x", (70001,), (make_node("y", op, ("x",), (3,)),), "y")
        x = rng.uniform(-2.0, 2.0, (4, 70001)).astype(np.float32)
        graphs.append(quantize(graph, calibrate(graph, x), x, WeightConfig(bits)))
    outputs = check(graphs, tmp_path, lambda plan: plan)
    assert_equal(outputs, "long")
    assert all(len(np.unique(got)) > 2 for got, _ in outputs.values())
