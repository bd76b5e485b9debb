"""Whole plans of random networks, and the models that the engine's numbers cannot hold."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
import pytest

import random_graphs as rg
from graphs import make_node, net, output_of
from microlut.errors import DoesNotFit, InvalidInput, UnsupportedModel
from microlut.integer import QuantizedGraph
from microlut.integer.packing import pack_rows, weight_bytes
from microlut.ops.add import QAdd
from microlut.ops.conv2d import Conv2D
from microlut.ops.pool2d import MaxPool2D
from microlut.ops.relu import QRelu
from microlut.ops.reshape import QReshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Padding, Window
from microlut.plan import DEFAULT_CORE, Goal, Plan, Planner, Point, make_plan
from microlut.plan.buffers import Buffer
from microlut.plan.cost import instructions
from microlut.plan.kernels import kernel_for
from microlut.plan.liveness import tensor_buffers
from microlut.plan.plan import PlannedSegment
from microlut.plan.rounding import largest_sum
from microlut.plan.sharing import Sharer, find_sharing
from microlut.plan.tiles import whole_tile
from microlut.plan.ways import WAYS
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from sweeps import in_sweeps


@pytest.fixture(scope="module", params=[16, *in_sweeps(40)])
def graphs(request: pytest.FixtureRequest) -> list[QuantizedGraph]:
    cases = [*rg.network_cases(request.param, seed=3), *(rg.every_operator_case(b) for b in (2, 8))]
    cases += [rg.kernel_case(b, 1) for b in (4, 8)]
    return [case.quantized() for case in cases]


CORES = ("cortex-m4f", "cortex-m55", "cortex-m0plus")


@pytest.fixture(scope="module")
def plans(graphs: list[QuantizedGraph]) -> list[Plan]:
    return [make_plan(graph, curve=True) for graph in graphs]


@pytest.fixture(scope="module")
def thrifty(graphs: list[QuantizedGraph]) -> list[Plan]:
    return [make_plan(graph, Goal("ram")) for graph in graphs]


def instructions_of(plan: Plan) -> int:
    return sum(step.instructions for step in plan.steps)


def layouts(plan: Plan) -> Iterator[dict[str, tuple[Buffer, int]]]:
    """Yield the buffers with their offsets by each way of sharing that the offsets agree with."""
    sharer = Sharer(plan.graph)
    tensors = {plan.graph.inputs[0].name: plan.input_offsets[0]}
    tensors |= {s.node.name: s.output_offset for s in plan.steps}
    for way in WAYS:
        buffers, places = tensor_buffers(plan.graph, sharer.find(plan.graph, *way))
        starts = {(places[n].buffer, offset - places[n].offset) for n, offset in tensors.items()}
        if len(starts) == len({name for name, _ in starts}):
            offsets = dict(starts)
            yield {b.name: (b, offsets[b.name]) for b in buffers}


def spans(plan: Plan, layout: Mapping[str, tuple[Buffer, int]], step: int) -> list[tuple[int, int]]:
    """Return (start, end) of all bytes that must be intact while a step runs."""
    found = [(at, at + b.size) for b, at in layout.values() if b.first <= step <= b.last]
    now = plan.steps[step]
    if now.scratch_bytes:
        found.append((now.scratch_offset, now.scratch_offset + now.scratch_bytes))
    return sorted(found)


def overlaps(plan: Plan, layout: Mapping[str, tuple[Buffer, int]]) -> bool:
    return any(
        end > start
        for step in range(len(plan.steps))
        for (_, end), (start, _) in pairwise(spans(plan, layout, step))
    )


def test_nothing_overlaps_at_any_step(plans: list[Plan]):
    # An output that is made in bands may lie where its input is no longer read.
    whole = [plan for plan in plans if all(step.segment is None for step in plan.steps)]
    assert len(whole) > len(plans) // 2
    for plan in whole:
        assert not all(overlaps(plan, layout) for layout in layouts(plan))


def test_everything_is_inside_the_arena(plans: list[Plan]):
    for plan in plans:
        layout = next(layouts(plan))
        ends = [end for step in range(len(plan.steps)) for _, end in spans(plan, layout, step)]
        ends.append(plan.output_offsets[0] + output_of(plan.graph).size)
        assert max(ends) <= plan.arena_bytes


def test_arena_is_not_below_its_bound_and_a_multiple_of_the_alignment(plans: list[Plan]):
    for plan in plans:
        assert plan.arena_lower_bound <= plan.arena_bytes
        assert plan.arena_bytes % 16 == 0


def test_every_offset_is_aligned(plans: list[Plan]):
    for plan in plans:
        for step in plan.steps:
            offsets = (*step.input_offsets, step.output_offset, step.scratch_offset)
            assert all(offset % 16 == 0 for offset in offsets)


def test_values_that_are_still_read_are_not_overwritten(plans: list[Plan], thrifty: list[Plan]):
    """Replay the plan: every byte remembers which tensor wrote it last."""
    for plan in (*plans, *thrifty):
        written = np.full(plan.arena_bytes, -1)
        numbers = {plan.graph.inputs[0].name: 0}

        def region(name: str, offset: int, plan: Plan = plan) -> slice:
            return slice(offset, offset + prod(plan.graph.shape_of(name)))

        written[region(plan.graph.inputs[0].name, plan.input_offsets[0])] = 0
        for number, step in enumerate(plan.steps, start=1):
            if step.segment is not None and step.is_called:
                replay_segment(step.segment, written, numbers)
                numbers[step.node.name] = number
                written[region(step.node.name, step.output_offset)] = number
            if step.merged or step.segment is not None:
                continue
            read = list(zip(step.node.inputs, step.input_offsets, strict=True))
            if step.sum is not None:
                read += [(n, step.output_offset) for n in step.sum.inputs if n != step.node.name]
            scratch = slice(step.scratch_offset, step.scratch_offset + step.scratch_bytes)
            for area in (slice(0), scratch):
                written[area] = -1
                for name, offset in read:
                    assert np.all(written[region(name, offset)] == numbers[name])
            made = step.sum or step.node
            same = isinstance(made.op, QReshape)
            numbers[made.name] = numbers[made.inputs[0]] if same else number
            written[region(made.name, step.output_offset)] = numbers[made.name]
        last = plan.graph.outputs[0]
        assert np.all(written[region(last, plan.output_offsets[0])] == numbers[last])


def replay_segment(
    segment: PlannedSegment, written: np.ndarray, numbers: Mapping[str, int]
) -> None:
    """Spoil all that a segment has for itself, and check that its inputs are still there."""
    inputs, own = segment.lines[: segment.inputs], segment.lines[segment.inputs : -1]
    for lines in own:
        written[lines.offset :][: lines.room * lines.row_bytes] = -1
    written[segment.progress_offset : segment.scratch_offset + segment.scratch_bytes] = -1
    for lines in inputs:
        region = slice(lines.offset, lines.offset + lines.height * lines.row_bytes)
        assert np.all(written[region] == numbers[lines.name])


def test_all_that_writes_over_its_input_was_decided_to(plans: list[Plan]):
    in_place, in_sums = 0, 0
    for plan in plans:
        whole = find_sharing(plan.graph).whole
        for step in plan.steps:
            in_sums += step.sum is not None
            if step.output_offset in step.input_offsets:
                assert isinstance(step.node.op, QAdd | QRelu | QReshape) or step.node.name in whole
                in_place += 1
    assert in_place > 10
    assert in_sums >= 4


def test_tile_grows_where_the_arena_has_room():
    """A convolution behind a large picture may take more scratch, for no more memory."""
    net, rng = rg.Network("net", (32, 32, 8)), np.random.default_rng(0)
    net.add(MaxPool2D(Window((8, 8), (8, 8))), (4, 4, 8))
    net.add(Conv2D(rg.weights(rng, (80, 1, 1, 8), 0), rg.bias(rng, 80), Window((1, 1))), (4, 4, 80))
    plan = make_plan(net.case(rng, 4, 1).quantized())
    last = plan.steps[-1]
    smallest = min(tile.scratch_bytes for tile in kernel_for(last.call).tiles(last.call))
    assert last.scratch_bytes > smallest
    whole = instructions(last.call, whole_tile(last.call), DEFAULT_CORE)
    assert last.instructions == pytest.approx(whole, abs=1)
    assert plan.arena_bytes == plan.arena_lower_bound


def test_goals_trade_memory_for_time(
    graphs: list[QuantizedGraph], plans: list[Plan], thrifty: list[Plan]
):
    quick = [make_plan(graph, Goal("speed")) for graph in graphs]
    rows = list(zip(thrifty, plans, quick, strict=True))
    for row in rows:
        sizes, times = [p.arena_bytes for p in row], [instructions_of(p) for p in row]
        assert sizes == sorted(sizes)
        assert times == sorted(times, reverse=True)
    assert sum(small.arena_bytes < large.arena_bytes for small, _, large in rows) > 5


def test_curve_has_the_plan_and_only_what_is_better_in_something(plans: list[Plan]):
    for plan in plans:
        chosen = Point(plan.arena_bytes, instructions_of(plan))
        assert any(
            point.arena_bytes == chosen.arena_bytes
            and point.instructions == pytest.approx(chosen.instructions, abs=len(plan.steps))
            for point in plan.curve
        )
        for small, large in pairwise(plan.curve):
            assert small.arena_bytes < large.arena_bytes
            assert small.instructions > large.instructions


def test_every_point_of_the_curve_is_what_its_memory_allows(plans: list[Plan]):
    for plan in plans[::4]:
        for point in plan.curve:
            found = make_plan(plan.graph, Goal(max_ram=point.arena_bytes))
            assert instructions_of(found) <= 1.001 * point.instructions + len(plan.steps)


def test_memory_is_taken_where_it_is_worth_the_time():
    """Many wide layers: some scratch saves most of the time, and much more saves little."""
    net, rng = rg.Network("net", (16, 16, 64)), np.random.default_rng(0)
    same = Window((3, 3), padding=Padding(1, 1, 1, 1))
    for _ in range(3):
        kernel = rg.weights(rng, (64, 3, 3, 64), 0)
        net.add(Conv2D(kernel, rg.bias(rng, 64), same), (16, 16, 64))
    graph = net.case(rng, 8, 1).quantized()
    least, usual, most = (make_plan(graph, Goal(goal)) for goal in ("ram", "balanced", "speed"))
    assert instructions_of(usual) < 0.7 * instructions_of(least)
    assert instructions_of(usual) < 1.2 * instructions_of(most)
    assert usual.arena_bytes < most.arena_bytes


def test_size_has_the_balanced_plan(graphs: list[QuantizedGraph], plans: list[Plan]):
    found = [make_plan(graph, Goal("size")) for graph in graphs]
    assert [plan.arena_bytes for plan in found] == [plan.arena_bytes for plan in plans]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, 1.5])
def test_arena_keeps_to_the_memory_allowed(
    graphs: list[QuantizedGraph], plans: list[Plan], thrifty: list[Plan], share: float
):
    for graph, plan, small in zip(graphs, plans, thrifty, strict=True):
        most = round(small.arena_bytes + share * (plan.arena_bytes - small.arena_bytes))
        assert make_plan(graph, Goal(max_ram=most)).arena_bytes <= most


def test_memory_that_is_left_makes_tiles_larger():
    net, rng = rg.Network("net", (4, 4, 16)), np.random.default_rng(0)
    kernel = rg.weights(rng, (80, 3, 3, 16), 0)
    net.add(Conv2D(kernel, rg.bias(rng, 80), Window((3, 3))), (2, 2, 80))
    graph = net.case(rng, 4, 1).quantized()
    tiles = [make_plan(graph, Goal(max_ram=most)).steps[0].tile for most in (4000, 10_000, 60_000)]
    assert tiles[0] < tiles[1] < tiles[2] == 80


def test_too_little_memory_is_refused_with_what_is_needed(thrifty: list[Plan]):
    for plan in thrifty[:5]:
        least = plan.arena_bytes
        for optimize in ("balanced", "speed", "size", "ram"):
            with pytest.raises(DoesNotFit, match=f"takes at least {least:,} bytes and --max-ram"):
                make_plan(plan.graph, Goal(optimize, least - 1))


@pytest.mark.parametrize("most", [0, -5])
def test_memory_must_be_positive(most: int):
    with pytest.raises(InvalidInput, match=f"max RAM is {most}; give at least 1"):
        Goal(max_ram=most)


def test_equal_graphs_give_equal_plans():
    one, other = (make_plan(next(rg.network_cases(1, seed=6)).quantized()) for _ in range(2))
    assert [replace(s, node=None, call=None, stage=None) for s in one.steps] == [
        replace(s, node=None, call=None, stage=None) for s in other.steps
    ]


def test_weight_bytes_are_those_of_packed_rows_and_codebook(plans: list[Plan]):
    for plan in plans:
        for _, op in plan.graph.weighted():
            packed = op.weights.indices
            if op.weights.codebook is not None:
                packed = pack_rows(packed, op.weights.bits, op.weights.overlap)
            table = 0 if op.weights.codebook is None else 2**op.weights.index_bits
            assert weight_bytes(op.weights) == packed.size + table


def test_parameter_bytes_are_two_or_three_words_a_channel(plans: list[Plan]):
    words = set()
    for plan in plans:
        stages = {step.node.name: step.stage for step in plan.steps if step.stage is not None}
        assert list(stages) == [node.name for node, _ in plan.graph.weighted()]
        sizes = [stage.channels.shape for stage in stages.values()]
        assert plan.parameter_bytes == sum(2 * n * channels for channels, n in sizes)
        words |= {n for _, n in sizes}
    assert words == {2, 3}


def softmax(length: int) -> QuantizedGraph:
    graph = net("g", "x", (length,), (make_node("y", Softmax(), ("x",), (length,)),), "y")
    ranges = Ranges({"x": (-1.0, 1.0), "y": (0.0, 1.0)})
    return quantize(graph, ranges, np.zeros((1, length), np.float32), WeightConfig())


def test_longest_softmax_is_planned():
    assert make_plan(softmax(4095)).arena_bytes == 2 * 4096


@pytest.mark.parametrize("length", [4096, 65536])
def test_longer_softmax_than_the_engine_holds_is_refused(length: int):
    with pytest.raises(UnsupportedModel, match=f"{length:,}, the engine's limit is 4,095"):
        make_plan(softmax(length))


def test_layer_whose_sums_overflow_is_refused():
    q = next(c for c in rg.operator_cases("dense", 9) if c.config.bits == 4).quantized()
    node, op = q.weighted()[0]
    stage = replace(op.output, bias=np.full_like(op.output.bias, 2**31 - 1))
    broken = replace(q, nodes=(replace(node, op=replace(op, output=stage)),))
    assert largest_sum(broken.weighted()[0][1]) >= 2**31
    with pytest.raises(UnsupportedModel, match="more than 32 bits"):
        make_plan(broken)


def test_layer_whose_scales_have_no_code_is_refused():
    q = next(rg.operator_cases("dense", 1)).quantized()
    node, op = q.weighted()[0]
    weights = replace(op.weights, scales=op.weights.scales * np.float32(1 + 2**-12))
    broken = replace(q, nodes=(replace(node, op=replace(op, weights=weights)),))
    with pytest.raises(UnsupportedModel, match=f"{node.name}: its multipliers are not those"):
        make_plan(broken)


def test_largest_sum_bounds_every_sum(plans: list[Plan]):
    for plan in plans:
        for node, op in plan.graph.weighted():
            shape = plan.graph.shape_of(node.inputs[0])
            x = np.random.default_rng(0).choice(np.array([-128, 127], np.int8), (3, *shape))
            for point in (-128, 0, 127):
                total = op.accumulate(x, point) + op.output.bias
                assert largest_sum(op) >= np.abs(total).max()


def test_names_of_tensors_do_not_change_the_plan():
    """Not even those that a planner might give to what it adds itself."""
    graph = next(rg.network_cases(1, seed=3)).quantized()
    texts = [f"scratch of step {i}" for i in range(len(graph.nodes))]
    new = dict(zip((node.name for node in graph.nodes), reversed(texts), strict=True))
    nodes = tuple(
        replace(
            node,
            name=new[node.name],
            inputs=tuple(new.get(name, name) for name in node.inputs),
            outputs=tuple(replace(t, name=new[t.name]) for t in node.outputs),
        )
        for node in graph.nodes
    )
    plan = make_plan(graph)
    assert any(step.scratch_bytes for step in plan.steps)
    renamed = make_plan(replace(graph, nodes=nodes, outputs=(new[graph.outputs[0]],)))
    for mine, other in zip(plan.steps, renamed.steps, strict=True):
        assert mine.scratch_offset == other.scratch_offset
        assert (mine.input_offsets, mine.output_offsets) == (
            other.input_offsets,
            other.output_offsets,
        )


def test_a_balanced_plan_keeps_within_the_room_that_there_is(
    graphs: list[QuantizedGraph], plans: list[Plan], thrifty: list[Plan]
):
    rows = list(zip(graphs, plans, thrifty, strict=True))
    found = [(g, p, s) for g, p, s in rows if s.arena_bytes < p.arena_bytes]
    assert len(found) > 2
    for graph, plan, small in found:
        assert make_plan(graph, Goal(room=plan.arena_bytes)).arena_bytes == plan.arena_bytes
        assert make_plan(graph, Goal(room=plan.arena_bytes - 1)).arena_bytes < plan.arena_bytes
        assert make_plan(graph, Goal(room=small.arena_bytes - 1)).arena_bytes == small.arena_bytes


def test_one_planner_plans_for_all_goals_as_many_do(graphs: list[QuantizedGraph]):
    def facts(plan: Plan) -> tuple[object, ...]:
        calls = [
            (s.node.name, s.tile, s.rows, s.scratch_offset, s.instructions) for s in plan.steps
        ]
        return plan.offsets, calls, plan.arena_bytes, plan.goal

    for graph in graphs[::12]:
        planner = Planner(graph)
        goals = [Goal(core=core) for core in CORES]
        for goal in (*goals, Goal("ram"), Goal(room=planner.least(Goal()))):
            assert facts(planner.plan(goal)) == facts(make_plan(graph, goal))
