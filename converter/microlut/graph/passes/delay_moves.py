"""Move reshapes and transposes behind the operators that can do without them.

A layer over sequences is one over pictures between two reshapes, one with channels first stands
between two transposes. What follows it, such as batch normalization, a ReLU or an addition, can
only be folded into it if nothing stands between them; two transposes that meet are none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from microlut.graph.ir import Graph, Node, single
from microlut.graph.passes.before_moves import before_moves
from microlut.graph.passes.layout import View, inverse, plain
from microlut.graph.passes.rewrite import free_name, rebuild
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.reshape import Reshape
from microlut.ops.transpose import Transpose


def delay_moves(graph: Graph) -> Graph:
    """Return the graph with reshapes and transposes only before operators to which they matter.

    No Reshape reads a Reshape or keeps its input's shape, and no Transpose keeps its order.
    """
    views = _Views(set(graph.tensors()))
    shapes = {name: tensor.shape for name, tensor in graph.tensors().items()}
    views.shown = {tensor.name: plain(tensor.name, tensor.shape) for tensor in graph.given()}
    for node in graph.nodes:
        read = [views.shown[name] for name in node.inputs]
        moved = views.moved(node.op, read[0])
        if moved is not None:
            views.shown[node.name] = moved
            views.names.setdefault(moved, node.name)
            continue
        found = before_moves(node.op, read, views.there)
        op, wanted = (node.op, read) if found is None else (found.op, found.read)
        inputs = tuple(views.made(view) for view in wanted)
        made = node.outputs
        if found is not None:
            made = (replace(made[0], shape=found.made.base),)
            views.shown[node.name] = replace(found.made, tensor=node.name)
        else:
            views.shown.update({each.name: plain(each.name, each.shape) for each in made})
        views.nodes.append(replace(node, op=op, inputs=inputs, outputs=made))
    ends = {
        name: views.made(views.shown[name].reshaped(shapes[name]))
        for name in (*graph.outputs, *(state.source for state in graph.states))
    }
    outputs = tuple(ends[name] for name in graph.outputs)
    states = tuple(replace(state, source=ends[state.source]) for state in graph.states)
    return rebuild(replace(graph, outputs=outputs, states=states), views.nodes, {})


@dataclass(slots=True)
class _Views:
    """The rewrite so far.

    Attributes:
        taken: Names of tensors.
        shown: The view of each tensor of the old graph.
        names: Names for the tensors that views become.
        there: Views that are tensors already.
        nodes: The new nodes.
    """

    taken: set[str]
    shown: dict[str, View] = field(default_factory=dict)
    names: dict[View, str] = field(default_factory=dict)
    there: set[View] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)

    def moved(self, op: FloatOp, view: View) -> View | None:
        """Return the view that a reshape or transpose makes of one; None for other operators."""
        if isinstance(op, Reshape):
            return view.reshaped(op.shape)
        if not isinstance(op, Transpose):
            return None
        return view.transposed(op.order) or plain(self.made(view), view.shape).transposed(op.order)

    def made(self, view: View) -> str:
        """Return the name of the tensor that a view becomes, after adding it if need be."""
        if view.in_order and view.base == view.shape:
            return view.tensor
        if view not in self.there:
            self.there.add(view)
            self._add(view)
        return self.names[view]

    def _add(self, view: View) -> None:
        if view not in self.names:
            self.names[view] = free_name(f"{view.tensor}_view", self.taken)
        op: FloatOp = Reshape(view.shape)
        before, order = view.as_laid(view.base), view.dimensions()
        if not view.in_order and order is not None:
            before = view.as_laid(_ordered(view.shape, order))
            op = Transpose(inverse(order))
        elif not view.in_order:
            before = view.reshaped(_ordered(view.sizes, view.order))
        self.nodes.append(single(self.names[view], op, (self.made(before),), view.shape))


def _ordered(shape: Shape, order: tuple[int, ...]) -> Shape:
    return tuple(shape[i] for i in order)
