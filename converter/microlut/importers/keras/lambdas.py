"""Turn Lambda layers into operations on tensors, where it is certain what they compute."""

from __future__ import annotations

from dataclasses import replace

from microlut.importers.keras.bytecode import function_of
from microlut.importers.keras.calls import LayerCall, Names
from microlut.importers.keras.config import KERAS_MODULES, Json, Layer
from microlut.importers.keras.custom import EXPRESSION
from microlut.importers.keras.expressions import (
    ACTIVATION,
    Computation,
    Operation,
    Tensor,
    computation,
    tensors_in,
)

_LAMBDA = "Lambda"
_FUNCTION_CLASSES = ("function", "__lambda__")


def meaning_of(layer: Layer, inputs: int) -> Computation | None:
    """Return what a layer computes if it is a Lambda or Expression; None if that is not known.

    A function's name counts if it is TensorFlow's or Keras's. Byte code counts if it consists of
    arithmetic, subscripts and functions of these modules, by the names that all give them.

    Raises:
        UnsupportedModel: The user's expression is none that is known.
    """
    if layer.class_name == EXPRESSION:
        try:
            return computation(str(layer.config.get("expression")), inputs)
        except ValueError as error:
            raise layer.unsupported(
                str(error), "supported are numbers, + - * / **, and functions such as relu6(x)"
            ) from error
    if layer.class_name != _LAMBDA or layer.is_custom:
        return None
    given = layer.config.get("arguments") or {}
    found = _function(layer.config)
    if found is None or not isinstance(given, dict):
        return None
    names, text = found
    if any(name not in given for name in names[1:]) or not names:
        return None
    known = {name: given[name] for name in names[1:]}
    try:
        return computation(text, inputs, names[0], known, own_functions=False)
    except ValueError:
        return None


def _function(config: Json) -> tuple[tuple[str, ...], str] | None:
    """Return the arguments and the expression of a Lambda's function."""
    function = config.get("function")
    if isinstance(function, str) and config.get("function_type") == "function":
        return _named(function, config.get("module"))
    if isinstance(function, list) and len(function) == 3:
        return _of_code(*function)
    if not isinstance(function, dict) or function.get("class_name") not in _FUNCTION_CLASSES:
        return None
    inner = function.get("config")
    if isinstance(inner, dict):
        return _of_code(inner.get("code"), inner.get("defaults"), inner.get("closure"))
    return _named(str(inner), function.get("module"))


def _named(name: str, module: object) -> tuple[tuple[str, ...], str] | None:
    root, _, place = str(module).partition(".")
    if root not in KERAS_MODULES:
        return None
    if "backend" in place:
        return ("x",), f"K.{name}(x)"
    return ("x",), f"tf.{name}(x)"


def _of_code(code: object, defaults: object, closure: object) -> tuple[tuple[str, ...], str] | None:
    if not isinstance(code, str) or defaults or closure:
        return None
    return function_of(code)


def computed(given: LayerCall, found: Computation, names: Names, calls: list[LayerCall]) -> str:
    """Append the operations that a layer consists of, and return the name of the result."""
    layer = given.layer
    steps = found.operations or (Operation("identity", (found.result,), {}),)
    made: list[str] = []

    def name_of(tensor: Tensor) -> str:
        return given.inputs[tensor.number] if tensor.is_input else made[tensor.number]

    for number, step in enumerate(steps, 1):
        values = {**{str(i): value for i, value in enumerate(step.arguments)}, **step.named}
        tensors = {key: list(tensors_in(value)) for key, value in values.items()}
        if any(found and None in found for found in tensors.values()):
            raise layer.unsupported(
                "reads a list of tensors and constants", "supported are lists of tensors"
            )
        inputs = tuple(name_of(each) for found in tensors.values() for each in found if each)
        places = tuple(key for key, found in tensors.items() for _ in found)
        rest = {key: values[key] for key in values if not tensors[key] and values[key] is not None}
        name = names.take(layer.name if number == len(steps) else f"{layer.name}_part{number}")
        calls.append(LayerCall(name, _layer(layer, step.function, rest), inputs, rest, 0, places))
        made.append(name)
    return name_of(found.result) if found.operations else made[-1]


def _layer(layer: Layer, function: str, given: Json) -> Layer:
    """Return an operation of a layer as a layer of its own."""
    kind, config = "TFOpLambda", {"name": layer.name, "function": function}
    if function == ACTIVATION:
        kind, config = "Activation", {"name": layer.name, ACTIVATION: given.pop(ACTIVATION)}
    return replace(layer, class_name=kind, config=config, entry={})
