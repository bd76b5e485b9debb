"""Lay out the connections between layers that stand in a column, one below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Wires:
    """What is drawn beside one layer. Lane 0 has the layers, further lanes what goes past some.

    Attributes:
        from_above: Whether the layer reads what the one above makes.
        to_below: Whether the one below reads what it makes.
        leaves: The lane in which its output goes on to layers further below, if any.
        enters: Lanes that it reads from; they go on, too, if they are not in `ends`.
        ends: Those of them that go no further.
        passes: Other lanes that go past it.
    """

    from_above: bool = False
    to_below: bool = False
    leaves: int | None = None
    enters: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)


def wires(reads: Sequence[Sequence[int]]) -> tuple[list[Wires], int]:
    """Return the wires of each layer, and the number of lanes.

    Args:
        reads: By layer, the numbers of the layers that it reads; -1 for an input of the network.
    """
    readers = _readers(reads)
    rows = [Wires() for _ in reads]
    free_from: list[int] = []  # by lane beyond the first, the layer from which on it is free
    for maker, by in sorted(readers.items()):
        if maker >= 0 and maker + 1 in by:
            rows[maker].to_below = rows[maker + 1].from_above = True
        far = [reader for reader in by if reader > maker + 1]
        if maker < 0 and 0 in by:
            rows[0].from_above = True
        if not far:
            continue
        lane = next((i for i, row in enumerate(free_from) if row <= maker), len(free_from))
        free_from[lane : lane + 1] = [max(far)]
        if maker >= 0:
            rows[maker].leaves = lane + 1
        for reader in far:
            rows[reader].enters.append(lane + 1)
        rows[max(far)].ends.append(lane + 1)
        for row in range(maker + 1, max(far)):
            if row not in far:
                rows[row].passes.append(lane + 1)
    return rows, 1 + len(free_from)


def _readers(reads: Sequence[Sequence[int]]) -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = {}
    for reader, makers in enumerate(reads):
        for maker in sorted(set(makers)):
            found.setdefault(maker, []).append(reader)
    return found
