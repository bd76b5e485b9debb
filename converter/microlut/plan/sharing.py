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
from microlut.plan.kernels import KERNELS, Call, Kernel, calls_of, input_operand, kernel_of
from microlut.plan.places import Place, Places
from microlut.plan.tiles import whole_tile

Kernels = tuple[Kernel[Any, Any], ...]

# Those that can run in place, but then in one tile.
WHOLE_IN_PLACE: Kernels = tuple(kernel for kernel in KERNELS if kernel.whole_in_place)


@dataclass(frozen=True, slots=True)
class Sharing:
    """What shares bytes.

    Attributes:
        sums: By the name of a convolution, the addition that it does itself.
        places: Where every tensor lies.
        whole: Nodes in place, which must do all their channels in one tile.
        in_place: By the name of a node, the inputs that already lie where its output has them.
    """

    sums: Mapping[str, QNode]
    places: Mapping[str, Place]
    whole: set[str]
    in_place: dict[str, frozenset[int]]

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
    places = Places(last_uses(graph), frozenset({graph.inputs[0].name, graph.outputs[0]}))
    places.make(input_operand(graph))
    found = Sharing(sums, places.of, set(), {})
    for step, call in enumerate(calls.values()):
        name = call.output.name
        if name in sums:
            (other,) = (term for term in sums[name].inputs if term != name)
            places.join(call.output, places.of[other])
        elif (view := _view(call, places)) is not None:
            places.join(call.output, view[1])
            found.in_place[name] = frozenset({view[0]})
        elif (written := _overwritten(call, step, places, whole)) is not None:
            places.join(call.output, places.of[written])
            if kernel_of(call.op).whole_in_place:
                found.whole.add(name)
        else:
            places.make(call.output)
            if gather:
                found.in_place[name] = _gather(call, places)
    return found


def find_sums(graph: QuantizedGraph) -> dict[str, QNode]:
    """Return the additions that the convolution just before them can do.

    Nothing else may read the convolution's output, or the other term afterwards; the convolution
    must not read the other term, which it writes over pixel by pixel.
    """
    return _find_sums(graph, calls_of(graph))


def last_uses(graph: QuantizedGraph) -> dict[str, int]:
    """Return, for every tensor, the last step that reads it."""
    uses = {graph.inputs[0].name: 0}
    for step, node in enumerate(graph.nodes):
        uses.setdefault(node.name, step)
        for name in node.inputs:
            uses[name] = step
    uses[graph.outputs[0]] = len(graph.nodes)
    return uses


def _find_sums(graph: QuantizedGraph, calls: Mapping[str, Call[Any]]) -> dict[str, QNode]:
    last, families = last_uses(graph), _families(calls.values())
    sums = {}
    for before, (step, node) in zip(graph.nodes, enumerate(graph.nodes[1:], start=1), strict=False):
        if not isinstance(node.op, QAdd) or not isinstance(before.op, QConv2D):
            continue
        others = [name for name in node.inputs if name != before.name]
        if len(others) != 1 or last[before.name] != step:
            continue
        family = families.get(others[0], {others[0]})
        if before.inputs[0] not in family and max(last[name] for name in family) == step:
            sums[before.name] = node
    return sums


def _families(calls: Iterable[Call[Any]]) -> dict[str, set[str]]:
    """Return, for every tensor that may have bytes in common with others, all of these."""
    families: dict[str, set[str]] = {}
    for call in calls:
        for alias in kernel_of(call.op).aliases(call):
            names = (call.inputs[alias.input].name, call.output.name)
            family = set().union(*(families.get(name, {name}) for name in names))
            families.update(dict.fromkeys(family, family))
    return families


def _view(call: Call[Any], places: Places) -> tuple[int, Place] | None:
    """Return which input holds the whole output, and where."""
    for alias in kernel_of(call.op).aliases(call):
        source = call.inputs[alias.input]
        place = places.of[source.name]
        place = Place(place.buffer, place.offset - alias.offset)
        if 0 <= -alias.offset <= source.size - call.output.size and place.is_aligned:
            return alias.input, place
    return None


def _overwritten(call: Call[Any], step: int, places: Places, whole: Kernels) -> str | None:
    """Return the input that the output is written over, if there is one.

    Its buffer must hold nothing that a later step reads, nor another input at another place. A
    kernel that must do all its channels in one tile must not need more memory for that.
    """
    kernel = kernel_of(call.op)
    if kernel.whole_in_place and (
        kernel not in whole or whole_tile(call).scratch_bytes > call.output.size * 5 // 4
    ):
        return None
    read = {places.of[tensor.name] for tensor in call.inputs}
    for i in kernel.overwrites(call):
        name = call.inputs[i].name
        place = places.of[name]
        alone = all(other == place or other.buffer != place.buffer for other in read)
        if alone and places.is_free(name, step):
            return name
    return None


def _gather(call: Call[Any], places: Places) -> frozenset[int]:
    """Move the inputs that are parts of the output into its buffer, and return which these are."""
    moved = set()
    for alias in kernel_of(call.op).aliases(call):
        source, to = call.inputs[alias.input], Place(call.output.name, alias.offset)
        fits = 0 <= alias.offset <= call.output.size - source.size
        if fits and to.is_aligned and places.is_movable(source):
            places.move(source.name, to)
            moved.add(alias.input)
    return frozenset(moved)
