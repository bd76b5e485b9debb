"""Move reshapes behind the operators that do not mind them.

A layer over sequences is one over pictures between two reshapes. What follows it, such as batch
normalization, a ReLU or an addition, can only be folded into it if nothing stands between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from microlut.graph.ir import Graph, Node, single
from microlut.graph.passes.rewrite import free_name, rebuild
from microlut.ops.add import Add
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape


def delay_reshapes(graph: Graph) -> Graph:
    """Return the graph with reshapes only before operators to which the shape matters.

    No Reshape reads a Reshape or keeps its input's shape.
    """
    views = _Views(set(graph.tensors()))
    shapes = {name: tensor.shape for name, tensor in graph.tensors().items()}
    views.shown = {tensor.name: _View(tensor.name, tensor.shape) for tensor in graph.given()}
    for node in graph.nodes:
        read = [views.shown[name] for name in node.inputs]
        if isinstance(node.op, Reshape):
            views.shown[node.name] = read[0]
            views.names.setdefault((read[0].tensor, node.shape), node.name)
            continue
        seen = [shapes[name] for name in node.inputs]
        shape = _earlier_shape(node.op, read, seen)
        inputs = tuple(
            views.made(view, wanted)
            for view, wanted in zip(
                read, seen if shape is None else [shape] * len(read), strict=True
            )
        )
        made = node.outputs if shape is None else (replace(node.outputs[0], shape=shape),)
        views.nodes.append(replace(node, inputs=inputs, outputs=made))
        views.shown.update({tensor.name: _View(tensor.name, tensor.shape) for tensor in made})
    ends = {
        name: views.made(views.shown[name], shapes[name])
        for name in (*graph.outputs, *(state.source for state in graph.states))
    }
    outputs = tuple(ends[name] for name in graph.outputs)
    states = tuple(replace(state, source=ends[state.source]) for state in graph.states)
    return rebuild(replace(graph, outputs=outputs, states=states), views.nodes, {})


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor as it is computed, whatever the shape in which others see it."""

    tensor: str
    shape: Shape


@dataclass(slots=True)
class _Views:
    """The rewrite so far.

    Attributes:
        taken: Names of tensors.
        shown: The view of each tensor of the old graph.
        names: Names for reshapes of a tensor to a shape.
        nodes: The new nodes.
    """

    taken: set[str]
    shown: dict[str, _View] = field(default_factory=dict)
    names: dict[tuple[str, Shape], str] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    _there: set[tuple[str, Shape]] = field(default_factory=set)

    def made(self, view: _View, shape: Shape) -> str:
        """Return the name of a view's tensor in a shape, after adding a reshape if need be."""
        if view.shape == shape:
            return view.tensor
        key = view.tensor, shape
        if key not in self.names:
            self.names[key] = free_name(f"{view.tensor}_view", self.taken)
        if key not in self._there:
            self._there.add(key)
            self.nodes.append(single(self.names[key], Reshape(shape), (view.tensor,), shape))
        return self.names[key]


def _earlier_shape(op: FloatOp, read: list[_View], seen: list[Shape]) -> Shape | None:
    """Return the shape before reshapes for which the operator does the same, or None.

    Of several, it is that of the most dimensions, since pictures come from convolutions.
    """
    if any(shape != seen[0] for shape in seen):
        return None
    earlier = max((view.shape for view in read), key=len)
    sums = isinstance(op, Add) and op.constant is None  # a constant has dimensions of its own
    by_value = isinstance(op, Relu) or sums or op.becomes == "table"
    by_channel = isinstance(op, BatchNorm) and earlier[-1] == seen[0][-1]
    return earlier if by_value or by_channel else None
