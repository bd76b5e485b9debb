"""Translate a Keras architecture and its arrays into a float graph."""

from __future__ import annotations

from math import prod

from microlut.errors import UnsupportedModel
from microlut.graph.ir import Graph, Node, single
from microlut.importers.keras import options
from microlut.importers.keras.affine import AFFINE
from microlut.importers.keras.config import KerasModel, Layer
from microlut.importers.keras.dropped import DROPPED, is_trained_at_inference
from microlut.importers.keras.known_options import check_options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.operations import is_operation, operation_handler, operation_name
from microlut.importers.keras.topology import BatchShape, LayerCall, Names, Network, flatten
from microlut.ops.arrays import Shape
from microlut.ops.tensor import Tensor
from microlut.support.texts import plain

_LARGEST_TENSOR = 1 << 26
_MOST_NAMED = 5
_HANDLERS = {**LAYERS, **AFFINE, **DROPPED}
_SUPPORTED = sorted({*LAYERS, *AFFINE})


def to_graph(model: KerasModel, name: str) -> Graph:
    """Return the float graph of a Keras model.

    Args:
        model: Architecture and arrays.
        name: Name of the graph.

    Raises:
        UnsupportedModel: A layer or option cannot be converted.
        InvalidInput: Keras would not have written this architecture or these arrays.
    """
    network, names = flatten(model.config, model.source)
    _check_classes(network, model.source)
    inputs = tuple(Tensor(n, _input_shape(n, shape, model.source)) for n, shape in network.inputs)
    tensors = {tensor.name: (tensor.name, tensor.shape) for tensor in inputs}
    nodes: list[Node] = []
    for call in network.calls:
        _check_call(call)
        made = _nodes_of(call, tensors, model, names)
        nodes.extend(made)
        tensors[call.name] = (made[-1].name, made[-1].shape)
    outputs = tuple(tensors[made][0] for made in network.outputs.values())
    return Graph(plain(name), inputs, tuple(nodes), outputs, output_names=tuple(network.outputs))


def _nodes_of(
    call: LayerCall, tensors: dict[str, tuple[str, Shape]], model: KerasModel, names: Names
) -> list[Node]:
    read = [tensors[name] for name in call.inputs]
    if not read:
        raise call.layer.invalid("reads no tensor")
    weights = model.weights.get(call.layer.path, ())
    use = LayerUse(call.layer, tuple(shape for _, shape in read), weights, call.arguments)
    handler = _handler(call.layer)
    assert handler is not None  # _check_classes ensures it
    nodes: list[Node] = []
    for step in handler(use):
        name = names.take(call.name + step.suffix) if step.suffix else call.name
        inputs = tuple(nodes[i].name if i <= PREVIOUS else read[i][0] for i in step.inputs)
        nodes.append(_node(call, name, step, inputs))
    return nodes


def _node(call: LayerCall, name: str, step: Step, inputs: tuple[str, ...]) -> Node:
    if prod(step.shape) > _LARGEST_TENSOR:
        raise call.layer.unsupported(
            f"its output has shape {list(step.shape)}",
            f"tensors may have {_LARGEST_TENSOR} elements: use a smaller model",
        )
    return single(name, step.op, inputs, step.shape)


def _check_call(call: LayerCall) -> None:
    layer = call.layer
    options.check_policy(layer)
    if is_trained_at_inference(layer, call.arguments):
        raise layer.unsupported(
            "is called with training=True", "leave the argument out and save the model again"
        )
    if is_operation(layer):
        return  # its arguments are read by its handler
    check_options(layer)
    extra = [
        key
        for key, value in call.arguments.items()
        if value is not None and key not in ("training", "mask", "name")
    ]
    if extra:
        raise layer.unsupported(
            f"is called with argument {extra[0]}={str(call.arguments[extra[0]])[:40]}",
            "supported are calls with tensors only",
        )


def _handler(layer: Layer) -> Handler | None:
    if layer.is_custom:
        return None
    return operation_handler(layer) if is_operation(layer) else _HANDLERS.get(layer.class_name)


def _kind(layer: Layer) -> str:
    if layer.is_custom:
        return f"custom {layer.class_name}"
    return operation_name(layer) if is_operation(layer) else layer.class_name


def _check_classes(network: Network, source: str) -> None:
    """Refuse all layers without a handler at once, so that users see them together."""
    found: dict[str, str] = {}
    for call in network.calls:
        layer = call.layer
        if _handler(layer) is None:
            found["/".join(layer.path)] = _kind(layer)
    if not found:
        return
    shown = ", ".join(f"{name!r} ({kind})" for name, kind in list(found.items())[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    noun = "layer is" if len(found) == 1 else "layers are"
    raise UnsupportedModel(
        f"{source}: {len(found)} {noun} not supported: {shown}{more}; supported are "
        f"{', '.join(_SUPPORTED)}, and layers that do nothing at inference; rebuild "
        "the model from these, train it again and save it"
    )


def _input_shape(name: str, batch_shape: BatchShape, source: str) -> Shape:
    """Return an input's shape without the batch dimension."""
    shape = batch_shape[1:]
    where = f"{source}: input {name!r}"
    if any(n is None for n in shape):
        shown = ", ".join("?" if n is None else str(n) for n in shape)
        raise UnsupportedModel(
            f"{where}: shape [{shown}] has unknown dimensions; firmware needs them all: build the "
            "model with a fixed input, such as keras.Input((32, 32, 3)), and copy the weights"
        )
    known = tuple(n for n in shape if type(n) is int and 0 < n <= _LARGEST_TENSOR)
    if not shape or len(known) != len(shape):
        raise UnsupportedModel(
            f"{where}: batch shape {list(batch_shape)}; expected [None, height, width, "
            "channels] or [None, features]: build the model with keras.Input(shape)"
        )
    if prod(known) > _LARGEST_TENSOR:
        raise UnsupportedModel(
            f"{where}: shape {list(known)} has more than {_LARGEST_TENSOR} elements; use a smaller "
            "model"
        )
    return known
