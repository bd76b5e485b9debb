"""What is in an ONNX model: operators, arrays and the sizes of its inputs, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from microlut.importers.onnx.file import array_of, library
from microlut.importers.onnx.mending import STANDARD
from microlut.importers.onnx.node import Operator
from microlut.importers.onnx.values import Constant
from microlut.support.texts import plain


def sizes_of(model: Any) -> list[list[int | None]]:  # noqa: ANN401
    """Return the sizes of all inputs, None for those that are left open."""
    arrays = {each.name for each in model.graph.initializer}
    shapes = [e.type.tensor_type.shape for e in model.graph.input if e.name not in arrays]
    return [[d.dim_value if d.HasField("dim_value") else None for d in s.dim] for s in shapes]


def is_empty(each: Any) -> bool:  # noqa: ANN401
    """Return whether an input has no values, such as the region of a Resize."""
    dims = each.type.tensor_type.shape.dim
    return len(dims) == 1 and dims[0].HasField("dim_value") and not dims[0].dim_value


def plain_array(array: Any) -> Constant:  # noqa: ANN401
    """Return an array of a type that NumPy itself has: bfloat16 becomes float32."""
    known = array.dtype.kind in "biufcUSO" and array.dtype.name != "bfloat16"
    return np.asarray(array if known else array.astype(np.float32))


def versions_of(model: Any) -> Mapping[str, int]:  # noqa: ANN401
    """Return the versions of the operators of each domain, in a ModelProto."""
    found = {each.domain: each.version for each in model.opset_import}
    return {**found, "": found.get("", found.get("ai.onnx", 0))}


def names_read(graph: Any) -> set[str]:  # noqa: ANN401
    """Return the tensors that the nodes of a GraphProto read, or its outputs are."""
    found = {each.name for each in graph.output}
    for node in graph.node:
        found.update(node.input)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= names_read(attribute.g)
    return found


def chosen_branch(operator: Operator, condition: object) -> Any | None:  # noqa: ANN401
    """Return the network that an If with a constant condition chooses; None of others."""
    if (operator.kind, operator.domain) != ("If", "") or not isinstance(condition, np.ndarray):
        return None
    return operator.attributes.get("then_branch" if condition.any() else "else_branch")


def operators_of(graph: Any, versions: Mapping[str, int], source: str) -> Iterator[Operator]:  # noqa: ANN401
    """Yield the operators of a GraphProto."""
    onnx = library()
    for node in graph.node:
        first = next(filter(None, node.output), node.op_type)
        domain = "" if node.domain in STANDARD else node.domain
        attributes = {
            each.name: _attribute(onnx.helper.get_attribute_value(each), source)
            for each in node.attribute
        }
        yield Operator(
            plain(node.name or first),
            node.op_type,
            tuple(node.input),
            tuple(node.output),
            attributes,
            versions.get(domain, 1),
            domain,
        )


def _attribute(value: Any, source: str) -> Any:  # noqa: ANN401
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | tuple):
        return [_attribute(each, source) for each in value]
    if type(value).__name__ == "TensorProto":
        return array_of(value, source)
    return value
