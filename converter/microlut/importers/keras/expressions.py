"""Read expressions of tensors, such as `tf.nn.relu6(x + 3) / 6`, as operations.

They are what Lambda layers compute, or what the user says that they compute. Nothing is evaluated
but arithmetic of numbers; a function is recognised by its name, as in files of Keras 2.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from microlut.importers.keras.activations import ACTIVATIONS

_LONGEST = 1000  # characters
_LARGEST_POWER = 64
_MODULES = (
    *("tensorflow.keras.backend.", "tf.keras.backend.", "keras.backend.", "K.", "backend."),
    *("tensorflow.keras.activations.", "tf.keras.activations.", "keras.activations."),
    *("activations.", "keras.layers.", "tf.keras.layers."),
    *("tensorflow.", "tf."),
)
_BACKEND = {  # functions of keras.backend that TensorFlow calls otherwise
    "clip": "clip_by_value",
    "concatenate": "concat",
    "max": "math.reduce_max",
    "mean": "math.reduce_mean",
    "min": "math.reduce_min",
    "permute_dimensions": "transpose",
    "repeat_elements": "repeat",
    "sum": "math.reduce_sum",
}
_OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "math.add",
    ast.Div: "math.truediv",
    ast.Mult: "math.multiply",
    ast.Pow: "math.pow",
    ast.Sub: "math.subtract",
}
_SHORT = {  # functions that TensorFlow has at its top, or that are called without their module
    name.rpartition(".")[2]: name
    for name in (
        *("math.add", "math.divide", "math.maximum", "math.minimum", "math.multiply", "math.pow"),
        *("math.abs", "math.ceil", "math.cos", "math.erf", "math.exp", "math.floor", "math.log"),
        *("math.reciprocal", "math.reduce_max", "math.reduce_mean", "math.reduce_min"),
        *("math.reduce_sum", "math.rsqrt", "math.sign", "math.sin", "math.sqrt", "math.square"),
        *("math.negative", "math.subtract", "math.truediv", "math.squared_difference"),
        *("nn.bias_add", "nn.l2_normalize"),
    )
}
_EPSILONS = tuple(  # a number that Keras adds to what it divides by
    f"{module}epsilon" for module in _MODULES if module.endswith(("K.", "backend."))
) + tuple(f"{root}config.epsilon" for root in ("keras.", "tf.keras.", "tensorflow.keras."))
_EPSILON = 1e-7  # unless it was set, which no file tells
_NN = (  # functions that have arguments besides the tensor
    *("elu", "gelu", "leaky_relu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax"),
    *("softplus", "softsign", "swish", "tanh"),
)
ACTIVATION = "activation"  # stands for an activation that TensorFlow does not have
_Number = int | float


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: one that is read, or else the result of an operation, by its number."""

    number: int
    is_input: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A function of TensorFlow with its arguments, which are tensors or JSON values."""

    function: str
    arguments: Sequence[Any]
    named: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Computation:
    """Operations in their order, and the tensor that is the result."""

    operations: tuple[Operation, ...]
    result: Tensor


def tensors_in(value: object) -> Iterator[Tensor | None]:
    """Yield the tensors that an argument is or lists, and None for others beside them in lists."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple) and any(isinstance(item, Tensor) for item in value):
        yield from (item if isinstance(item, Tensor) else None for item in value)


@dataclass(slots=True)
class _Work:
    names: Mapping[str, Any]
    own_functions: bool
    operations: list[Operation] = field(default_factory=list)

    def add(self, function: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> Tensor:
        self.operations.append(Operation(function, tuple(arguments), dict(named)))
        return Tensor(len(self.operations) - 1)


def computation(
    text: str,
    inputs: int,
    name: str = "x",
    known: Mapping[str, Any] | None = None,
    own_functions: bool = True,
) -> Computation:
    """Return the operations of an expression.

    Args:
        text: The expression, or only the name of a function of one tensor.
        inputs: How many tensors there are; several are a list.
        name: The name of the tensor, or of the list.
        known: Values of other names.
        own_functions: Whether a function may be named without its module.

    Raises:
        ValueError: The expression has something else than known names, numbers, operators, calls
            and subscripts.
    """
    tensors = [Tensor(i, is_input=True) for i in range(inputs)]
    given = tensors[0] if inputs == 1 else tensors
    work = _Work({**(known or {}), name: given}, own_functions)
    try:
        tree = ast.parse(text[: _LONGEST + 1].strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text!r} is no expression") from error
    if len(text) > _LONGEST:
        raise ValueError(f"an expression of more than {_LONGEST} characters")
    function = _dotted(tree)
    if function is not None and function.partition(".")[0] not in work.names:
        found = _call(function, [given], {}, work)
    else:
        found = _value(tree, work)
    if isinstance(found, Tensor):
        return Computation(tuple(work.operations), found)
    raise ValueError(f"{text!r} is no tensor")


def _value(tree: ast.expr, work: _Work) -> Any:  # noqa: ANN401 - a tensor or a JSON value
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float | str | None):
        return tree.value
    if isinstance(tree, ast.Name) and tree.id in work.names:
        return work.names[tree.id]
    if isinstance(tree, ast.List | ast.Tuple):
        return [_value(item, work) for item in tree.elts]
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
        return _negated(tree, work)
    if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
        both = [_value(side, work) for side in (tree.left, tree.right)]
        return _binary(_OPERATORS[type(tree.op)], both, work)
    if isinstance(tree, ast.Call):
        return _called(tree, work)
    if isinstance(tree, ast.Subscript):
        return _subscript(tree, work)
    raise ValueError(f"{ast.unparse(tree)} is not known")


