"""Check the call of a layer as far as that is possible without knowing any shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from microlut.errors import UnsupportedModel
from microlut.importers.keras import options
from microlut.importers.keras.activations import activation
from microlut.importers.keras.affine import AFFINE
from microlut.importers.keras.calls import LayerCall
from microlut.importers.keras.config import Layer, stepwise
from microlut.importers.keras.dropped import DROPPED, is_trained_at_inference
from microlut.importers.keras.folded_classes import FOLDED_CLASSES
from microlut.importers.keras.known_options import unknown_options
from microlut.importers.keras.layer_use import Handler
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.operations import is_operation, operation_handler, operation_name
from microlut.importers.keras.quantized_classes import QUANTIZED_CLASSES, own_activation
from microlut.importers.keras.recurrent import RECURRENT
from microlut.importers.keras.temporal import TEMPORAL
from microlut.importers.keras.time_distributed import TIME_DISTRIBUTED
from microlut.importers.obstacles import Collected
from microlut.ops.arrays import Shape

HANDLERS = {
    **LAYERS,
    **RECURRENT,
    **AFFINE,
    **DROPPED,
    **TIME_DISTRIBUTED,
    **QUANTIZED_CLASSES,
    **FOLDED_CLASSES,
    **TEMPORAL,
}
SUPPORTED = tuple(sorted({*LAYERS, *RECURRENT, *AFFINE, *TIME_DISTRIBUTED}))
NOT_SUPPORTED = "the class is not supported"
_ANY_SHAPE = (1,)  # named activations do not depend on it
# Operations with several outputs, by their names in Keras 3 and in TensorFlow.
_SPLITS = frozenset({"Split", "Unstack", "split", "unstack"})
# What to do about classes that have no rewrite, by the first that matches.
_REBUILD = "rebuild the model without it, train it again and save it"
_IF_OWN = "; if it is your own and does nothing at inference, say so: --custom {}=Identity"
_ADVICE = {
    "Lambda": "code in files is never run: write the function with layers or keras.ops, or say "
    "what it computes, such as --custom NAME='x / 255'",
    **dict.fromkeys(
        ("TFOpLambda", "SlicingOpLambda"),
        "write the function with layers, or with arithmetic and functions that are supported",
    ),
    "Embedding": "the firmware reads no indices: let your program look up the layer's rows, and "
    "give the model the vectors as its input",
    **dict.fromkeys(
        ("AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"),
        "there is no product of two tensors' rows: use convolutions or a recurrent layer instead, "
        "and train the model again",
    ),
    "FixedPointQuantizer": "channels that have bits of their own and overflow, as HGQ makes them, "
    "are not read: train the model of Keras's layers, for which microlut chooses bits and ranges",
    **dict.fromkeys(
        ("QBidirectional", "QGRU", "QLSTM", "QSimpleRNN"),
        "QKeras rounds its state in every step, to bits that no kernel here has: train the layer "
        "of Keras, for which microlut chooses bits and ranges",
    ),
    "Masking": "supported are sequences of one length: leave it out, and train the model again",
}


def handler_of(layer: Layer) -> Handler | None:
    """Return the function that translates a layer, or None if its class is not supported."""
    if layer.is_custom:
        return None
    return operation_handler(layer) if is_operation(layer) else HANDLERS.get(layer.class_name)


def kind_of(layer: Layer) -> str:
    """Return the class of a layer, or the name of an operation, as users know it."""
    if layer.is_custom:
        return f"custom {layer.class_name}"
    return operation_name(layer) if is_operation(layer) else layer.class_name


def check_call(call: LayerCall, collected: Collected) -> None:
    """Collect the obstacles of a call that do not depend on shapes.

    They are independent of each other, so that one does not hide the next.
    """
    for error in _errors(call):
        collected.add(error.obstacles)
    layer = call.layer
    collected.check(layer, lambda: options.check_policy(layer))


def with_sound_activation(layer: Layer, shape: Shape | None, collected: Collected) -> Layer:
    """Return a layer, without its activation if that is an obstacle, which hides no other one then.

    Args:
        layer: A layer that has a handler.
        shape: Shape of its input, if known.
        collected: Where the obstacle is added.
    """
    value = layer.config.get("activation")
    if value is None or layer.class_name in RECURRENT or is_operation(layer):
        return layer  # recurrent layers have two, which their handler reads
    if own_activation(layer) or (shape is None and not isinstance(value, str)):
        return layer
    if collected.check(layer, lambda: activation(layer, shape or _ANY_SHAPE)):
        return layer
    return replace(layer, config={**layer.config, "activation": None})


def _errors(call: LayerCall) -> Iterator[UnsupportedModel]:
    layer = call.layer
    inner, _ = stepwise(layer)
    if handler_of(inner) is None:
        yield _class_error(inner)
        return
    if is_trained_at_inference(inner, call.arguments):
        yield layer.unsupported(
            "is called with training=True", "leave the argument out and save the model again"
        )
    if call.output and not _is_split(inner):
        yield layer.unsupported(
            f"its output {call.output} is read", "supported is the first output of a layer"
        )
    if is_operation(inner):
        return  # its arguments are read by its handler
    yield from unknown_options(layer)
    for key, value in call.arguments.items():
        if value is not None and key not in ("training", "mask", "name"):
            yield layer.unsupported(
                f"is called with argument {key}={str(value)[:40]}",
                "supported are calls with tensors only",
            )


def _is_split(layer: Layer) -> bool:
    """Return whether this is a layer or an operation with several outputs."""
    if layer.class_name == "Bidirectional":
        return layer.config.get("merge_mode", "") is None
    return layer.class_name in _SPLITS or layer.config.get("function") in _SPLITS


def _class_error(layer: Layer) -> UnsupportedModel:
    kind = kind_of(layer)
    advice = _ADVICE.get(layer.class_name, _REBUILD)
    if (
        advice == _REBUILD and "module" not in layer.entry
    ):  # an .h5 file, which tells no classes apart
        advice += _IF_OWN.format(layer.class_name)
    if layer.is_custom:
        advice = (
            "a class of your own may compute anything: build the model from Keras's layers, or if "
            f"it only has another name, say so, such as --custom {layer.class_name}=Conv2D"
        )
    shown = "" if kind == layer.class_name else f"{kind}: "
    return layer.unsupported(f"{shown}{NOT_SUPPORTED}", advice)
