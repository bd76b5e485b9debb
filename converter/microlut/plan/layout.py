"""Lay a quantized graph out in memory: choose what shares bytes, the tiles and the arena."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from microlut.integer import QuantizedGraph
from microlut.integer.packing import stored_bytes
from microlut.plan.choice import choose, curve_of
from microlut.plan.draft import Draft, drafts_of, with_winograd
from microlut.plan.goal import Goal
from microlut.plan.limits import check_sizes, check_sums
from microlut.plan.plan import Plan, Step
from microlut.plan.schedule import schedule
from microlut.plan.segments.build import Stretch, parts_of, with_segments
from microlut.plan.segments.candidates import in_segments
from microlut.plan.segments.segment import Segment
from microlut.plan.segments.steps import segment_steps
from microlut.plan.stages import stage_of
from microlut.plan.variants import choose_variants


def make_plan(graph: QuantizedGraph, goal: Goal | None = None, *, bands: bool = True) -> Plan:
    """Plan the memory of a quantized graph; without `bands`, every call makes whole tensors.

    Kernels are chosen, nodes are put in order, and what runs band by band and what shares bytes is
    decided, in several ways. Each way has a curve: the quickest tiles for every size of the arena.
    The goal chooses among all their points.

    Raises:
        UnsupportedModel: The engine cannot hold one of the model's numbers.
        DoesNotFit: The arena cannot be as small as the goal says.
    """
    goal = goal or Goal()
    check_sizes(graph)
    check_sums(graph)
    graph = schedule(choose_variants(graph, goal.core))
    drafts = drafts_of(graph, goal.core)
    others = [] if goal.optimize == "size" else [with_winograd(draft) for draft in drafts]
    for candidate in in_segments(drafts[0], goal) if bands else ():
        drafts += drafts_of(candidate, goal.core)
    drafts += [draft for draft in others if draft.has_winograd]
    return _plan(drafts, goal)


def plan_in_segments(
    graph: QuantizedGraph, stretches: Iterable[Stretch], goal: Goal | None = None
) -> Plan:
    """Plan a graph whose nodes run in their order and in given segments, for tests."""
    goal = goal or Goal()
    made = with_segments(graph, parts_of(graph), stretches)
    return _plan(drafts_of(made, goal.core), goal)


def _plan(drafts: Sequence[Draft], goal: Goal) -> Plan:
    draft = choose(drafts, goal)
    arena = draft.arena
    steps = tuple(chain.from_iterable(_steps(draft, i) for i in range(len(draft.calls))))
    graph = replace(draft.graph, nodes=tuple(step.node for step in steps))
    return Plan(
        graph=graph,
        steps=steps,
        offsets={
            **{name: draft.offset(place) for name, place in draft.places.items()},
            **{copy.to: arena.offsets[copy.to] for copy in draft.ending.copies},
            **{s.node.output: s.output_offset for s in steps if s.segment is not None},
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


def _steps(draft: Draft, index: int) -> Iterable[Step]:
    node, call, offer = draft.graph.nodes[index], draft.calls[index], draft.chosen[index]
    tile = offer.tile
    offsets = {t.name: draft.offset(draft.places[t.name]) for t in (*call.inputs, *call.outputs)}
    scratch = draft.arena.offsets.get(index, 0)
    if isinstance(node.op, Segment):
        return segment_steps(call, tile, offsets, scratch, draft.core)
    step = Step(
        node=node,
        call=call,
        input_offsets=tuple(offsets[name] for name in node.inputs),
        output_offsets=tuple(offsets[made.name] for made in node.outputs),
        scratch_offset=scratch,
        scratch_bytes=tile.scratch_bytes,
        tile=tile.channels,
        rows=tile.rows,
        winograd=tile.winograd,
        instructions=round(offer.instructions),
        stage=stage_of(call),
        sum=draft.sharing.sums.get(node.name),
        merged=node.name in draft.sharing.merged,
    )
    return (step,)
