"""Which convolutions may run by Winograd's method, and in which scratch."""

from dataclasses import replace

import numpy as np
import pytest

import random_layers as rl
from graphs import make_qnode, qnet
from kernel_calls import STAGE, align, call, weights
from microlut.ops.conv2d import QConv2D
from microlut.ops.tensor import Quantization
from microlut.ops.windows import Padding, Window
from microlut.plan import Goal, Optimize, make_plan
from microlut.plan.choice import Choice
from microlut.plan.draft import Draft, draft_of, with_winograd
from microlut.plan.kernels import Call, Tile, kernel_of
from microlut.plan.tiles import Menu
from microlut.plan.ways import ways_of

M4 = "cortex-m4f"
SAME = Window((3, 3), padding=Padding(1, 1, 1, 1))


def convolution(depth: int, filters: int, window: Window = SAME) -> QConv2D:
    none = np.zeros(filters, np.int32)
    stage = replace(STAGE, bias=none, multiplier=none, shift=np.full(filters, -8, np.int8))
    return QConv2D(weights((filters, *window.size, depth), filters, 4), stage, window)


def layer(depth: int, filters: int, size: int = 16, window: Window = SAME) -> Call[QConv2D]:
    op = convolution(depth, filters, window)
    return call(op, (size, size, depth), (*window.output_size(size, size), filters))


def winograd(one: Call[QConv2D]) -> list[Tile]:
    return list(kernel_of(one.op).winograd_tiles(one))


def test_scratch_is_that_of_the_header():
    found = winograd(layer(8, 5))
    assert [tile.channels for tile in found] == [5, 4, 2]
    for tile, rows in zip(found, (6, 4, 2), strict=True):
        assert tile.scratch_bytes == align(rows * (20 + 32 * 8) + 129 * 8 + 1024)
    assert all(tile.winograd for tile in found)


@pytest.mark.parametrize(
    "one",
    [
        layer(8, 8, window=Window((3, 3), (2, 2), Padding(1, 1, 1, 1))),
        layer(8, 8, window=Window((3, 3), dilation=(2, 1))),
        layer(8, 8, window=Window((1, 3))),
        layer(8, 8, window=Window((5, 5))),
        layer(6, 8),
    ],
    ids=["stride", "dilation", "row", "5x5", "channels"],
)
def test_other_kernels_are_computed_directly(one: Call[QConv2D]):
    assert winograd(one) == []


def test_sums_and_rounding_must_fit():
    one = layer(8, 2)
    stage = one.op.output
    for bias, found in (((1 << 29) - 1, True), (1 << 29, False)):
        changed = replace(stage, bias=np.full(2, bias, np.int32))
        assert bool(winograd(replace(one, op=replace(one.op, output=changed)))) == found
    limited = replace(stage, maximum=126)
    assert winograd(replace(one, op=replace(one.op, output=limited))) == []


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m55", "riscv32imc", "host"])
def test_cores_without_the_method_do_not_take_its_scratch(core: str):
    menu = Menu(layer(32, 32))
    assert menu.offers(core, winograd=True) == menu.offers(core)
    assert not any(offer.tile.winograd for offer in menu.offers(core))
    assert not any(offer.tile.winograd for offer in menu.offers(M4))
    assert any(offer.tile.winograd for offer in menu.offers(M4, winograd=True))


def draft(depth: int, size: int, optimize: Optimize, core: str = M4) -> Draft:
    """Return the draft that is chosen for three layers one after the other."""
    nodes, scale = [], Quantization(1.0, 0)
    for i in range(3):
        name = f"y{i - 1}" if i else "x"
        nodes.append(
            make_qnode(f"y{i}", convolution(depth, depth), (name,), (size, size, depth), scale)
        )
    graph = qnet("net", "x", (size, size, depth), scale, tuple(nodes), nodes[-1].name)
    direct = [draft_of(way, core) for way in ways_of(graph)]
    drafts = [*direct, *(d for d in map(with_winograd, direct) if d.has_winograd)]
    return Choice(drafts).choose(Goal(optimize, core=core))


@pytest.mark.parametrize(
    ("depth", "size", "optimize", "taken"),
    [(48, 16, "balanced", True), (8, 8, "balanced", False), (48, 16, "speed", True)],
)
def test_method_is_taken_where_it_saves_enough(
    depth: int, size: int, optimize: Optimize, taken: bool
):
    chosen = draft(depth, size, optimize).chosen
    assert [offer.tile.winograd for offer in chosen] == [taken] * 3


@pytest.mark.parametrize("optimize", ["balanced", "speed"])
def test_direct_tiles_are_kept_on_other_cores(optimize: Optimize):
    chosen = draft(48, 16, optimize, core="cortex-m3").chosen
    assert not any(offer.tile.winograd for offer in chosen)


def test_small_code_does_without():
    (graph,) = rl.winograd_cases([1], seed=41)
    assert any(step.winograd for step in make_plan(graph, Goal("speed"), bands=False).steps)
    assert not any(step.winograd for step in make_plan(graph, Goal("size"), bands=False).steps)
