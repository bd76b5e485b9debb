"""Lay a quantized graph out in memory: choose what shares bytes, the tiles and the arena."""

from __future__ import annotations

from typing import Any

from microlut.errors import UnsupportedModel
from microlut.integer import CompactStage, QNode, QuantizedGraph, compact_stage
from microlut.integer.packing import stored_bytes
from microlut.ops.linear import QLinear
from microlut.plan.choice import choose, curve_of
from microlut.plan.draft import Draft, drafts_of
from microlut.plan.goal import Goal
from microlut.plan.kernels import Call
from microlut.plan.limits import check_sizes, check_sums
from microlut.plan.plan import Plan, Step
from microlut.plan.schedule import schedule
from microlut.plan.variants import choose_variants


def make_plan(graph: QuantizedGraph, goal: Goal | None = None) -> Plan:
    """Plan the memory of a quantized graph.

    Kernels are chosen, nodes are put in order, and what shares bytes is decided, in several ways.
    Each way has a curve: the quickest tiles for every size of the arena. The goal chooses among all
    their points.

    Raises:
        UnsupportedModel: The engine cannot hold one of the model's numbers.
        DoesNotFit: The arena cannot be as small as the goal says.
    """
    goal = goal or Goal()
    check_sizes(graph)
    check_sums(graph)
    graph = schedule(choose_variants(graph, goal.core))
    drafts = drafts_of(graph, goal.core)
    draft = choose(drafts, goal)
    arena = draft.arena
    steps = tuple(_step(draft, i) for i in range(len(draft.calls)))
    return Plan(
        graph=graph,
        steps=steps,
        offsets={
            **{name: draft.offset(place) for name, place in draft.places.items()},
            **{copy.to: arena.offsets[copy.to] for copy in draft.ending.copies},
        },
        ends=draft.ending.outputs,
        copies=draft.ending.copies,
        arena_bytes=arena.size,
        arena_lower_bound=arena.lower_bound,
        weight_bytes=stored_bytes(graph),
        parameter_bytes=sum(step.parameter_bytes for step in steps),
        goal=goal,
        curve=tuple(curve_of(drafts, draft.point)),
    )


def _step(draft: Draft, index: int) -> Step:
    node, offer = draft.graph.nodes[index], draft.chosen[index]
    tile = offer.tile
    return Step(
        node=node,
        call=draft.calls[index],
        input_offsets=tuple(draft.offset(draft.places[name]) for name in node.inputs),
        output_offsets=tuple(draft.offset(draft.places[made.name]) for made in node.outputs),
        scratch_offset=draft.arena.offsets.get(index, 0),
        scratch_bytes=tile.scratch_bytes,
        tile=tile.channels,
        rows=tile.rows,
        instructions=round(offer.instructions),
        stage=_stage(draft.calls[index], node),
        sum=draft.sharing.sums.get(node.name),
        merged=node.name in draft.sharing.merged,
    )


def _stage(call: Call[Any], node: QNode) -> CompactStage | None:
    if not isinstance(node.op, QLinear):
        return None
    try:
        return compact_stage(node.op, call.inputs[0].quantized, node.quantization)
    except ValueError as error:
        raise UnsupportedModel(
            f"{node.name}: {error}; flash holds scales as the quantization stage rounds them: "
            "convert the model again"
        ) from error
