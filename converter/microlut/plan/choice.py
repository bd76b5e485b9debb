"""Choose the tiles, and the arena with them, that the goal of a plan wants."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import replace
from functools import cached_property
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


class Choice:
    """Drafts of plans, and what different goals choose of them."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self.drafts = drafts
        self.least = min(draft.arena.size for draft in drafts)
        self._realized: dict[tuple[int, Point], list[Draft]] = {}

    def choose(self, goal: Goal) -> Draft:
        """Return the draft, with tiles, that a goal wants.

        Raises:
            DoesNotFit: No arena is as small as the goal says.
        """
        most = goal.max_ram
        if most is not None and self.least > most:
            raise DoesNotFit(
                f"{self.drafts[0].way.graph.name} does not fit: its arena takes at least "
                f"{self.least:,} bytes and --max-ram is {most:,}; allow more, or use smaller "
                "feature maps"
            )
        if goal.balances:
            if goal.room is None or self._balanced.arena.size <= goal.room:
                return self._balanced
            most = max(goal.room, self.least)
        limit = math.inf if most is None else most
        return self._quickest(self.least if goal.optimize == "ram" else limit)

    def curve(self, chosen: Point) -> list[Point]:
        """Return the points that are the best for one or another price of memory, and a chosen."""
        found = [chosen]
        for weight in _WEIGHTS:
            _, number, point = min(
                ((_worth(point, weight), number, point) for number, point in self._promised),
                key=itemgetter(0),
            )
            found += [each.point for each in self._realize(number, point)]
        points = frontier(replace(point, instructions=round(point.instructions)) for point in found)
        known = replace(chosen, instructions=round(chosen.instructions))
        if known in points:
            return points
        # Plans in bands or by Winograd's method can be better in all and still not save enough.
        others = (
            p
            for p in points
            if p.arena_bytes > known.arena_bytes or p.instructions > known.instructions
        )
        return frontier([known, *others])

    def _quickest(self, limit: float) -> Draft:
        """Return the quickest plan in an arena of at most `limit` bytes.

        Drafts are tried in the order of what they promise, until none can keep more than was found.
        """
        possible = [draft for draft in self.drafts if draft.arena.size <= limit]
        promised = sorted((draft.promise(limit), i) for i, draft in enumerate(possible))
        best: tuple[float, int, int, Draft] | None = None
        for least, number in promised:
            if best is not None and least > best[0]:
                break
            found = grown(possible[number], limit)
            tried = (found.point.instructions, found.arena.size, number, found)
            best = tried if best is None else min(best, tried, key=itemgetter(0, 1, 2))
        assert best is not None
        return best[-1]

    @cached_property
    def _balanced(self) -> Draft:
        """The draft where memory and time together cost least.

        Winograd's method takes code of its own, so it is taken only where it saves much time.
        """
        direct = [i for i, draft in enumerate(self.drafts) if not draft.has_winograd]
        found = self._balanced_directly(direct)
        if len(direct) == len(self.drafts) or found.in_bands:
            return found
        others = [i for i in range(len(self.drafts)) if i not in direct]
        most = _price(found.point)[0] + math.log(_WINOGRAD_SHARE)
        if all(_price(point)[0] >= most for i, point in self._promised if i in others):
            return found  # nothing has to be placed to tell
        quick = self._cheapest(others)
        return quick if _price(quick.point)[0] < most else found

    def _balanced_directly(self, numbers: Sequence[int]) -> Draft:
        """Return the draft of the least price, of those with some numbers.

        Bands of rows are taken only where they save much memory, and no matter how quick the
        network is, what they cost in time has to be worth it.
        """
        banded = [i for i in numbers if self.drafts[i].in_bands]
        if len(banded) in (0, len(numbers)):
            return self._cheapest(numbers)
        whole = self._cheapest([i for i in numbers if i not in banded])
        most, worth = _BANDED_SHARE * whole.arena.size, _worth(whole.point, BALANCE)
        promising = any(
            point.arena_bytes <= most and _worth(point, BALANCE) < worth
            for draft in (self.drafts[i] for i in banded)
            for point in draft.points(draft.arena.lower_bound)
        )
        if not promising:  # nothing has to be placed to tell
            return whole
        found = self._cheapest(banded)
        gains = _worth(found.point, BALANCE) < worth
        return found if found.arena.size <= most and gains else whole

    @cached_property
    def _promised(self) -> list[tuple[int, Point]]:
        """What every draft might give, with its number."""
        return [(i, point) for i, draft in enumerate(self.drafts) for point in draft.points()]

    def _cheapest(self, numbers: Container[int]) -> Draft:
        """Return the draft of the least price, of those with some numbers.

        Points are tried in the order of their prices, until none can be cheaper than what was
        found.
        """
        found: list[Draft] = []
        promised = [(_price(point), i, point) for i, point in self._promised if i in numbers]
        for least, number, point in sorted(promised, key=itemgetter(0))[:_TRIES]:
            if found and least >= min(_price(each.point) for each in found):
                break
            found += self._realize(number, point)
        return min(found, key=lambda draft: _price(draft.point))

    def _realize(self, number: int, point: Point) -> list[Draft]:
        """Return what keeps the promise of a point best, which goals and curve ask for."""
        key = (number, point)
        if key not in self._realized:
            self._realized[key] = realized(self.drafts[number], point)
        return self._realized[key]


def _price(point: Point) -> tuple[float, ...]:
    return price(point.arena_bytes, point.instructions)


def _worth(point: Point, weight: float) -> tuple[float, ...]:
    """Return the price for users to whom every instruction matters."""
    return price(point.arena_bytes, point.instructions, weight, quick=1)
