"""Check that the parts of a quantized graph fit each other, as the engine takes for granted.

The quantization stage makes no other graphs; a file that was edited or damaged may hold one.
"""

from __future__ import annotations

import numpy as np

from microlut.integer.compact import compact_stage
from microlut.integer.graph import QNode, QuantizedGraph
from microlut.integer.stream import check_stream
from microlut.ops.arrays import Shape
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.linear import QLinear
from microlut.ops.reshape import QReshape
from microlut.ops.tensor import Tensor
from microlut.ops.weighted import QWeighted
from microlut.support.texts import is_plain, visible

_SMALLEST_SCALE = float(np.finfo(np.float32).smallest_subnormal)
_LARGEST_SCALE = float(np.finfo(np.float32).max)


def check_graph(graph: QuantizedGraph) -> None:
    """Raise ValueError, saying where, unless the engine can run this graph."""
    texts = (graph.name, graph.source, graph.source_sha256)
    _demand("the graph", all(map(is_plain, texts)), "its names")
    _demand("the graph", len(graph.inputs) > 0 and len(graph.outputs) > 0, "its ends")
    ends = graph.output_names or graph.outputs
    sound = len(graph.outputs) == len(ends) == len(set(ends)) and all(map(is_plain, ends))
    _demand("the graph", sound, "the names of its outputs")
    _demand(
        "the graph",
        all(text and is_plain(text) for text in graph.class_names),
        "the names of its classes",
    )
    known: dict[str, Tensor] = {}
    names: set[str] = set()
    for tensor in graph.given():
        _check_tensor(tensor.name, tensor, known)
        _check_features(graph, tensor)
    for node in graph.nodes:
        _demand(node.name, is_plain(node.name), "its name")
        _demand(node.name, node.name not in names, "its name, which another layer has,")
        _demand(node.name, all(name in known for name in node.inputs), "its inputs")
        names.add(node.name)
        inputs = [known[name] for name in node.inputs]
        for tensor in node.outputs:
            _check_tensor(node.name, tensor, known)
            _demand(node.name, tensor.quantized.features is None, "its scales")
        _check_node(node, inputs)
    for name in graph.outputs:
        _demand(name, name in known, "the graph's output")
    for state in graph.states:
        source = known.get(state.source)
        like = source is not None and _like(source, state.tensor)
        _demand(state.tensor.name, like, "the tensor that updates it")
    sizes = {known[name].shape[-1] for name in graph.outputs}
    _demand(
        "the graph",
        not graph.class_names or len(graph.class_names) in sizes,
        "the names of its classes",
    )
    check_stream(graph)


def _like(a: Tensor, b: Tensor) -> bool:
    return (a.shape, a.dtype, a.quantization) == (b.shape, b.dtype, b.quantization)


def _demand(where: str, sound: bool, what: str) -> None:
    if not sound:
        raise ValueError(f"{visible(where)}: {what} cannot be right")


def _check_tensor(where: str, tensor: Tensor, known: dict[str, Tensor]) -> None:
    """Check a tensor by itself, and add it to the known ones."""
    _demand(where, is_plain(tensor.name), "its name")
    _demand(where, tensor.name not in known, "its name, which another tensor has,")
    _demand(where, _is_shape(tensor.shape), "its shape")
    sound = tensor.dtype in ("int8", "int16") and tensor.quantization is not None
    _demand(where, sound, "its type")
    _demand(where, _SMALLEST_SCALE <= tensor.scale <= _LARGEST_SCALE, "its scale")
    sound = tensor.dtype == "int8" and -128 <= tensor.zero_point <= 127
    _demand(where, sound or tensor.zero_point == 0, "its zero point")
    known[tensor.name] = tensor


def _check_features(graph: QuantizedGraph, tensor: Tensor) -> None:
    """Check the scales of an input's features, with which no kernel computes."""
    features = tensor.quantized.features
    if features is None:
        return
    readers = (node.op for node in graph.consumers(tensor.name))
    sound = tensor in graph.inputs and tensor.name not in graph.kept()
    _demand(tensor.name, sound and all(isinstance(op, QReshape) for op in readers), "its reader")
    counts = {len(features.scales), len(features.origins)}
    _demand(tensor.name, counts in ({1}, {tensor.shape[-1]}), "the number of its scales")
    scales = np.abs(features.scales)
    sound = bool(np.all((scales >= _SMALLEST_SCALE) & (scales <= _LARGEST_SCALE)))
    _demand(tensor.name, sound and bool(np.isfinite(features.origins).all()), "its scales")


def _is_shape(shape: Shape) -> bool:
    return len(shape) > 0 and all(n > 0 for n in shape)


def _check_node(node: QNode, inputs: list[Tensor]) -> None:
    """Check an operator, and the shapes and types of what it makes."""
    where, op = node.name, node.op
    for tensor in (*inputs, *node.outputs):
        _demand(where, tensor.dtype in op.dtypes, f"the type {tensor.dtype} of its tensors")
    types = {tensor.dtype for tensor in (*inputs, *node.outputs)}
    _demand(where, len(types) == 1 or op.mixes_types, "the types of its tensors")
    try:
        shapes = op.shapes([tensor.shape for tensor in inputs])
    except ValueError as error:
        raise ValueError(f"{visible(where)}: it {error}, which cannot be right") from error
    _demand(where, shapes == tuple(tensor.shape for tensor in node.outputs), "its shape")
    try:
        op.check(inputs, node.outputs)
    except ValueError as error:
        raise ValueError(f"{visible(where)}: {error} cannot be right") from error
    if isinstance(op, QWeighted) and op.weights.coded:
        kind = isinstance(op, QConv2D | QDense) and node.outputs[0].dtype == "int8"
        _demand(where, kind, "the coding of its indices")
    if isinstance(op, QLinear):
        _check_encoding(node, op, inputs[0])


def _check_encoding(node: QNode, op: QLinear, x: Tensor) -> None:
    """Check that flash can hold the layer's scales, and that they give its multipliers."""
    try:
        compact_stage(op, x.quantized, node.quantization)
    except ValueError as error:
        raise ValueError(f"{visible(node.name)}: {error}") from error
