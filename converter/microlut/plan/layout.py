"""Lay a quantized graph out in memory: choose what shares bytes, the tiles and the arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from microlut.errors import DoesNotFit, UnsupportedModel
from microlut.integer import CompactStage, QNode, QuantizedGraph, compact_stage
from microlut.integer.packing import stored_bytes
from microlut.ops.linear import QLinear
from microlut.plan.arena import Arena, Buffer, live_bytes, place
from microlut.plan.cost import instructions
from microlut.plan.goal import Goal
from microlut.plan.kernels import Call, Tile, calls_of
from microlut.plan.limits import check_sizes, check_sums
from microlut.plan.liveness import tensor_buffers
from microlut.plan.places import Place
from microlut.plan.plan import Plan, Step
from microlut.plan.schedule import schedule
from microlut.plan.sharing import WHOLE_IN_PLACE, Sharing, find_sharing
from microlut.plan.states import Ending, find_ending
from microlut.plan.tiles import choose_tile, whole_tile
from microlut.plan.variants import choose_variants

_SMALL_TILE_BYTES = 2048  # what a tile may take even where the arena is full
_SCRATCH_SHARE = 5  # scratch may always take this part of what the largest tensors take together
# Ways of sharing where memory is short; the first of those that are equally small is taken.
_WAYS = tuple(
    (WHOLE_IN_PLACE[first:], gather)
    for gather in (True, False)
    for first in range(len(WHOLE_IN_PLACE) + 1)
)


@dataclass(frozen=True, slots=True)
class _Draft:
    """Tiles for one way of sharing, and the arena that they need."""

    graph: QuantizedGraph
    core: str
    sharing: Sharing
    calls: Sequence[Call[Any]]
    buffers: Sequence[Buffer]
    places: Mapping[str, Place]
    ending: Ending
    tiles: Sequence[Tile]
    arena: Arena

    def with_tiles(self, tiles: Sequence[Tile]) -> _Draft:
        arena = place([*self.buffers, *_scratch_buffers(tiles)])
        return replace(self, tiles=tiles, arena=arena)

    def offset(self, place: Place) -> int:
        """Return where in the arena a place is."""
        return self.arena.offsets[place.buffer] + place.offset

    def costs(self) -> list[float]:
        """Return about how many instructions every step executes; none if another one does it."""
        return [
            0.0 if node.name in self.sharing.merged else instructions(call, tile, self.core)
            for node, call, tile in zip(self.graph.nodes, self.calls, self.tiles, strict=True)
        ]


def make_plan(graph: QuantizedGraph, goal: Goal | None = None) -> Plan:
    """Plan the memory of a quantized graph.

    Kernels are chosen, nodes are put in order, what shares bytes is decided, and small tiles then
    give the size of the arena; every layer gets the quickest tile with which it stays as large as
    that, or as the goal's memory.

    Raises:
        UnsupportedModel: The engine cannot hold one of the model's numbers.
        DoesNotFit: The arena cannot be as small as the goal says.
    """
    goal = goal or Goal()
    check_sizes(graph)
    check_sums(graph)
    draft = _draft(schedule(choose_variants(graph, goal.core)), goal)
    graph, arena = draft.graph, draft.arena
    steps = tuple(_step(draft, i, cost) for i, cost in enumerate(draft.costs()))
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
    )


def _draft(graph: QuantizedGraph, goal: Goal) -> _Draft:
    """Return what shares bytes, and the tiles that the goal allows."""
    most = goal.max_ram
    if goal.optimize != "ram":
        draft = _usual(graph, goal.core)
        if most is None or draft.arena.size <= most:
            return _grown(draft, most or draft.arena.size)
    drafts = [_smallest(graph, goal.core, sharing) for sharing in _ways(graph)]
    least = min(draft.arena.size for draft in drafts)
    if most is not None and least > most:
        raise DoesNotFit(
            f"{graph.name} does not fit: its arena takes at least {least:,} bytes and "
            f"--max-ram is {most:,}; allow more, or use smaller feature maps"
        )
    limit = least if goal.optimize == "ram" or most is None else most
    grown = (_grown(draft, limit) for draft in drafts if draft.arena.size <= limit)
    return min(grown, key=lambda draft: sum(draft.costs()))


def _ways(graph: QuantizedGraph) -> list[Sharing]:
    """Return the ways of sharing that differ."""
    found = [find_sharing(graph, *way) for way in _WAYS]
    return [
        sharing
        for i, sharing in enumerate(found)
        if all(sharing.places != other.places for other in found[:i])
    ]


def _usual(graph: QuantizedGraph, core: str) -> _Draft:
    """Return tiles of a fifth of what the largest tensors take together."""
    draft = _shared(graph, core, find_sharing(graph))
    live = live_bytes(draft.buffers, len(graph.nodes))
    share = max(max(live) // _SCRATCH_SHARE, _SMALL_TILE_BYTES)
    return draft.with_tiles(_tiles(draft, [share] * len(live)))


def _smallest(graph: QuantizedGraph, core: str, sharing: Sharing) -> _Draft:
    """Return the smallest tiles."""
    draft = _shared(graph, core, sharing)
    return draft.with_tiles(_tiles(draft, [0] * len(graph.nodes)))


def _shared(graph: QuantizedGraph, core: str, sharing: Sharing) -> _Draft:
    buffers, places = tensor_buffers(graph, sharing)
    calls = calls_of(graph)
    shared = [
        replace(
            call,
            sum=calls[sharing.sums[name].name] if name in sharing.sums else None,
            in_place=sharing.in_place.get(name, frozenset()),
        )
        for name, call in calls.items()
    ]
    ending = find_ending(graph, places)
    buffers = (*buffers, *ending.spares)
    return _Draft(graph, core, sharing, shared, buffers, places, ending, (), place(buffers))


def _grown(draft: _Draft, limit: int) -> _Draft:
    """Give layers quicker tiles where the arena stays within `limit` bytes.

    Those go first that gain most.
    """
    room = [limit - live for live in live_bytes(draft.buffers, len(draft.calls))]
    quickest = _tiles(draft, room)
    gains = [
        now - then
        for now, then in zip(draft.costs(), draft.with_tiles(quickest).costs(), strict=True)
    ]
    for step in sorted(range(len(gains)), key=lambda step: -gains[step]):
        draft = _with_quicker(draft, step, quickest[step], limit)
    return draft


def _with_quicker(draft: _Draft, step: int, tile: Tile, limit: int) -> _Draft:
    """Return the draft with a step's tile or a smaller one, if the arena has a place for it."""
    now = draft.tiles[step]
    while tile != now and tile.scratch_bytes > now.scratch_bytes:
        wider = draft.with_tiles([*draft.tiles[:step], tile, *draft.tiles[step + 1 :]])
        if wider.arena.size <= limit:
            return wider
        tile = choose_tile(draft.calls[step], draft.core, tile.scratch_bytes - 1)
    return draft


def _tiles(draft: _Draft, room: Sequence[int]) -> list[Tile]:
    """Return every step's tile, given the bytes that each may take."""
    return [
        whole_tile(call)
        if node.name in draft.sharing.whole
        else choose_tile(call, draft.core, most)
        for node, call, most in zip(draft.graph.nodes, draft.calls, room, strict=True)
    ]


def _scratch_buffers(tiles: Sequence[Tile]) -> list[Buffer]:
    return [
        Buffer(step, tile.scratch_bytes, step, step)
        for step, tile in enumerate(tiles)
        if tile.scratch_bytes
    ]


def _step(draft: _Draft, index: int, cost: float) -> Step:
    node, tile = draft.graph.nodes[index], draft.tiles[index]
    return Step(
        node=node,
        call=draft.calls[index],
        input_offsets=tuple(draft.offset(draft.places[name]) for name in node.inputs),
        output_offsets=tuple(draft.offset(draft.places[made.name]) for made in node.outputs),
        scratch_offset=draft.arena.offsets.get(index, 0),
        scratch_bytes=tile.scratch_bytes,
        tile=tile.channels,
        rows=tile.rows,
        instructions=round(cost),
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
