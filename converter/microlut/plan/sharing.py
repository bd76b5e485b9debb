"""Decide which tensors share bytes, and where each lies in its buffer.

A tensor takes over the bytes of another one where it is the same bytes (a reshape), where a kernel
may write over its input, and where a convolution adds its outputs to another tensor itself. Tensors
are made side by side in one buffer where an operator would only copy them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from microlut.integer import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.plan.kernels import KERNELS, Alias, Call, Kernel, calls_of, kernel_for
from microlut.plan.places import Place, Places
from microlut.plan.states import heirs, inherit

Kernels = tuple[Kernel[Any, Any], ...]

# Those that can run in place, but then in one tile.
WHOLE_IN_PLACE: Kernels = tuple(kernel for kernel in KERNELS if kernel.whole_in_place)


@dataclass(frozen=True, slots=True)
class Sharing:
    """What shares bytes.

    Attributes:
        sums: By the name of a convolution, the addition that it does itself.
        places: Where every tensor lies.
        whole: Nodes in place, which must have one of the tiles for that.
        in_place: By the name of a node, its inputs and outputs that need no copies.
    """

    sums: Mapping[str, QNode]
    places: Mapping[str, Place]
    whole: set[str]
    in_place: dict[str, frozenset[Alias]]

    @property
    def merged(self) -> frozenset[str]:
        """Names of the additions that convolutions do."""
        return frozenset(node.name for node in self.sums.values())


@dataclass(frozen=True, slots=True)
class Facts:
    """What a call may share, whatever else is decided.

    Attributes:
        call: The call.
        aliases: Bytes that its inputs and outputs have in common.
        overwrites: Names of the inputs that its first output may be written over.
        whole: Whether it does so with few tiles only.
        small: Whether these need no more memory than the output itself.
    """

    call: Call[Any]
    aliases: tuple[Alias, ...]
    overwrites: tuple[str, ...]
    whole: bool
    small: bool

    @classmethod
    def of(cls, call: Call[Any]) -> Facts:
        """Return the facts of a call."""
        kernel = kernel_for(call)
        overwrites = tuple(call.inputs[i].name for i in kernel.overwrites(call))
        whole = kernel.whole_in_place
        small = not (overwrites and whole) or _least_in_place(call) <= call.output.bytes * 5 // 4
        return cls(call, tuple(kernel.aliases(call)), overwrites, whole, small)


class Sharer:
    """Decides what shares bytes in a graph, in several ways and for several orders of its nodes."""

    def __init__(self, graph: QuantizedGraph, known: Mapping[str, Facts] | None = None) -> None:
        """Ask the kernels, except for calls of the same operators that are `known` by name."""
        self.facts = dict(known or {})
        for name, call in calls_of(graph).items():
            if name not in self.facts or self.facts[name].call.op is not call.op:
                self.facts[name] = Facts.of(call)
        calls = {node.name: self.facts[node.name].call for node in graph.nodes}
        self.given = graph.given()
        self.fixed = frozenset((*graph.outputs, *(tensor.name for tensor in self.given)))
        self.heirs = heirs(graph, calls)
        self.families = _families(self.facts[name] for name in calls)

    def find(
        self, graph: QuantizedGraph, whole: Kernels = WHOLE_IN_PLACE, gather: bool = True
    ) -> Sharing:
        """Decide what shares bytes, node by node in execution order.

        Args:
            graph: The network, with its nodes in any order.
            whole: Which of `WHOLE_IN_PLACE` may run in place: that saves a tensor, but takes
                scratch for all of a layer's channels.
            gather: Whether inputs may be made inside the output that they are parts of: that saves
                copies, but the whole output takes memory from its first part on.
        """
        last = last_uses(graph)
        sums = self.sums(graph, last)
        places = Places(last, self.heirs)
        for tensor in self.given:
            places.make(tensor, 0)
        found = Sharing(sums, places.of, set(), {})
        for step, node in enumerate(graph.nodes):
            facts = self.facts[node.name]
            if node.name in sums:
                (other,) = (term for term in sums[node.name].inputs if term != node.output)
                places.join(facts.call.output, places.of[other])
                continue
            views = _join_views(facts, places)
            written = _overwritten(facts, step, places, whole)
            for tensor in facts.call.outputs:
                if tensor.name in places.of:
                    continue
                if tensor == facts.call.output and written is not None:
                    places.join(tensor, places.of[written])
                    if facts.whole:
                        found.whole.add(node.name)
                else:
                    places.make(tensor, step)
            gathered = _gather(facts, places, self.fixed) if gather else frozenset()
            found.in_place[node.name] = views | gathered
        inherit(graph, places)
        return found

    def sums(self, graph: QuantizedGraph, last: Mapping[str, int]) -> dict[str, QNode]:
        """Return the additions that the convolution just before them can do.

        Nothing else may read the convolution's output, or the other term afterwards; the
        convolution must not read the other term, which it writes over pixel by pixel.
        """
        sums = {}
        for step, (before, node) in enumerate(pairwise(graph.nodes), start=1):
            if not isinstance(node.op, QAdd) or not isinstance(before.op, QConv2D):
                continue
            others = [name for name in node.inputs if name != before.output]
            if len(others) != 1 or last[before.output] != step:
                continue
            family = self.families.get(others[0], {others[0]})
            kept = any(node.output not in self.heirs.get(name, {node.output}) for name in family)
            free = max(last[name] for name in family) == step and not kept
            if free and before.inputs[0] not in family:
                sums[before.name] = node
        return sums


def find_sharing(
    graph: QuantizedGraph, whole: Kernels = WHOLE_IN_PLACE, gather: bool = True
) -> Sharing:
    """Decide what shares bytes; see `Sharer.find`."""
    return Sharer(graph).find(graph, whole, gather)


def find_sums(graph: QuantizedGraph) -> dict[str, QNode]:
    """Return the additions that the convolution just before them can do."""
    return Sharer(graph).sums(graph, last_uses(graph))


def last_uses(graph: QuantizedGraph) -> dict[str, int]:
    """Return, for every tensor, the last step that reads it; the caller's ones are read at last.

    Inputs are there at step 0 at least.
    """
    uses = {state.tensor.name: -1 for state in graph.states}
    uses.update({tensor.name: 0 for tensor in graph.inputs})
    for step, node in enumerate(graph.nodes):
        uses.update({tensor.name: step for tensor in node.outputs})
        uses.update(dict.fromkeys(node.inputs, step))
    uses.update(dict.fromkeys(graph.kept(), len(graph.nodes)))
    return uses


def _families(known: Iterable[Facts]) -> dict[str, set[str]]:
    """Return, for every tensor that may have bytes in common with others, all of these."""
    families: dict[str, set[str]] = {}
    for facts in known:
        for alias in facts.aliases:
            call = facts.call
            names = (call.inputs[alias.input].name, call.outputs[alias.output].name)
            family = set().union(*(families.get(name, {name}) for name in names))
            families.update(dict.fromkeys(family, family))
    return families


def _join_views(facts: Facts, places: Places) -> frozenset[Alias]:
    """Put the outputs that inputs hold into these, and return which aliases say so."""
    joined = set()
    for alias in facts.aliases:
        call = facts.call
        source, output = call.inputs[alias.input], call.outputs[alias.output]
        place = places.of[source.name]
        place = Place(place.buffer, place.offset - alias.offset)
        inside = 0 <= -alias.offset <= source.bytes - output.bytes
        if inside and place.is_aligned and output.name not in places.of:
            places.join(output, place)
            joined.add(alias)
    return frozenset(joined)


def _overwritten(facts: Facts, step: int, places: Places, whole: Kernels) -> str | None:
    """Return the input that the first output is written over, if there is one.

    Its buffer must hold nothing that a later step reads, nor another input at another place. A
    kernel that needs a tile of many channels for that must not need more memory then. States come
    first: no other tensor can take their bytes.
    """
    call = facts.call
    if facts.whole and (not facts.small or kernel_for(call) not in whole):
        return None
    read = {places.of[tensor.name] for tensor in call.inputs}
    for name in sorted(facts.overwrites, key=lambda name: not places.is_of_state(name)):
        place = places.of[name]
        alone = all(other == place or other.buffer != place.buffer for other in read)
        if alone and places.is_free(name, step, call.output.name):
            return name
    return None


def _least_in_place(call: Call[Any]) -> int:
    """Return the scratch that a call in place takes at least."""
    return min(tile.scratch_bytes for tile in kernel_for(call).tiles_in_place(call))


def _gather(facts: Facts, places: Places, fixed: frozenset[str]) -> frozenset[Alias]:
    """Move the inputs that are parts of outputs into their buffers, and return which these are."""
    moved = set()
    for alias in facts.aliases:
        call = facts.call
        source, output = call.inputs[alias.input], call.outputs[alias.output]
        to = Place(output.name, alias.offset)
        fits = 0 <= alias.offset <= output.bytes - source.bytes
        new = places.of[output.name] == Place(output.name)
        if fits and new and to.is_aligned and places.is_movable(source, fixed):
            places.move(source.name, to)
            moved.add(alias)
    return frozenset(moved)
