"""Segments: their bands, the rows that buffers hold, and which nodes are chosen."""

from dataclasses import replace

import numpy as np
import pytest

import random_chains as rc
import random_graphs as rg
from microlut.integer import QuantizedGraph
from microlut.ops.base import IntegerOp
from microlut.plan import Goal, make_plan
from microlut.plan.layout import plan_in_segments
from microlut.plan.segments.build import Stretch, parts_of, segment_of, with_segments
from microlut.plan.segments.part import Part
from microlut.plan.segments.segment import Segment, row_bytes
from sweeps import in_sweeps


@pytest.fixture(scope="module", params=[14, *in_sweeps(60)])
def graphs(request: pytest.FixtureRequest) -> list[QuantizedGraph]:
    return [case.quantized() for case in rc.chain_cases(request.param, 8)]


def segments(graphs: list[QuantizedGraph]) -> list[Segment]:
    return [
        segment_of(graph.nodes[s.first : s.last + 1], parts_of(graph), s.rows, upwards=s.upwards)
        for i, graph in enumerate(graphs)
        for s in rc.random_stretches(graph, i)
    ]


def test_bands_of_a_part_have_all_rows_once_and_no_more(graphs: list[QuantizedGraph]):
    for segment in segments(graphs):
        for number, part in enumerate(segment.parts):
            bands = segment.course.bands.items()
            rows = sum(band.out_rows * n for (owner, band), n in bands if owner == number)
            assert 0 < rows <= part.call.shape[0]
            assert rows == part.call.shape[0] or part is not segment.parts[-1]


def values(rng: np.random.Generator, part: Part) -> list[np.ndarray]:
    shapes = [tensor.shape for tensor in part.call.inputs]
    return [rng.integers(-128, 128, (1, *shape)).astype(np.int8) for shape in shapes]


def test_band_is_the_same_rows_as_the_layer_makes(graphs: list[QuantizedGraph]):
    rng = np.random.default_rng(1)
    parts = [part for graph in graphs for part in parts_of(graph).values()]
    assert {part.call.op.kind for part in parts} == {"add", "conv2d", "depthwise_conv2d", "pool2d"}
    for part in parts:
        call, given = part.call, values(rng, part)
        (whole,) = call.op.evaluate(given, call.inputs, call.outputs)
        first = int(rng.integers(call.shape[0]))
        rows = int(rng.integers(1, call.shape[0] - first + 1))
        band = part.band(first, rows)
        banded, op = part.banded(band), part.banded(band).op
        assert isinstance(op, IntegerOp)
        assert op.shapes([tensor.shape for tensor in banded.inputs])[0] == banded.shape
        top = max(0, first * part.window.strides[0] - part.window.padding.top)
        seen = [x[:, top : top + band.in_rows] for x in given]
        (found,) = op.evaluate(seen, banded.inputs, banded.outputs)
        assert np.array_equal(found, whole[:, first : first + rows])


def chain() -> tuple[QuantizedGraph, dict[str, Part]]:
    graph = rc.expanding_case().quantized()
    return graph, dict(parts_of(graph))


def test_segment_computes_what_its_nodes_do():
    graph, parts = chain()
    x = np.random.default_rng(2).integers(-128, 128, (2, *graph.inputs[0].shape)).astype(np.int8)
    whole = segment_of(graph.nodes, parts, 1)
    (found,) = whole.evaluate([x], whole.inputs, [whole.output])
    assert np.array_equal(found.reshape(2, -1), rg.evaluate(graph, x).reshape(2, -1))
    assert whole.shapes([graph.inputs[0].shape]) == (whole.output.shape,)
    whole.check(whole.inputs, [whole.output])


@pytest.mark.parametrize("upwards", [False, True])
def test_buffers_hold_the_rows_of_a_window_and_of_a_step(upwards: bool):
    graph, parts = chain()
    segment = segment_of(graph.nodes[:4], parts, 2, upwards=upwards)
    expanded, depthwise, projected, _ = segment.course.room
    assert (expanded, depthwise, projected) == (4, 2, 2)  # a kernel's height less one, and a step's
    row = row_bytes(segment.output)
    assert segment.course.lags == (2 * row,)  # the sum reads the rows that it is written over


def test_output_overlaps_what_is_read_for_the_last_time():
    graph, parts = chain()
    tensors = sum(t.bytes for t in (graph.inputs[0], graph.nodes[3].outputs[0]))
    alone = replace(graph, nodes=graph.nodes[:4], outputs=(graph.nodes[3].output,))
    for upwards in (False, True):
        plan = plan_in_segments(alone, [Stretch(0, 3, 2, upwards)])
        (segment,) = plan.segments
        own = segment.buffer_bytes + segment.scratch_bytes
        assert tensors > plan.arena_bytes - own > tensors // 2
        assert plan.arena_bytes == plan.arena_lower_bound
    assert set(parts) >= {node.name for node in alone.nodes}


def test_least_memory_is_far_below_that_of_whole_tensors():
    graph, _ = chain()
    usual, least = make_plan(graph), make_plan(graph, Goal("ram"))
    assert not usual.segments
    assert least.segments
    assert least.arena_bytes * 2 < usual.arena_bytes
    between = (least.arena_bytes + usual.arena_bytes) // 2
    plan = make_plan(graph, Goal(max_ram=between))
    assert plan.arena_bytes <= between
    costs = [sum(step.instructions for step in each.steps) for each in (usual, plan, least)]
    assert costs == sorted(costs)


def test_segment_has_one_output(graphs: list[QuantizedGraph]):
    for graph in graphs:
        plan = make_plan(graph, Goal("ram"))
        for segment in plan.segments:
            inside = {part.node.output for part in segment.parts[:-1]}
            others = {part.node.name for part in segment.parts}
            read = {n for node in graph.nodes if node.name not in others for n in node.inputs}
            assert inside.isdisjoint(read | set(graph.outputs))
        assert [step.node.name for step in plan.steps if step.segment is None] == [
            node.name
            for node in plan.graph.nodes
            if all(node.name not in [p.node.name for p in s.parts] for s in plan.segments)
        ]


def test_graph_with_segments_has_a_node_for_each():
    graph, parts = chain()
    made = with_segments(graph, parts, [Stretch(0, 2, 1), Stretch(4, 5, 2, upwards=True)])
    kinds = [node.op.kind for node in made.nodes]
    assert kinds == ["segment", "add", "segment", "conv2d"]
    assert made.nodes[0].inputs == graph.nodes[0].inputs
    assert [tensor.name for tensor in made.nodes[2].outputs] == [graph.nodes[5].output]
