"""Which kernels write over one of their inputs: quantized graph in, decisions out.

Two of them are choices of the plan, not of the quantized graph: a convolution whose outputs are
added to another tensor adds them there itself, and some layers can run in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microlut.integer import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.relu import QClamp
from microlut.ops.reshape import QReshape
from microlut.plan.scratch import whole_tile

# The layers that can run in place, but then in one tile.
WHOLE_IN_PLACE: tuple[type, ...] = (QConv2D, QDepthwiseConv2D)


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


def find_sharing(graph: QuantizedGraph, in_place: tuple[type, ...] = WHOLE_IN_PLACE) -> Sharing:
    """Decide what shares bytes, node by node in execution order.

    Args:
        graph: The network.
        in_place: Which layers with weights may run in place: that saves a tensor, but takes scratch
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
            weighted = isinstance(node.op, WHOLE_IN_PLACE)
            if not weighted or isinstance(node.op, in_place):
                shared = _taken_over(graph, node, step, last, owner)
            if shared is not None and weighted:
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
        roots[node.name] = roots[node.inputs[0]] if isinstance(node.op, QReshape) else node.name
    return roots


def _taken_over(
    graph: QuantizedGraph,
    node: QNode,
    step: int,
    last: Mapping[str, int],
    owner: Mapping[str, str],
) -> str | None:
    """Return the input whose bytes the node's output may take over, if there is one."""
    match node.op:
        case QReshape():
            return node.inputs[0]
        case QAdd() | QClamp():
            # The bytes must hold nothing that a later step still reads.
            return next((name for name in node.inputs if last[owner[name]] == step), None)
        case QConv2D() | QDepthwiseConv2D():
            source = node.inputs[0]
            if last[owner[source]] == step and _runs_in_place(graph, node):
                return source
    return None


def _runs_in_place(graph: QuantizedGraph, node: QNode) -> bool:
    """Return whether a layer may overwrite its input, and needs no more memory for doing so."""
    shape, op = graph.shape_of(node.inputs[0]), node.op
    match op:
        case QConv2D(window=window):
            simple = window.size == window.strides == (1, 1) and not window.padding
            fits = simple and node.shape[-1] <= shape[-1]
        case _:
            fits = node.shape == shape
    pixels = shape[0] * shape[1]
    return fits and whole_tile(op, node.shape).scratch_bytes <= pixels * node.shape[-1] * 5 // 4
