"""The types of activations: int8 or int16, by tensor.

An operator computes between tensors of one type, that of its output. Where a tensor of the other
type is read, a conversion stands between. They are operators of the float graph, so that ranges,
training and figures know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from microlut.errors import Obstacle, UnsupportedModel, with_obstacles
from microlut.graph.ir import Graph, Node, single
from microlut.graph.passes.rewrite import free_name
from microlut.ops import INTEGER_FORMS
from microlut.ops.base import FloatOp
from microlut.ops.relabel import Relabel
from microlut.ops.requantize import Requantize
from microlut.ops.tensor import Activation
from microlut.quantize.ranges.measure import Ranges

Types = Mapping[str, Activation]


def computes_int16(op: FloatOp | type[FloatOp]) -> bool:
    """Return whether an operator has an integer form between int16 tensors."""
    kind = op.becomes if op.wide is None else op.wide
    return bool(kind) and "int16" in INTEGER_FORMS[kind].dtypes


def without_form(graph: Graph, others: Types) -> Types:
    """Return int8 for all outputs, but others, of operators that have no form for int16."""
    return {
        tensor.name: "int8"
        for node in graph.nodes
        if not computes_int16(node.op)
        for tensor in node.outputs
        if tensor.name not in others
    }


def linked(graph: Graph, types: Types, kind: Activation = "int16") -> Types:
    """Return the types after giving one of them to tensors that share bytes with one of it.

    An input in other units has the bytes of what is computed with, and a state those of its source.
    """
    pairs = [(node.inputs[0], node.output) for node in graph.nodes if isinstance(node.op, Relabel)]
    pairs += [(state.tensor.name, state.source) for state in graph.states]
    found = dict(types)
    for _ in pairs:  # a tensor may be in several
        for pair in pairs:
            if any(found.get(name) == kind for name in pair):
                found.update(dict.fromkeys(pair, kind))
    return found


def with_conversions(graph: Graph, types: Types) -> tuple[Graph, Types]:
    """Return the graph with a conversion where a node reads another type than it makes.

    The types are those of all tensors then, as far as they are not int8. A network of integers
    has its own conversions.

    Raises:
        UnsupportedModel: An operator has no form for its type. All of them are named.
    """
    if graph.exact:
        return graph, types
    _refuse(graph, types)
    found = dict(types)
    taken = {*graph.tensors(), *(node.name for node in graph.nodes)}
    converted: dict[tuple[str, Activation], str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        own, names = types.get(node.output, "int8"), []
        for name in node.inputs:
            if types.get(name, "int8") != own and (name, own) not in converted:
                made = free_name(f"{name}/{own}", taken)
                converted[name, own] = made
                found[made] = own
                nodes.append(single(made, Requantize(), (name,), graph.shape_of(name)))
            names.append(converted[name, own] if types.get(name, "int8") != own else name)
        nodes.append(replace(node, inputs=tuple(names)))
    wide = {name: dtype for name, dtype in found.items() if dtype == "int16"}
    return replace(graph, nodes=tuple(nodes)), wide


def check_types(graph: Graph, ranges: Ranges) -> None:
    """Raise UnsupportedModel unless every operator computes the type of its tensors."""
    if graph.exact:
        return
    _refuse(graph, ranges.types)
    for node in graph.nodes:
        found = {ranges.type_of(name) for name in (*node.inputs, *(t.name for t in node.outputs))}
        if len(found) > 1 and not isinstance(node.op, Requantize):
            raise UnsupportedModel(f"{node.name}: its tensors are both int8 and int16")


def _refuse(graph: Graph, types: Types) -> None:
    obstacles = tuple(
        Obstacle(
            node.name,
            f"layer {node.name!r}",
            f"{type(node.op).__name__} has no form for activations of 16 bits",
            f'give its output 8 bits: "{node.output}" = 8 under [tensors] in microlut.toml',
        )
        for node in graph.nodes
        if types.get(node.output) == "int16" and not computes_int16(node.op)
    )
    if obstacles:
        texts = [each.text for each in obstacles]
        raise with_obstacles(UnsupportedModel, "", texts, obstacles)
