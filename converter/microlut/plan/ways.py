"""List the ways of sharing bytes in a graph, and what each means on every core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microlut.integer import QuantizedGraph
from microlut.plan.arena import Arena, Site
from microlut.plan.buffers import live_bytes
from microlut.plan.kernels import Call
from microlut.plan.liveness import tensor_buffers
from microlut.plan.places import Place
from microlut.plan.segments.overlaps import with_overlaps
from microlut.plan.sharing import WHOLE_IN_PLACE, Sharer, Sharing
from microlut.plan.states import Ending, find_ending
from microlut.plan.tiles import Menu, Menus

# Ways of sharing where memory is short; the first of those that are equally small is taken.
WAYS = tuple(
    (WHOLE_IN_PLACE[first:], gather)
    for gather in (True, False)
    for first in range(len(WHOLE_IN_PLACE) + 1)
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of sharing bytes.

    Attributes:
        graph: The network.
        sharing: What shares bytes.
        calls: The kernel calls.
        menus: The tiles of each.
        site: The buffers of tensors, which are to be placed with scratch.
        places: Where in them every tensor lies.
        ending: What happens after the last step.
        live: Bytes of the tensors that each step leaves in the arena.
        smallest: The arena with the smallest tiles.
    """

    graph: QuantizedGraph
    sharing: Sharing
    calls: Sequence[Call[Any]]
    menus: Sequence[Menu]
    site: Site
    places: Mapping[str, Place]
    ending: Ending
    live: Sequence[int]
    smallest: Arena


def ways_of(
    graph: QuantizedGraph, sharer: Sharer | None = None, menus: Menus | None = None
) -> list[Way]:
    """Return the ways of sharing that differ.

    Args:
        graph: The network, its nodes in execution order.
        sharer: That of a graph with some of the same nodes, whose kernels need not be asked again.
        menus: The tiles that are known already; others are added.
    """
    sharer = Sharer(graph, {} if sharer is None else sharer.facts)
    menus = Menus() if menus is None else menus
    found = [sharer.find(graph, *way) for way in WAYS]
    return [
        _way(graph, sharing, sharer, menus)
        for i, sharing in enumerate(found)
        if all(sharing.places != other.places for other in found[:i])
    ]


def _way(graph: QuantizedGraph, sharing: Sharing, sharer: Sharer, menus: Menus) -> Way:
    buffers, places = tensor_buffers(graph, sharing)
    chosen = []
    for node in graph.nodes:
        total = sharing.sums.get(node.name)
        call = sharer.facts[node.name].call.varied(
            sum=None if total is None else sharer.facts[total.name].call,
            in_place=sharing.in_place.get(node.name, frozenset()),
        )
        free, whole = node.name in sharing.merged, node.name in sharing.whole
        chosen.append(menus.of(call, whole=whole, free=free))
    ending = find_ending(graph, places)
    buffers = (*with_overlaps(graph, buffers, places), *ending.spares)
    site = Site(buffers, len(chosen))
    return Way(
        graph=graph,
        sharing=sharing,
        calls=[menu.call for menu in chosen],
        menus=chosen,
        site=site,
        places=places,
        ending=ending,
        live=live_bytes(buffers, len(chosen)),
        smallest=site.place([menu.least for menu in chosen]),
    )
