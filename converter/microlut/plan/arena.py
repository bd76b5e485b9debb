"""Place buffers with lifetimes in one arena: greedy first fit in several orders, the best kept.

If none reaches the lower bound, the buffer that ended highest is moved to the front of the best
order, again and again.

Finding the smallest arena is NP-hard (dynamic storage allocation); the lower bound, the largest
sum of sizes that are alive at one step, tells how far from optimal a placement can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import add, attrgetter

from microlut.plan.buffers import Buffer, aligned, live_bytes

_PROMOTIONS = 16  # more gained nothing on networks of up to 75 layers
_FEW_PROMOTIONS = 2  # of several tiles at a time, which are tried again one by one

# By the number of a buffer and of one that it may overlap: how many bytes it begins at least before
# that one, or else after it.
_Rooms = dict[int, dict[int, tuple[int, int]]]
_Bars = Sequence[Sequence[tuple[int, int]]]  # by the number of a buffer, where it may not begin
_NOWHERE = -1
BEYOND = 1 << 40  # where a buffer begins that has no place


_Key = Callable[[int, int, int], tuple[int, ...]]  # of a buffer's size, first and last step
_ORDERS: tuple[_Key, ...] = (
    lambda size, first, last: (-size, first),
    lambda size, first, last: (first - last, -size),
    lambda size, first, last: (first, -size),
    lambda size, first, last: (-last, -size),
    lambda size, first, last: (-size * (last - first + 1), first),
)


@dataclass(frozen=True, slots=True)
class Arena:
    """Byte offsets of all buffers, the arena's size, and the size no placement can go below."""

    offsets: dict[str | int, int]
    size: int
    lower_bound: int


def place(buffers: Sequence[Buffer]) -> Arena:
    """Return the smallest of several greedy placements."""
    return Site(buffers).place()


@dataclass(frozen=True, slots=True)
class _Fit:
    """Where buffers begin, by their number, and what they take."""

    starts: list[int]
    size: float


class _Search:
    """Placements of the same buffers, made one after the other as long as they are asked for."""

    def __init__(self, fits: Iterator[_Fit], bound: int) -> None:
        """Take the placements, and the size that none of them can go below."""
        self.bound = bound
        self._fits, self._count = fits, 0
        self._best = _Fit([], inf)

    def within(self, limit: float, most: float = inf) -> _Fit:
        """Return the first placement of at most `limit` bytes, or else the smallest one.

        Args:
            limit: What is small enough.
            most: Number of placements after which none is tried any more.
        """
        while self._best.size > limit and self._count < most:
            fit = next(self._fits, None)
            if fit is None:
                break
            self._count += 1
            self._best = min(self._best, fit, key=attrgetter("size"))
        return self._best


