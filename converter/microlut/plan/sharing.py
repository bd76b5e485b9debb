"""Decide which kernels write over one of their inputs.

Two of them are choices of the plan, not of the quantized graph: a convolution whose outputs are
added to another tensor adds them there itself, and some layers can run in place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from microlut.integer import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.plan.kernels import KERNELS, Kernel, call_of, kernel_of
from microlut.plan.tiles import whole_tile

Kernels = tuple[Kernel[Any, Any], ...]

# Those that can run in place, but then in one tile.
WHOLE_IN_PLACE: Kernels = tuple(kernel for kernel in KERNELS if kernel.whole_in_place)


@dataclass(frozen=True, slots=True)
class Sharing:
    """What shares bytes.

    Attributes:
        sums: By the name of a convolution, the addition that it does itself.
        input_of: By the name of a node, the input whose bytes its output takes over.
        whole: Nodes in place, which must do all their channels in one tile.
    """

    sums: Mapping[str, QNode]
    input_of: Mapping[str, str]
    whole: frozenset[str]

    @property
    def merged(self) -> frozenset[str]:
        """Names of the additions that convolutions do."""
        return frozenset(node.name for node in self.sums.values())


def find_sharing(graph: QuantizedGraph, in_place: Kernels = WHOLE_IN_PLACE) -> Sharing:
    """Decide what shares bytes, node by node in execution order.

    Args:
        graph: The network.
        in_place: Which of `WHOLE_IN_PLACE` may run in place: that saves a tensor, but takes scratch
            for all of a layer's channels.
    """
    sums, input_of, whole = find_sums(graph), dict[str, str](), set[str]()
    last = last_uses(graph)
    owner = {graph.inputs[0].name: graph.inputs[0].name}
    for step, node in enumerate(graph.nodes):
        shared = None
        if node.name in sums:
            (shared,) = (name for name in sums[node.name].inputs if name != node.name)
        else:
            kernel = kernel_of(node.op)
            if not kernel.whole_in_place or kernel in in_place:
                dead = {name for name in node.inputs if last[owner[name]] == step}
                shared = _taken_over(graph, node, dead)
            if shared is not None and kernel.whole_in_place:
                whole.add(node.name)
        owner[node.name] = node.name
        if shared is not None:
            input_of[node.name] = shared
            owner[node.name] = owner[shared]
            last[owner[shared]] = max(last[owner[shared]], last[node.name])
    return Sharing(sums, input_of, frozenset(whole))


def find_sums(graph: QuantizedGraph) -> dict[str, QNode]:
    """Return the additions that the convolution just before them can do.

    Nothing else may read the convolution's output, or the other term afterwards; the convolution
    must not read the other term, which it writes over pixel by pixel.
    """
    last = last_uses(graph)
    roots = _roots(graph)
    sums = {}
    for step in range(1, len(graph.nodes)):
        before, node = graph.nodes[step - 1 : step + 1]
        if not isinstance(node.op, QAdd) or not isinstance(before.op, QConv2D):
            continue
        others = [name for name in node.inputs if name != before.name]
        if len(others) != 1 or last[before.name] != step:
            continue
        family = [name for name, root in roots.items() if root == roots[others[0]]]
        if before.inputs[0] not in family and max(last[name] for name in family) == step:
            sums[before.name] = node
    return sums


def last_uses(graph: QuantizedGraph) -> dict[str, int]:
    """Return, for every tensor, the last step that reads it."""
    uses = {graph.inputs[0].name: 0}
    for step, node in enumerate(graph.nodes):
        uses.setdefault(node.name, step)
        for name in node.inputs:
            uses[name] = step
    uses[graph.outputs[0]] = len(graph.nodes)
    return uses


def _roots(graph: QuantizedGraph) -> dict[str, str]:
    """Return, for every tensor, the tensor that it is a view of."""
    roots = {graph.inputs[0].name: graph.inputs[0].name}
    for node in graph.nodes:
        viewed = _viewed(graph, node)
        roots[node.name] = node.name if viewed is None else roots[viewed]
    return roots


def _viewed(graph: QuantizedGraph, node: QNode) -> str | None:
    """Return the input that the output is a view of, if there is one."""
    aliases = kernel_of(node.op).aliases(call_of(graph, node))
    return next((node.inputs[alias.input] for alias in aliases), None)


def _taken_over(graph: QuantizedGraph, node: QNode, dead: Collection[str]) -> str | None:
    """Return the input whose bytes the node's output may take over, if there is one.

    Bytes that are written over must hold nothing that a later step still reads: they must be dead.
    """
    viewed = _viewed(graph, node)
    if viewed is not None:
        return viewed
    kernel, call = kernel_of(node.op), call_of(graph, node)
    for i in kernel.overwrites(call):
        if node.inputs[i] in dead:
            if not kernel.whole_in_place:
                return node.inputs[i]
            # Running in place must not need more memory because of the whole tile.
            if whole_tile(call).scratch_bytes <= call.output.size * 5 // 4:
                return node.inputs[i]
    return None
