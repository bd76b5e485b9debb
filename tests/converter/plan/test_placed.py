"""Where buffers lie: all within the arena, and apart from those that are needed with them."""

from itertools import combinations

import pytest

import random_graphs as rg
from microlut.plan import Goal, Plan, make_plan
from microlut.plan.buffers import PlacedBuffer, aligned


@pytest.fixture(scope="module", params=["balanced", "ram", "speed"])
def plans(request: pytest.FixtureRequest) -> list[Plan]:
    graphs = [case.quantized() for case in rg.network_cases(12, seed=5)]
    return [make_plan(graph, Goal(request.param)) for graph in graphs]


def test_buffers_fill_the_arena(plans: list[Plan]):
    for plan in plans:
        ends = [buffer.offset + aligned(buffer.bytes) for buffer in plan.buffers]
        assert max(ends) == plan.arena_bytes


def test_every_tensor_lies_in_a_buffer_that_is_there_when_it_is_read(plans: list[Plan]):
    for plan in plans:
        by_tensor = {name: each for each in plan.buffers for name in each.tensors}
        for number, step in enumerate(plan.steps):
            if step.segment is not None:
                continue
            for name, offset in zip(step.node.inputs, step.input_offsets, strict=True):
                buffer = by_tensor[name]
                assert buffer.first <= number <= buffer.last
                assert buffer.offset <= offset < buffer.offset + buffer.bytes


def test_buffers_that_are_needed_together_are_apart(plans: list[Plan]):
    for plan in plans:
        for one, other in combinations(plan.buffers, 2):
            if one.last <= other.first or other.last <= one.first:
                continue  # an output may lie over an input that ends
            assert not _overlap(one, other)


def _overlap(one: PlacedBuffer, other: PlacedBuffer) -> bool:
    return one.offset < other.offset + other.bytes and other.offset < one.offset + one.bytes