class Site:
    """Buffers that are to be placed, with different scratch for some steps each time.

    What does not depend on the scratch is found once: which buffers live at the same time.
    """

    def __init__(self, buffers: Sequence[Buffer], steps: int = 0) -> None:
        """Take the buffers that are always there, and how many steps may have scratch."""
        self._names = [*(buffer.name for buffer in buffers), *range(steps)]
        self._spans = [*((b.first, b.last) for b in buffers), *((i, i) for i in range(steps))]
        self._sizes = [buffer.size for buffer in buffers]
        self._live = live_bytes(buffers, max([steps, *(b.first + 1 for b in buffers)]))
        self._near = _neighbours(self._spans)
        self._rooms = _rooms(buffers)
        for i, rooms in self._rooms.items():
            self._near[i] = [j for j in self._near[i] if j not in rooms]
        floors = _floors(buffers)
        self._floors = [[floors.get(name, 0) for name in self._names]] if floors else []
        self._floors.append([0] * len(self._names))
        self._known: dict[tuple[int, ...], _Search] = {}

    def place(self, scratch: Sequence[int] = ()) -> Arena:
        """Return the smallest of several greedy placements.

        Args:
            scratch: Bytes of the scratch of each step; 0 for none.
        """
        search = self._search(scratch)
        best = search.within(search.bound)
        there = (i for i, start in enumerate(best.starts) if start != _NOWHERE)
        offsets = {self._names[i]: best.starts[i] for i in there}
        return Arena(offsets, int(best.size), search.bound)

    def sizes(self, scratch: Sequence[int]) -> dict[str | int, int]:
        """Return the size of each buffer by its name."""
        return dict(zip(self._names, [*self._sizes, *scratch], strict=True))

    def buffers(self, scratch: Sequence[int]) -> Iterator[tuple[str | int, tuple[int, int], int]]:
        """Yield the name of each buffer, its first and last step, and its size."""
        return zip(self._names, self._spans, [*self._sizes, *scratch], strict=True)

    def fits(self, scratch: Sequence[int], limit: float, *, thoroughly: bool = True) -> bool:
        """Return whether one of these placements takes at most `limit` bytes.

        If not thoroughly, only the first ones are tried.
        """
        search = self._search(scratch)
        most = len(_ORDERS) + (_PROMOTIONS if thoroughly else _FEW_PROMOTIONS)
        return search.bound <= limit and search.within(limit, most).size <= limit

    def _search(self, scratch: Sequence[int]) -> _Search:
        """Return what has been found with some scratch, which is often asked for again."""
        key = tuple(scratch)
        if key not in self._known:
            sizes, bound = self._task(scratch)
            self._known[key] = _Search(self._fits(sizes), bound)
        return self._known[key]

    def place_between(
        self,
        scratch: Sequence[int],
        barred: Callable[[str | int, int], Sequence[tuple[int, int]]],
        heat: Mapping[str | int, float],
    ) -> dict[str | int, int] | None:
        """Return where buffers begin that may not begin everywhere, if all of them find a place.

        Args:
            scratch: Bytes of the scratch of each step; 0 for none.
            barred: Returns the intervals in which a buffer of a name and a size may not begin.
            heat: What goes to the lowest addresses, as far as there is room: the hottest per byte.
        """
        sizes, _ = self._task(scratch)
        rounded = [aligned(size) for size in sizes]
        there = [i for i in range(len(sizes)) if i < len(self._sizes) or sizes[i]]
        bars = [barred(name, size) for name, size in zip(self._names, rounded, strict=True)]
        heats = [
            heat.get(name, 0.0) / max(1, size)
            for name, size in zip(self._names, rounded, strict=True)
        ]
        orders = [sorted(there, key=lambda i: -heats[i])]
        for key in _ORDERS:
            ranks = {i: key(sizes[i], *self._spans[i]) for i in there}
            orders.append(sorted(there, key=ranks.__getitem__))
        for order in orders:
            known = set[tuple[int, ...]]()
            while tuple(order) not in known and len(known) <= _PROMOTIONS:
                known.add(tuple(order))
                fit = self._fit(order, rounded, bars)
                if fit.size < BEYOND:
                    return {self._names[i]: fit.starts[i] for i in there}
                order = _promoted(order, fit, rounded)
        return None

    def _task(self, scratch: Sequence[int]) -> tuple[list[int], int]:
        """Return the sizes of all buffers, and the size that no placement can go below."""
        rounded = [aligned(size) for size in scratch]
        bound = max([*self._live, *map(add, self._live, rounded)], default=0)
        return [*self._sizes, *scratch], bound

    def _fits(self, sizes: Sequence[int]) -> Iterator[_Fit]:
        """Yield the placements by all orders, then those by the best of them with promotions."""
        rounded = [aligned(size) for size in sizes]
        fixed = len(self._sizes)
        there = [*range(fixed), *(i for i in range(fixed, len(sizes)) if sizes[i])]
        found = []
        for key in _ORDERS:
            ranks = {i: key(sizes[i], *self._spans[i]) for i in there}
            order = sorted(there, key=ranks.__getitem__)
            found.append((self._fit(order, rounded), order))
            yield found[-1][0]
        fit, order = min(found, key=lambda pair: pair[0].size)
        known = {tuple(order)}
        for _ in range(_PROMOTIONS):
            order = _promoted(order, fit, rounded)
            if tuple(order) in known:  # from here on, all of it would come again
                return
            known.add(tuple(order))
            fit = self._fit(order, rounded)
            yield fit

    def _fit(self, order: Sequence[int], sizes: Sequence[int], bars: _Bars = ()) -> _Fit:
        """Give each in turn the lowest gap between those placed that live at the same time."""
        fits = (self._fit_above(floors, order, sizes, bars) for floors in self._floors)
        return min(fits, key=attrgetter("size"))

    def _fit_above(
        self, floors: Sequence[int], order: Sequence[int], sizes: Sequence[int], bars: _Bars
    ) -> _Fit:
        """Do so with none of the buffers below its floor or beginning behind one of its bars."""
        starts, ends, end = [_NOWHERE] * len(floors), [0] * len(floors), 0
        for i in order:
            offset, size = floors[i], sizes[i]
            taken = [(start - size, ends[j]) for j in self._near[i] if (start := starts[j]) >= 0]
            if i in self._rooms:
                taken += [
                    (starts[other] - before, starts[other] + after)
                    for other, (before, after) in self._rooms[i].items()
                    if starts[other] != _NOWHERE
                ]
            if bars:
                taken += bars[i]
            taken.sort()
            for low, high in taken:  # it may not begin between these two
                if offset <= low:
                    break
                if offset < high:
                    offset = high
            starts[i], ends[i] = offset, offset + size
            if offset + size > end:
                end = offset + size
        return _Fit(starts, end)


def _promoted(order: Sequence[int], fit: _Fit, sizes: Sequence[int]) -> list[int]:
    """Return the order with the buffer first that ended highest."""
    highest = max(order, key=lambda i: fit.starts[i] + sizes[i])
    return [highest, *(i for i in order if i != highest)]


def _neighbours(spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return, for each buffer, those that live at the same time."""
    near = list[list[int]]([] for _ in spans)
    alive: list[int] = []
    for i in sorted(range(len(spans)), key=lambda i: spans[i][0]):
        alive = [j for j in alive if spans[j][1] >= spans[i][0]]
        near[i] += alive
        for j in alive:
            near[j].append(i)
        alive.append(i)
    return near


def _floors(buffers: Sequence[Buffer]) -> dict[str | int, int]:
    """Return where buffers may begin so that others can begin before them, at 0."""
    floors: dict[str | int, int] = {}
    for buffer in buffers:
        for overlap in buffer.shared:
            higher, distance = buffer.name, overlap.after
            if overlap.before < aligned(buffer.size):
                higher, distance = overlap.name, overlap.before
            floors[higher] = max(floors.get(higher, 0), distance)
    return floors


def _rooms(buffers: Sequence[Buffer]) -> _Rooms:
    """Return, for pairs that may overlap, how many bytes one begins before the other, or after."""
    number = {buffer.name: i for i, buffer in enumerate(buffers)}
    rooms: _Rooms = {}
    for i, buffer in enumerate(buffers):
        for overlap in buffer.shared:
            other = number[overlap.name]
            rooms.setdefault(i, {})[other] = (overlap.before, overlap.after)
            rooms.setdefault(other, {})[i] = (overlap.after, overlap.before)
    return rooms
