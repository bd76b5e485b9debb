"""Let the user say what classes and layers are that a model does not tell.

`NAME=MEANING` is said of a class, a registered name, or a layer; the meaning is a class of Keras,
or an expression such as `relu6(x) / 6`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from microlut.errors import InvalidInput
from microlut.support.arguments import brief

Json = dict[str, Any]
Custom = Mapping[str, str]
NOTHING: Custom = MappingProxyType({})  # is said

EXPRESSION = "Expression"  # class of a layer of which the user says what it computes
STORED_CLASS = "stored_class"  # of a renamed layer: its class in the file
_FUNCTIONS = ("activation", "recurrent_activation")


def check_custom(custom: object) -> dict[str, str]:
    """Return names and meanings as a dict; None is an empty one.

    Raises:
        InvalidInput: It is no mapping of texts.
    """
    given = {} if custom is None else custom
    if not isinstance(given, Mapping):
        raise InvalidInput(f"custom is {brief(custom)}; give a dict such as {{'MyConv': 'Conv2D'}}")
    for name, meaning in given.items():
        if not isinstance(name, str) or not isinstance(meaning, str) or not name or not meaning:
            raise InvalidInput(
                f"custom has {brief(name)}: {brief(meaning)}; give names of classes or layers, and "
                "what they are: a class of Keras or an expression such as 'x / 255'"
            )
    return dict(given)


def with_custom(config: Json, custom: Custom, source: str) -> Json:
    """Return an architecture in which classes and layers are what the user says.

    Raises:
        InvalidInput: A name is nowhere in the model.
    """
    if not custom:
        return config
    used: set[str] = set()
    found = _renamed(config, custom, used)
    for name in custom:
        if name not in used:
            raise InvalidInput(
                f"{source}: custom {name!r}: no layer, class or activation has this name; correct "
                "the name or leave it out"
            )
    assert isinstance(found, dict)
    return found


def _renamed(value: Any, custom: Custom, used: set[str]) -> Any:  # noqa: ANN401 - JSON is untyped
    if isinstance(value, list):
        return [_renamed(item, custom, used) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _renamed(item, custom, used) for key, item in value.items()}
    for key in _FUNCTIONS:
        name = _function_name(made.get(key))
        if name in custom:
            used.add(str(name))
            made[key] = custom[str(name)]
    config = made.get("config")
    if not isinstance(made.get("class_name"), str) or not isinstance(config, dict):
        return made
    names = (config.get("name"), made.get("registered_name"), made["class_name"])
    name = next((each for each in names if isinstance(each, str) and each in custom), None)
    if name is None:
        return made
    used.add(name)
    return _with_meaning(made, config, custom[name])


def _with_meaning(entry: Json, config: Json, meaning: str) -> Json:
    kept = {key: entry[key] for key in entry if key not in ("module", "registered_name")}
    kept |= {"module": "keras.layers", STORED_CLASS: entry["class_name"]}
    if meaning.isidentifier() and meaning[0].isupper():
        return {**kept, "class_name": meaning}
    named = {key: config[key] for key in ("name", "batch_input_shape") if key in config}
    return {**kept, "class_name": EXPRESSION, "config": {**named, "expression": meaning}}


def _function_name(value: object) -> object:
    """Return the name of an activation that is stored by name."""
    if isinstance(value, dict) and value.get("class_name") == "function":
        inner = value.get("config")
        return value.get("registered_name") or (inner if isinstance(inner, str) else None)
    return value if isinstance(value, str) else None
