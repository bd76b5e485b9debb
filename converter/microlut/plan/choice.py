"""Choose the tiles, and the arena with them, that the goal of a plan wants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter

from microlut.errors import DoesNotFit
from microlut.plan.curve import Point, frontier
from microlut.plan.draft import Draft, grown, realized
from microlut.plan.goal import BALANCE, Goal, price

_BANDED_SHARE = 2 / 3  # what bands may leave of an arena with whole tensors, to be taken
_WINOGRAD_SHARE = 5 / 6  # what Winograd's method may leave of the price, to be worth its code
_TRIES = 4  # points whose buffers are placed; the first one is mostly the best
# What one percent of the arena may be worth, in percent of the time: the printed curve's points.
_WEIGHTS = (math.inf, 2.0, 1.0, 0.5, BALANCE, 0.1, 0.0)


def choose(drafts: Sequence[Draft], goal: Goal) -> Draft:
    """Return the draft, with tiles, that the goal wants.

    Raises:
        DoesNotFit: No arena is as small as the goal says.
    """
    least, most = min(draft.arena.size for draft in drafts), goal.max_ram
    if most is not None and least > most:
        raise DoesNotFit(
            f"{drafts[0].graph.name} does not fit: its arena takes at least {least:,} bytes and "
            f"--max-ram is {most:,}; allow more, or use smaller feature maps"
        )
    if goal.balances:
        balanced = _balanced(drafts)
        most = goal.room
        if most is None or balanced.arena.size <= most or most < least:
            return balanced
    limit = least if goal.optimize == "ram" else math.inf if most is None else most
    found = (grown(draft, limit) for draft in drafts if draft.arena.size <= limit)
    return min(found, key=lambda draft: (draft.point.instructions, draft.point.arena_bytes))


def curve_of(drafts: Sequence[Draft], chosen: Point) -> list[Point]:
    """Return the points that are the best for one or another price of memory, with the chosen."""
    promised = [(draft, point) for draft in drafts for point in draft.points()]
    found = [chosen]
    for weight in _WEIGHTS:
        _, draft, point = min(
            ((_worth(point, weight), draft, point) for draft, point in promised), key=itemgetter(0)
        )
        found += [each.point for each in realized(draft, point)]
    points = frontier(replace(point, instructions=round(point.instructions)) for point in found)
    known = replace(chosen, instructions=round(chosen.instructions))
    if known in points:
        return points
    # Plans in bands or by Winograd's method can be better in everything and still not save enough.
    others = (
        p
        for p in points
        if p.arena_bytes > known.arena_bytes or p.instructions > known.instructions
    )
    return frontier([known, *others])


def _balanced(drafts: Sequence[Draft]) -> Draft:
    """Return the draft where memory and time together cost least.

    Winograd's method takes code of its own, so it is taken only where it saves much time.
    """
    found = _balanced_directly([draft for draft in drafts if not draft.has_winograd])
    others = [draft for draft in drafts if draft.has_winograd]
    if not others or found.in_bands:
        return found
    quick = _cheapest(others)
    saved = _price(found.point)[0] - _price(quick.point)[0]
    return quick if saved > -math.log(_WINOGRAD_SHARE) else found


def _balanced_directly(drafts: Sequence[Draft]) -> Draft:
    """Return the draft of least price without Winograd's method.

    Bands of rows are taken only where they save much memory, and no matter how quick the network
    is, what they cost in time has to be worth it.
    """
    banded = [draft for draft in drafts if draft.in_bands]
    if len(banded) in (0, len(drafts)):
        return _cheapest(drafts)
    whole = _cheapest([draft for draft in drafts if not draft.in_bands])
    found = _cheapest(banded)
    saves = found.arena.size <= _BANDED_SHARE * whole.arena.size
    gains = _worth(found.point, BALANCE) < _worth(whole.point, BALANCE)
    return found if saves and gains else whole


def _cheapest(drafts: Sequence[Draft]) -> Draft:
    """Return the draft with the tiles of the least price.

    Points are tried in the order of their prices, until none can be cheaper than what was found.
    """
    found: list[Draft] = []
    promised = [(_price(point), draft, point) for draft in drafts for point in draft.points()]
    for least, draft, point in sorted(promised, key=itemgetter(0))[:_TRIES]:
        if found and least >= min(_price(each.point) for each in found):
            break
        found += realized(draft, point)
    return min(found, key=lambda draft: _price(draft.point))


def _price(point: Point) -> tuple[float, ...]:
    return price(point.arena_bytes, point.instructions)


def _worth(point: Point, weight: float) -> tuple[float, ...]:
    """Return the price for users to whom every instruction matters."""
    return price(point.arena_bytes, point.instructions, weight, quick=1)
