"""Put the calls of a functional model in an order in which each follows those that it reads."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence, Set

from microlut.importers.keras.config import Layer
from microlut.importers.keras.inbound import Call

Pending = tuple[Layer, int, Call]  # a layer, the number of its call, and the call
Made = tuple[str, int]  # a layer's name, and the number by which others refer to a call


def in_execution_order(
    pending: Sequence[Pending], sources: Set[Made], base: Mapping[str, int]
) -> list[Pending]:
    """Return the calls that can be made, as rounds through the list would find them.

    Names of layers follow from the order, so it is that of a loop that goes through all calls again
    and again, and makes those whose inputs are there. That loop takes the square of the number of
    layers where a file lists them backwards; this takes time in proportion to it.

    Args:
        pending: All calls, in the order of the file.
        sources: What is there before.
        base: The number at which references to a layer's calls begin.
    """
    places = {
        (layer.name, base.get(layer.name, 0) + index): i
        for i, (layer, index, _) in enumerate(pending)
    }
    needs: list[set[int]] = []
    readers = defaultdict[int, list[int]](list)
    left: list[int] = []  # calls that are still to be made before each
    for i, (_, _, call) in enumerate(pending):
        read = {(name, number) for name, number, _ in call.inputs} - sources
        needs.append({places[each] for each in read if each in places})
        left.append(len(read))  # with those that nothing makes, which stay
        for needed in needs[i]:
            readers[needed].append(i)
    rounds: dict[int, int] = {}
    ready = deque(i for i, count in enumerate(left) if count == 0)
    while ready:
        i = ready.popleft()
        rounds[i] = max((rounds[n] + (n > i) for n in needs[i]), default=0)
        for reader in readers[i]:
            left[reader] -= 1
            if left[reader] == 0:
                ready.append(reader)
    return [pending[i] for i in sorted(rounds, key=lambda i: (rounds[i], i))]
