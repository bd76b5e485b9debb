"""Spread an arena over several memories: the hottest buffers go to the fastest one.

All memories stand one behind the other, the fastest first, and the first-fit placement of the arena
goes on as ever, but no buffer may lie across a border. Then what each memory holds moves together.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, product

from microlut.plan.arena import BEYOND
from microlut.plan.buffers import ArenaPart, aligned
from microlut.plan.choice import Choice
from microlut.plan.draft import Draft
from microlut.plan.goal import Bank, Goal
from microlut.plan.heat import accesses
from microlut.plan.segments.segment import Segment

MAIN = "ram"  # the memory that every board has
_SHRINK = 0.9  # of an arena that found no place to the next one that is tried


def choose_in_banks(choice: Choice, goal: Goal) -> Draft:
    """Return the draft that a goal wants, spread over the memories of a board.

    If it finds no place, smaller ones are tried. If none does, it is the smallest one, in the
    largest memory.

    Raises:
        DoesNotFit: No arena is as small as the goal says.
    """
    for draft in _wanted(choice, replace(goal, banks=())):
        placed = in_banks(draft, goal.banks)
        if placed is not None:
            return placed
    largest = max(goal.banks, key=lambda bank: bank.bytes)
    least = choice.choose(replace(goal, banks=(), room=largest.bytes))
    return replace(least, parts=(ArenaPart(largest.name, 0, least.arena.size),))


def _wanted(choice: Choice, goal: Goal) -> Iterator[Draft]:
    """Yield what a goal wants, and then ever smaller drafts."""
    draft = choice.choose(goal)
    yield draft
    most = goal.max_ram or math.inf
    limit = draft.arena.size * _SHRINK
    while limit >= choice.least and goal.optimize != "ram":
        draft = choice.choose(replace(goal, optimize="speed", max_ram=int(limit)))
        yield draft
        limit = min(limit, draft.arena.size) * _SHRINK
    for draft in sorted(choice.drafts, key=lambda draft: draft.arena.size):
        if draft.arena.size <= most:
            yield draft


@dataclass(frozen=True, slots=True)
class _Street:
    """Memories one behind the other, the fastest first."""

    banks: tuple[Bank, ...]

    @property
    def ends(self) -> list[int]:
        """Where each memory ends, and the next one begins."""
        return list(accumulate(bank.bytes for bank in self.banks))

    def bars(self, size: int, allowed: Container[str]) -> list[tuple[int, int]]:
        """Return between which offsets a buffer may not begin that goes to one of some banks."""
        found, start = [], 0
        for bank, end in zip(self.banks, self.ends, strict=True):
            found.append((end - size if bank.name in allowed else start - 1, end))
            start = end
        found[-1] = (found[-1][0], BEYOND)
        return found

    def bank_at(self, offset: int) -> int:
        """Return the number of the memory that an offset is in."""
        return next(i for i, end in enumerate(self.ends) if offset < end)


def in_banks(draft: Draft, banks: Sequence[Bank]) -> Draft | None:
    """Return the draft with its buffers in these memories, if all find a place.

    Among the ways that do, it is the one whose accesses cost least, and among those the one with
    the fewest arenas.
    """
    heat = accesses(draft)
    usable = [replace(bank, bytes=bank.bytes - bank.bytes % aligned(1)) for bank in banks]
    whole = [
        (
            sum(heat.values()) * bank.cost,
            replace(draft, parts=(ArenaPart(bank.name, 0, draft.arena.size),)),
        )
        for bank in usable
        if draft.arena.size <= bank.bytes
    ]
    cheapest = min(bank.cost for bank in usable)
    if whole and min(cost for cost, _ in whole) <= sum(heat.values()) * cheapest:
        return min(whole, key=lambda pair: pair[0])[1]
    if sum(bank.bytes for bank in usable) < draft.arena.lower_bound:
        return None
    street = _Street(tuple(sorted(usable, key=lambda bank: bank.cost)))
    found = [*whole, *_spread(draft, street, heat)]
    return min(found, key=lambda pair: (pair[0], len(pair[1].parts)))[1] if found else None


def _spread(
    draft: Draft, street: _Street, heat: Mapping[str | int, float]
) -> Iterator[tuple[float, Draft]]:
    """Yield ways to spread a draft, and what their accesses cost.

    What the caller sees is in one memory. So is all that the segments work on, for these have one
    arena.
    """
    fixed, banded = _seen(draft), _banded(draft)
    names = [bank.name for bank in street.banks]
    for main, band in product(names, names if banded else names[:1]):
        if fixed & banded and main != band:
            continue

        def barred(
            name: str | int, size: int, main: str = main, band: str = band
        ) -> list[tuple[int, int]]:
            only = main if name in fixed else band
            return street.bars(size, {only} if name in fixed | banded else names)

        starts = draft.way.site.place_between(draft.scratch, barred, heat)
        if starts is not None:
            cost = sum(
                heat.get(name, 0.0) * street.banks[street.bank_at(start)].cost
                for name, start in starts.items()
            )
            yield cost, _moved_together(draft, street, starts, main)


def _seen(draft: Draft) -> frozenset[str | int]:
    """Return the buffers of inputs, outputs and states."""
    way = draft.way
    given = (way.places[tensor.name].buffer for tensor in way.graph.given())
    ends = way.ending.outputs.values()
    return frozenset(
        [*given, *(way.places[end].buffer if end in way.places else end for end in ends)]
    )


def _banded(draft: Draft) -> frozenset[str | int]:
    """Return the buffers that segments work on."""
    found = set[str | int]()
    for step, call in enumerate(draft.way.calls):
        if isinstance(call.op, Segment):
            tensors = (*call.inputs, *call.outputs)
            found |= {step, *(draft.way.places[tensor.name].buffer for tensor in tensors)}
    return frozenset(found)


def _moved_together(
    draft: Draft, street: _Street, starts: Mapping[str | int, int], main: str
) -> Draft:
    """Return the draft with an arena for each memory that is used, the main one first."""
    sizes = draft.way.site.sizes(draft.scratch)
    begins, ends = [0, *street.ends], dict[int, int]()
    for name, start in starts.items():
        number = street.bank_at(start)
        ends[number] = max(ends.get(number, 0), start + aligned(sizes[name]) - begins[number])
    order = sorted(ends, key=lambda number: (street.banks[number].name != main, number))
    parts, moved, total = [], dict[int, int](), 0
    for number in order:
        parts.append(ArenaPart(street.banks[number].name, total, ends[number]))
        moved[number] = total - begins[number]
        total += ends[number]
    offsets = {name: start + moved[street.bank_at(start)] for name, start in starts.items()}
    arena = replace(draft.arena, offsets=offsets, size=total)
    return replace(draft, arena=arena, parts=tuple(parts))
