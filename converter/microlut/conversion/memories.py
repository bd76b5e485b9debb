"""Tell which memories of a board a plan may use, and move weights that flash has no room for.

Arenas are spread by the planner. Weights are moved when the plan is known, for all that an image
takes beside them depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from microlut.board.board import Board
from microlut.conversion.code_sizes import ARENA_GUARD, arena_room, image_sizes, measured_sizes
from microlut.conversion.report import MemoryReport
from microlut.conversion.source_sizes import source_of
from microlut.integer import QuantizedGraph
from microlut.integer.packing import index_bytes, stored_weights
from microlut.plan import Bank, Goal, Plan, Planner
from microlut.plan.banks import MAIN

_MARGIN = 1_024  # bytes that an image may be larger than estimated


def arena_banks(board: Board, graph: QuantizedGraph) -> tuple[Bank, ...]:
    """Return the memories for arenas, with what the console leaves; none if that is unknown."""
    room, memory = arena_room(board, graph), board.memory
    if room is None or memory is None:
        return ()
    regions = memory.of_kind("ram").items()
    return tuple(
        Bank(name, room if region is memory.ram else region.size - ARENA_GUARD, region.cost)
        for name, region in regions
    )


def arena_memory(board: Board, graph: QuantizedGraph, arena_bytes: int) -> str:
    """Return the memory that gets an arena as a whole: the fastest one with room for it."""
    banks = [bank for bank in arena_banks(board, graph) if bank.bytes >= arena_bytes]
    return min(banks, key=lambda bank: bank.cost).name if banks else MAIN


def used_memories(plan: Plan) -> tuple[MemoryReport, ...]:
    """Return what is in each memory, if something is in others than a board's flash and ram."""
    holds: dict[str, list[str]] = {part.memory: [] for part in plan.parts}
    for name, offset in plan.offsets.items():
        holds[plan.part_at(offset).memory].append(name)
    for step in plan.steps:
        if step.is_called and step.scratch_bytes:
            holds[plan.part_at(step.scratch_offset).memory].append(f"scratch of {step.node.name}")
    found = [
        MemoryReport(part.memory, "ram", part.bytes, tuple(holds[part.memory]))
        for part in plan.parts
    ]
    stored = stored_weights(plan.graph)
    for memory in dict.fromkeys(plan.weights_in.values()):
        layers = tuple(name for name, other in plan.weights_in.items() if other == memory)
        size = sum(index_bytes(stored[name]) for name in layers)
        found.append(MemoryReport(memory, "flash", size, layers))
    return () if [use.memory for use in found] == [MAIN] else tuple(found)


def goal_on(
    board: Board,
    graph: QuantizedGraph,
    goal: Goal,
    plan_for: Callable[[Goal], Plan],
    planner: Planner,
) -> Goal:
    """Return what `deploy` asks of the plan for a board; the goal itself if that gives the same."""
    bounded = goal.within(arena_banks(board, graph))
    costs = [bank.cost for bank in bounded.banks]
    room = bounded.banks[0].bytes if costs and costs[0] == min(costs) else bounded.room
    if (costs or goal.balances) and room is not None and plan_for(goal).arena_bytes <= room:
        return goal
    if costs:
        return bounded
    if room is None or not goal.balances:
        return goal
    return replace(bounded, room=max(room, planner.least(goal)))


def with_weights_placed(plan: Plan, board: Board | None) -> Plan:
    """Return the plan with weights in other flash, if the board has any and its own is too small.

    As few bytes as possible move: whatever is stored there is read more slowly.
    """
    memory = None if board is None else board.memory
    if board is None or memory is None or len(memory.of_kind("flash")) == 1:
        return plan
    flash, _ = image_sizes(plan, source_of(plan, measured_sizes()["types"]), board)
    lacking = flash + _MARGIN - memory.flash.size
    left = {name: index_bytes(weights) for name, weights in stored_weights(plan.graph).items()}
    placed: dict[str, str] = {}
    others = [(n, region) for n, region in memory.of_kind("flash").items() if n != "flash"]
    for other, region in sorted(others, key=lambda pair: pair[1].cost):
        room = region.size
        while lacking > 0 and (name := _next(left, lacking, room)) is not None:
            placed[name] = other
            lacking -= left[name]
            room -= left.pop(name)
    return replace(plan, weights_in=placed)


def _next(left: Mapping[str, int], lacking: int, room: int) -> str | None:
    """Return the layer to move next: the smallest one that is enough, or else the largest."""
    sizes = {name: size for name, size in left.items() if size <= room}
    enough = [name for name, size in sizes.items() if size >= lacking]
    if enough:
        return min(enough, key=sizes.__getitem__)
    return max(sizes, key=sizes.__getitem__, default=None)


def lacking_bytes(plan: Plan, board: Board, flash: int, ram: int) -> tuple[int, int]:
    """Return how many bytes of flash and of RAM a board lacks for a plan.

    Args:
        plan: The plan for it.
        board: The board.
        flash: Bytes of the image, with all weights.
        ram: Bytes of RAM, without what is in other memories.
    """
    assert board.memory is not None
    rams = board.memory.of_kind("ram")
    over = [part.bytes - rams[part.memory].size for part in plan.parts if part.memory != "ram"]
    return max(0, flash - board.memory.size_of("flash")), max(0, ram - board.memory.ram.size, *over)
