"""What kernel calls cost: the counts behind it, and the sums."""

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
import random_layers as rl
from microlut.errors import InvalidInput
from microlut.integer import QuantizedGraph
from microlut.ops.conv2d import Conv2D, QConv2D
from microlut.ops.dense import QDense
from microlut.ops.reshape import QReshape
from microlut.ops.windows import Padding, Window
from microlut.plan import Goal, cost, make_plan
from microlut.plan.cost import instructions, known_cores
from microlut.plan.kernels import Call, Tile, calls_of, kernel_of
from microlut.plan.sharing import find_sums
from microlut.plan.tiles import whole_tile
from microlut.plan.variants import Variants
from sweeps import in_sweeps

M4 = "cortex-m4f"


def convolution(
    window: Window, size: tuple[int, int, int], filters: int, bits: int = 4
) -> QuantizedGraph:
    net, rng = rg.Network("net", size), np.random.default_rng(0)
    kernel = rg.weights(rng, (filters, *window.size, size[2]), 0)
    net.add(
        Conv2D(kernel, rg.bias(rng, filters), window), (*window.output_size(*size[:2]), filters)
    )
    return net.case(rng, bits, 1).quantized()


def call(window: Window, size: tuple[int, int, int], filters: int) -> Call:
    graph = convolution(window, size, filters)
    return calls_of(graph)[graph.nodes[0].name]


def work(one: Call, tile: Tile, core: str) -> dict[str, float]:
    return kernel_of(one.op).work(one, tile, core)


def test_a_convolution_is_counted_as_the_kernel_runs_it():
    one = call(Window((3, 3), padding=Padding(1, 1, 1, 1)), (8, 8, 16), 10)
    found = work(one, Tile(4, 0), M4)
    assert found["convolution pass"] == 3  # of 4, 4 and 2 channels
    assert found["block"] == 3 * 16
    assert found["tile"] == 16 * (2 + 2 + 1) * (9 * 16 // 4)
    assert found["row"] == 3 * 6 * 6 * 3  # passes, fields inside the picture, kernel rows
    assert found["border row"] == 3 * (64 - 36) * 3
    assert found["decode 4"] == 10 * (9 * 16 // 8)
    assert sum(n for part, n in found.items() if part.startswith("output ")) == 64 * 10


def test_only_fields_that_lie_in_the_picture_are_inside():
    wide = call(Window((1, 3), (1, 2), Padding(0, 0, 1, 1)), (4, 9, 4), 2)
    found = work(wide, whole_tile(wide), M4)
    assert found["row"] == 4 * 3  # of five columns, those that begin at 1, 3 and 5
    spread = call(Window((1, 3), dilation=(1, 2)), (4, 9, 4), 2)
    assert work(spread, whole_tile(spread), M4)["row"] == 0


def test_single_pixels_are_gathered_in_fours():
    one = call(Window((1, 1), (2, 2)), (5, 9, 6), 10)
    found = work(one, Tile(4, 0), M4)
    assert found["pixel"] == 3 * 15  # passes, pixels
    assert (found["pixels"], found["pixels word"], found["pixels rest"]) == (12, 12, 12)
    assert "column" not in found
    padded = call(Window((1, 1), padding=Padding(1, 0, 0, 0)), (5, 9, 6), 10)
    assert work(padded, Tile(4, 0), M4)["column"] == 3 * 6 * 9


def test_vectors_take_sixteen_values_at_a_time():
    one = call(Window((3, 3)), (8, 8, 16), 10)
    assert work(one, whole_tile(one), "cortex-m55")["tile"] == 9 * 5 * 9


@pytest.mark.parametrize("kind", ["conv2d", "depthwise", "dense"])
def test_counts_and_costs_are_positive(kind: str):
    for graph in rl.layer_cases(kind, range(98), seed=9):
        one = calls_of(graph)[graph.nodes[0].name]
        tile = whole_tile(one)
        for core in known_cores():
            assert min(work(one, tile, core).values()) >= 0
            assert instructions(one, tile, core) > 0


def test_costs_of_all_operators_are_known():
    added = 0
    graphs = [rg.every_operator_case(4).quantized(), *rl.layer_cases("conv2d", range(0, 98, 5), 9)]
    for graph in graphs:
        calls = calls_of(graph)
        sums = {name: calls[node.name] for name, node in find_sums(graph).items()}
        added += len(sums)
        for one in (replace(call, sum=sums.get(name)) for name, call in calls.items()):
            for tile in kernel_of(one.op).tiles(one):
                assert all(instructions(one, tile, core) >= 0 for core in known_cores())
    assert added


def test_work_of_unknown_cost_is_refused_by_name(monkeypatch: pytest.MonkeyPatch):
    one = call(Window((3, 3)), (8, 8, 16), 10)
    known = {core: dict(parts) for core, parts in cost._costs().items()}
    del known[M4]["tile start"]
    monkeypatch.setattr(cost, "_costs", lambda: known)
    with pytest.raises(
        NotImplementedError, match=rf'"tile start" on {M4} is not known, which .*_conv2d'
    ):
        instructions(one, whole_tile(one), M4)
    assert instructions(one, whole_tile(one), "cortex-m3") > 0


@pytest.mark.parametrize("count", [12, *in_sweeps(40)])
def test_steps_cost_what_their_calls_do_and_merged_ones_nothing(count: int):
    cases = [*rg.network_cases(count, seed=3), *(rg.kernel_case(bits, 1) for bits in (4, 8))]
    steps = [step for case in cases for step in make_plan(case.quantized()).steps]
    assert any(step.merged for step in steps)
    for step in steps:
        free = step.merged or isinstance(step.node.op, QReshape)
        assert (step.instructions == 0) == free


def test_cores_differ():
    graph = convolution(Window((3, 3)), (12, 12, 8), 16)
    totals = [
        sum(step.instructions for step in make_plan(graph, Goal("speed", core=core)).steps)
        for core in ("cortex-m0plus", "cortex-m3", M4, "cortex-m55")
    ]
    assert totals == sorted(totals, reverse=True)


def test_unknown_core_is_refused():
    with pytest.raises(InvalidInput, match="core quartz is not known; choose one of cortex-m0,"):
        Goal(core="quartz")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("Cortex-M4", "cortex-m4f"), ("m4", "cortex-m4f"), ("Cortex-M0+", "cortex-m0plus")),
        *(("M33", "cortex-m33"), ("risc-v", "riscv32imc"), ("cortex-m23", "cortex-m33")),
    ],
)
def test_core_that_people_call_otherwise_is_suggested(name, meant):
    with pytest.raises(InvalidInput, match=rf"did you mean [\w -]*{meant}\b.*\? choose one of"):
        Goal(core=name)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_convolution_of_one_pixel_becomes_a_dense_layer(bits: int):
    graph = Variants(convolution(Window((3, 2)), (3, 2, 7), 20, bits)).chosen(M4)
    (node,) = graph.nodes
    assert isinstance(node.op, QDense)
    assert node.op.weights.shape == (20, 42)
    assert node.shape == (1, 1, 20)


@pytest.mark.parametrize(
    ("window", "size"),
    [
        (Window((3, 2)), (4, 2, 7)),  # two pixels
        (Window((3, 2), padding=Padding(bottom=1)), (2, 2, 7)),
        (Window((2, 1), dilation=(2, 1)), (3, 1, 7)),
    ],
)
def test_other_convolutions_stay(window: Window, size: tuple[int, int, int]):
    graph = convolution(window, size, 20, 3)
    assert all(isinstance(node.op, QConv2D) for node in Variants(graph).chosen(M4).nodes)
