"""Put into order what exporters leave out or aside, and what ONNX's checker would call damage."""

from __future__ import annotations

import contextlib
from types import ModuleType
from typing import Any

STANDARD = ("", "ai.onnx")
OLDEST = 6  # the opset to which older ones are raised
_FLOAT = 1  # the element type, which nothing reads of outputs


def mend(model: Any, newest: int) -> None:  # noqa: ANN401 - a ModelProto
    """Change a model in memory.

    Nodes are put behind those that they read, domains get the version that they lack, and what is
    known of tensors between nodes, which nothing reads, is dropped.

    Args:
        model: The model.
        newest: The version for ONNX's own operators, if the model has none of them.
    """
    _sort(model.graph)
    del model.graph.value_info[:]
    for each in model.graph.output:
        if not each.type.WhichOneof("value"):
            each.type.tensor_type.elem_type = _FLOAT
        if each.type.HasField("tensor_type"):
            each.type.tensor_type.shape.SetInParent()  # the checker wants one; nothing reads it
    known = {each.domain for each in model.opset_import}
    used = dict.fromkeys(node.domain for node in model.graph.node)
    for domain in used:
        if domain not in known and domain not in STANDARD:
            model.opset_import.add(domain=domain, version=1)
    if not known.intersection(STANDARD) and not set(used).intersection(STANDARD):
        model.opset_import.add(domain="", version=newest)

    for node in model.graph.node:
        if node.op_type == "Resize":
            _fill(model, node)


def check_texts(model: Any) -> None:  # noqa: ANN401
    """Raise ValueError if a name in a model is no text."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:  # which grows
        names = [graph.name]
        for node in graph.node:
            names += [node.name, node.op_type, node.domain, *node.input, *node.output]
            for each in node.attribute:
                names.append(each.name)
                graphs += [each.g] if each.HasField("g") else []
                graphs += each.graphs
        if hasattr(graph, "initializer"):
            names += [e.name for e in (*graph.initializer, *graph.input, *graph.output)]
        if not all(isinstance(name, str) for name in names):
            raise ValueError("a name is no text")
    if not all(isinstance(each.domain, str) for each in model.opset_import):
        raise ValueError("the name of a domain is no text")


def _fill(model: Any, node: Any) -> None:  # noqa: ANN401
    """Let a Resize read arrays without values where it leaves out inputs, as opset 11 wants."""
    name = "no_values"
    for i in range(1, min(len(node.input), 3)):
        if node.input[i]:
            continue
        node.input[i] = name
        if all(each.name != name for each in model.graph.initializer):
            model.graph.initializer.add(name=name, data_type=_FLOAT, dims=[0])


def _sort(graph: Any) -> None:  # noqa: ANN401 - a GraphProto
    """Put nodes behind those whose outputs they read; a circle is left as it is."""
    made = {name for node in graph.node for name in node.output if name}
    readers: dict[str, list[int]] = {}
    missing = []
    for i, node in enumerate(graph.node):
        wanted = {name for name in node.input if name in made}
        missing.append(len(wanted))
        for name in wanted:
            readers.setdefault(name, []).append(i)
    ready = [i for i, count in enumerate(missing) if not count]
    order = []
    for i in ready:  # which grows
        order.append(i)
        for name in dict.fromkeys(graph.node[i].output):
            for j in readers.get(name, ()):
                missing[j] -= 1
                if not missing[j]:
                    ready.append(j)
    if len(order) < len(graph.node) or not _late(graph):
        return
    nodes = [type(node).FromString(node.SerializeToString()) for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes[i] for i in order)


def _late(graph: Any) -> bool:  # noqa: ANN401
    """Return whether a node reads what one behind it makes."""
    made = {name for node in graph.node for name in node.output if name}
    seen = set[str]()
    for node in graph.node:
        if any(name in made and name not in seen for name in node.input):
            return True
        seen.update(node.output)
    return False


def raised(onnx: ModuleType, model: Any) -> Any:  # noqa: ANN401 - ModelProtos
    """Return a model of an old opset in one that is read, or as it is where that fails."""
    known = {each.name for each in model.graph.input}
    for each in model.graph.initializer:  # which old models have as inputs
        if each.name not in known:
            kind = onnx.helper.make_tensor_value_info(each.name, each.data_type, each.dims)
            model.graph.input.append(kind)
    with contextlib.suppress(Exception):
        return onnx.version_converter.convert_version(model, OLDEST)
    return model
