"""Orders of dimensions: how others see a tensor whose values lie in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from microlut.ops.arrays import Shape

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class View:
    """A tensor as others see it: its dimensions in another order, and reshaped.

    Attributes:
        tensor: Its name.
        base: The shape in which it is computed.
        sizes: Dimensions of the values as they lie, none of them 1, as few as the order allows.
        order: The order in which these are seen.
        shape: The shape as which the values in this order are seen.
    """

    tensor: str
    base: Shape
    sizes: Shape
    order: tuple[int, ...]
    shape: Shape

    @property
    def in_order(self) -> bool:
        """Whether the values are seen as they lie, so that the view costs nothing."""
        return len(self.order) < 2  # they are as few as possible

    def as_laid(self, shape: Shape) -> View:
        """Return the values in the order in which they lie, in a shape."""
        return _view(self.tensor, self.base, shape, range(len(shape)), shape)

    def reshaped(self, shape: Shape) -> View:
        """Return the same values in the same order in another shape."""
        return View(self.tensor, self.base, self.sizes, self.order, shape)

    def transposed(self, order: Sequence[int]) -> View | None:
        """Return the view whose dimension i is dimension `order[i]` of this one.

        None if the dimensions of the shape are not made of whole dimensions of the values.
        """
        found = self.parts()
        if found is None:
            return None
        sizes, groups = found
        shape = tuple(self.shape[i] for i in order)
        return _view(self.tensor, self.base, sizes, [p for i in order for p in groups[i]], shape)

    def parts(self) -> tuple[Shape, Groups] | None:
        """Return the finest dimensions that make up those of the values and those of the shape.

        They are in the order in which the values lie; with them, which of them each dimension of
        the shape has, in its order. None if there are no such dimensions.
        """
        seen = [self.sizes[i] for i in self.order]
        pieces: list[list[int]] = [[] for _ in seen]  # sizes, of each seen dimension of the values
        numbers: list[list[tuple[int, int]]] = []  # (seen dimension, piece), of each of the shape
        place, left = 0, seen[0] if seen else 1
        for size in self.shape:
            numbers.append([])
            while size > 1:
                part = min(size, left)
                if size % part or left % part:
                    return None
                numbers[-1].append((place, len(pieces[place])))
                pieces[place].append(part)
                size, left = size // part, left // part
                if left == 1 and place + 1 < len(seen):
                    place, left = place + 1, seen[place + 1]
        by_value = sorted(range(len(seen)), key=lambda i: self.order[i])
        flat = [(i, piece) for i in by_value for piece in range(len(pieces[i]))]
        index = {key: number for number, key in enumerate(flat)}
        groups = tuple(tuple(index[key] for key in keys) for keys in numbers)
        return tuple(pieces[i][piece] for i, piece in flat), groups

    def dimensions(self) -> tuple[int, ...] | None:
        """Return the dimensions of the shape in the order in which their values lie.

        Those of size 1 lie where the tensor has them, or else first. None if one dimension's values
        are of several places.
        """
        found = self.parts()
        if found is None:
            return None
        groups = found[1]
        if any(list(g) != list(range(g[0], g[0] + len(g))) for g in groups if g):
            return None
        wide = sorted((i for i, group in enumerate(groups) if group), key=lambda i: groups[i])
        ones = [i for i, group in enumerate(groups) if not group]
        if [n for n in self.base if n > 1] != [self.shape[i] for i in wide]:
            return (*ones, *wide)
        if len(self.base) != len(self.shape):
            return (*ones, *wide)
        return tuple((wide if n > 1 else ones).pop(0) for n in self.base)

    def nearest(self) -> tuple[int, ...] | None:
        """Return the dimensions in the order in which the first values of each lie.

        None if values of one dimension lie between those of another.
        """
        found = self.parts()
        if found is None:
            return None
        groups = found[1]
        wide = sorted((i for i, group in enumerate(groups) if group), key=lambda i: min(groups[i]))
        flat = [n for i in wide for n in sorted(groups[i])]
        ones = (i for i, group in enumerate(groups) if not group)
        return (*ones, *wide) if flat == sorted(flat) else None


def plain(tensor: str, shape: Shape) -> View:
    """Return the view of a tensor as it is."""
    return _view(tensor, shape, shape, range(len(shape)), shape)


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    """Return the order that undoes another one."""
    return tuple(sorted(range(len(order)), key=lambda i: order[i]))


def _view(tensor: str, base: Shape, sizes: Shape, order: Sequence[int], shape: Shape) -> View:
    """Return a view with as few dimensions as possible: those that stay neighbours are one."""
    runs: list[list[int]] = []
    for i in order:
        if sizes[i] == 1:
            continue
        between = range(runs[-1][-1] + 1, i) if runs else ()
        if runs and runs[-1][-1] < i and all(sizes[n] == 1 for n in between):
            runs[-1].append(i)
        else:
            runs.append([i])
    laid = sorted(runs)
    return View(
        tensor,
        base,
        tuple(prod(sizes[i] for i in run) for run in laid),
        tuple(laid.index(run) for run in runs),
        shape,
    )
