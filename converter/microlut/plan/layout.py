"""Lay a quantized graph out in memory: choose what shares bytes, the tiles and the arena."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from microlut.integer import QuantizedGraph
from microlut.integer.packing import stored_bytes
from microlut.plan.banks import MAIN, choose_in_banks
from microlut.plan.buffers import ArenaPart
from microlut.plan.choice import Choice
from microlut.plan.cost import like
from microlut.plan.draft import Draft, draft_of
from microlut.plan.goal import Goal
from microlut.plan.limits import check_sizes, check_sums
from microlut.plan.outlook import Outlook
from microlut.plan.placed import placed_buffers
from microlut.plan.plan import Plan, Step
from microlut.plan.schedule import schedule
from microlut.plan.segments.build import Stretch, parts_of, with_segments
from microlut.plan.segments.segment import Segment
from microlut.plan.segments.steps import segment_steps
from microlut.plan.sharing import Sharer
from microlut.plan.variants import Variants
from microlut.plan.ways import ways_of


def make_plan(
    graph: QuantizedGraph, goal: Goal | None = None, *, bands: bool = True, curve: bool = False
) -> Plan:
    """Plan the memory of a quantized graph.

    Kernels are chosen, nodes are put in order, and what runs band by band and what shares bytes is
    decided, in several ways. Each way has a curve: the quickest tiles for every size of the arena.
    The goal chooses among all their points.

    Args:
        graph: The network.
        goal: What the plan is to be good at.
        bands: Whether calls may make some rows of a tensor at a time.
        curve: Whether the plan tells what other arenas would give, which takes as long again.

    Raises:
        UnsupportedModel: The engine cannot hold one of the model's numbers.
        DoesNotFit: The arena cannot be as small as the goal says.
    """
    return Planner(graph, bands=bands).plan(goal or Goal(), curve=curve)


class Planner:
    """Plans a quantized graph for any number of goals, which have most of the work in common."""

    def __init__(self, graph: QuantizedGraph, *, bands: bool = True) -> None:
        """Check a graph.

        Raises:
            UnsupportedModel: The engine cannot hold one of its numbers.
        """
        check_sizes(graph)
        check_sums(graph)
        self._graph, self._bands = graph, bands
        self._variants = Variants(graph)
        self._weight_bytes = stored_bytes(graph)
        self._outlooks: dict[tuple[str, ...], Outlook] = {}
        self._choices: dict[tuple[str, int | None, bool], Choice] = {}

    def plan(self, goal: Goal, *, curve: bool = False) -> Plan:
        """Return the plan for a goal; see `make_plan`.

        Raises:
            DoesNotFit: The arena cannot be as small as the goal says.
        """
        return _plan(self._choice(goal), goal, self._weight_bytes, curve)

    def least(self, goal: Goal) -> int:
        """Return the bytes of the smallest arena on the core of a goal."""
        return self._choice(goal).least

    def _choice(self, goal: Goal) -> Choice:
        winograd = goal.optimize != "size"
        key = (like(goal.core), goal.max_ram, winograd)
        if key not in self._choices:
            outlook, bands = self._outlook(goal.core), self._bands
            drafts = outlook.drafts(goal.core, goal.max_ram, bands=bands, winograd=winograd)
            self._choices[key] = Choice(drafts)
        return self._choices[key]

    def _outlook(self, core: str) -> Outlook:
        graph = self._variants.chosen(core)
        kinds = tuple(node.op.kind for node in graph.nodes)
        if kinds not in self._outlooks:
            sharer = Sharer(graph)
            self._outlooks[kinds] = Outlook(schedule(graph, sharer), sharer)
        return self._outlooks[kinds]


def plan_in_segments(
    graph: QuantizedGraph, stretches: Iterable[Stretch], goal: Goal | None = None
) -> Plan:
    """Plan a graph whose nodes run in their order and in given segments, for tests."""
    goal = goal or Goal()
    made = with_segments(graph, parts_of(graph), stretches)
    drafts = [draft_of(way, goal.core) for way in ways_of(made)]
    return _plan(Choice(drafts), goal, stored_bytes(graph))


def _plan(choice: Choice, goal: Goal, weight_bytes: int, curve: bool = False) -> Plan:
    draft = choose_in_banks(choice, goal) if goal.banks else choice.choose(goal)
    way, arena = draft.way, draft.arena
    by_call = [tuple(_steps(draft, i)) for i in range(len(way.calls))]
    steps = tuple(chain.from_iterable(by_call))
    graph = replace(way.graph, nodes=tuple(step.node for step in steps))
    return Plan(
        graph=graph,
        steps=steps,
        offsets={
            **{name: draft.offset(place) for name, place in way.places.items()},
            **{copy.to: arena.offsets[copy.to] for copy in way.ending.copies},
            **{s.node.output: s.output_offset for s in steps if s.segment is not None},
        },
        ends=way.ending.outputs,
        copies=way.ending.copies,
        parts=draft.parts or (ArenaPart(MAIN, 0, arena.size),),
        buffers=placed_buffers(draft, [len(made) for made in by_call]),
        arena_lower_bound=arena.lower_bound,
        weight_bytes=weight_bytes,
        parameter_bytes=sum(step.parameter_bytes for step in steps),
        goal=goal,
        curve=tuple(choice.curve(draft.point)) if curve else (),
    )


def _steps(draft: Draft, index: int) -> Iterable[Step]:
    way, offer = draft.way, draft.chosen[index]
    node, call, tile = way.graph.nodes[index], way.calls[index], offer.tile
    offsets = {t.name: draft.offset(way.places[t.name]) for t in (*call.inputs, *call.outputs)}
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
        stage=call.stage,
        sum=way.sharing.sums.get(node.name),
        merged=node.name in way.sharing.merged,
    )
    return (step,)