def _negated(tree: ast.UnaryOp, work: _Work) -> Any:  # noqa: ANN401
    value = _value(tree.operand, work)
    if isinstance(tree.op, ast.UAdd):
        return value
    if isinstance(value, Tensor):
        return work.add("math.negative", [value], {})
    return -_number(value)


def _binary(function: str, both: list[Any], work: _Work) -> Any:  # noqa: ANN401
    if any(isinstance(side, Tensor) for side in both):
        return work.add(function, both, {})
    left, right = map(_number, both)
    if function == "math.truediv":
        if right == 0:
            raise ValueError("divides by zero")
        return left / right
    if function == "math.pow":
        if left <= 0 or abs(right) > _LARGEST_POWER:
            raise ValueError(f"raises {left:g} to {right:g}")
        return float(left) ** right
    sign = -1 if function == "math.subtract" else 1
    return left * right if function == "math.multiply" else left + sign * right


def _number(value: object) -> _Number:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is no number")


def _called(tree: ast.Call, work: _Work) -> Any:  # noqa: ANN401
    function = _dotted(tree.func)
    if function is None or any(keyword.arg is None for keyword in tree.keywords):
        raise ValueError(f"{ast.unparse(tree.func)} is not known")
    if function in _EPSILONS and not tree.args and not tree.keywords:
        return _EPSILON
    arguments = [_value(argument, work) for argument in tree.args]
    named = {str(each.arg): _value(each.value, work) for each in tree.keywords}
    return _call(function, arguments, named, work)


def _call(function: str, arguments: list[Any], named: dict[str, Any], work: _Work) -> Tensor:
    prefix = next((m for m in _MODULES if function.startswith(m)), "")
    if not prefix and not work.own_functions:
        raise ValueError(f"{function} may be any function")
    name = function.removeprefix(prefix)
    if prefix.endswith(("K.", "backend.")):
        name = _BACKEND.get(name, name)
    if name in _NN:
        name = f"nn.{name}"
    elif name in ACTIVATIONS and len(arguments) == 1 and not named:
        return work.add(ACTIVATION, arguments, {"activation": name})
    return work.add(_SHORT.get(name, name), arguments, named)


def _dotted(tree: ast.expr) -> str | None:
    """Return a name such as tf.nn.relu, or None for anything else."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute):
        before = _dotted(tree.value)
        return None if before is None else f"{before}.{tree.attr}"
    return None


def _subscript(tree: ast.Subscript, work: _Work) -> Any:  # noqa: ANN401
    value = _value(tree.value, work)
    items = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    places = [_place(item, work) for item in items]
    if isinstance(value, Tensor):
        return work.add("__operators__.getitem", [value], {"slice_spec": places})
    place = places[0] if len(places) == 1 else None
    if isinstance(value, list) and type(place) is int and -len(value) <= place < len(value):
        return value[place]
    raise ValueError(f"{ast.unparse(tree)} is not known")


def _place(tree: ast.expr, work: _Work) -> Any:  # noqa: ANN401
    """Return an item of a subscript as Keras writes it."""
    if isinstance(tree, ast.Constant) and tree.value is Ellipsis:
        return "..."
    if not isinstance(tree, ast.Slice):
        return _value(tree, work)
    ends = {"start": tree.lower, "stop": tree.upper, "step": tree.step}
    return {key: None if end is None else _value(end, work) for key, end in ends.items()}
