"""Decide which tensors share bytes, and where each lies in its buffer.

A tensor takes over the bytes of another one where it is the same bytes (a reshape), where a kernel
may write over its input, and where a convolution adds its outputs to another tensor itself. Tensors
are made side by side in one buffer where an operator would only copy them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


def find_sharing(
    graph: QuantizedGraph, whole: Kernels = WHOLE_IN_PLACE, gather: bool = True
) -> Sharing:
    """Decide what shares bytes, node by node in execution order.

    Args:
        graph: The network.
        whole: Which of `WHOLE_IN_PLACE` may run in place: that saves a tensor, but takes scratch
            for all of a layer's channels.
        gather: Whether inputs may be made inside the output that they are parts of: that saves
            copies, but the whole output takes memory from its first part on.
    """
    calls = calls_of(graph)
    sums = _find_sums(graph, calls)
    places = Places(last_uses(graph), heirs(graph, calls))
    for tensor in graph.given():
        places.make(tensor, 0)
    found = Sharing(sums, places.of, set(), {})
    fixed = frozenset((*graph.outputs, *(tensor.name for tensor in graph.given())))
    for step, (name, call) in enumerate(calls.items()):
        if name in sums:
            (other,) = (term for term in sums[name].inputs if term != call.output.name)
            places.join(call.output, places.of[other])
            continue
        views = _join_views(call, places)
        written = _overwritten(call, step, places, whole)
        for tensor in call.outputs:
            if tensor.name in places.of:
                continue
            if tensor == call.output and written is not None:
                places.join(tensor, places.of[written])
                if kernel_for(call).whole_in_place:
                    found.whole.add(name)
            else:
                places.make(tensor, step)
        gathered = _gather(call, places, fixed) if gather else frozenset()
        found.in_place[name] = views | gathered
    inherit(graph, places)
    return found


def find_sums(graph: QuantizedGraph) -> dict[str, QNode]:
    """Return the additions that the convolution just before them can do.

    Nothing else may read the convolution's output, or the other term afterwards; the convolution
    must not read the other term, which it writes over pixel by pixel.
    """
    return _find_sums(graph, calls_of(graph))


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


def _find_sums(graph: QuantizedGraph, calls: Mapping[str, Call[Any]]) -> dict[str, QNode]:
    last, families = last_uses(graph), _families(calls.values())
    admitted = heirs(graph, calls)
    sums = {}
    for before, (step, node) in zip(graph.nodes, enumerate(graph.nodes[1:], start=1), strict=False):
        if not isinstance(node.op, QAdd) or not isinstance(before.op, QConv2D):
            continue
        others = [name for name in node.inputs if name != before.output]
        if len(others) != 1 or last[before.output] != step:
            continue
        family = families.get(others[0], {others[0]})
        kept = any(node.output not in admitted.get(name, {node.output}) for name in family)
        free = max(last[name] for name in family) == step and not kept
        if free and before.inputs[0] not in family:
            sums[before.name] = node
    return sums


def _families(calls: Iterable[Call[Any]]) -> dict[str, set[str]]:
    """Return, for every tensor that may have bytes in common with others, all of these."""
    families: dict[str, set[str]] = {}
    for call in calls:
        for alias in kernel_for(call).aliases(call):
            names = (call.inputs[alias.input].name, call.outputs[alias.output].name)
            family = set().union(*(families.get(name, {name}) for name in names))
            families.update(dict.fromkeys(family, family))
    return families


def _join_views(call: Call[Any], places: Places) -> frozenset[Alias]:
    """Put the outputs that inputs hold into these, and return which aliases say so."""
    joined = set()
    for alias in kernel_for(call).aliases(call):
        source, output = call.inputs[alias.input], call.outputs[alias.output]
        place = places.of[source.name]
        place = Place(place.buffer, place.offset - alias.offset)
        inside = 0 <= -alias.offset <= source.bytes - output.bytes
        if inside and place.is_aligned and output.name not in places.of:
            places.join(output, place)
            joined.add(alias)
    return frozenset(joined)


def _overwritten(call: Call[Any], step: int, places: Places, whole: Kernels) -> str | None:
    """Return the input that the first output is written over, if there is one.

    Its buffer must hold nothing that a later step reads, nor another input at another place. A
    kernel that needs a tile of many channels for that must not need more memory then. States come
    first: no other tensor can take their bytes.
    """
    kernel = kernel_for(call)
    if kernel.whole_in_place and (
        kernel not in whole or _least_in_place(call) > call.output.bytes * 5 // 4
    ):
        return None
    read = {places.of[tensor.name] for tensor in call.inputs}
    names = [call.inputs[i].name for i in kernel.overwrites(call)]
    for name in sorted(names, key=lambda name: not places.is_of_state(name)):
        place = places.of[name]
        alone = all(other == place or other.buffer != place.buffer for other in read)
        if alone and places.is_free(name, step, call.output.name):
            return name
    return None


def _least_in_place(call: Call[Any]) -> int:
    """Return the scratch that a call in place takes at least."""
    return min(tile.scratch_bytes for tile in kernel_for(call).tiles_in_place(call))


def _gather(call: Call[Any], places: Places, fixed: frozenset[str]) -> frozenset[Alias]:
    """Move the inputs that are parts of outputs into their buffers, and return which these are."""
    moved = set()
    for alias in kernel_for(call).aliases(call):
        source, output = call.inputs[alias.input], call.outputs[alias.output]
        to = Place(output.name, alias.offset)
        fits = 0 <= alias.offset <= output.bytes - source.bytes
        new = places.of[output.name] == Place(output.name)
        if fits and new and to.is_aligned and places.is_movable(source, fixed):
            places.move(source.name, to)
            moved.add(alias)
    return frozenset(moved)
