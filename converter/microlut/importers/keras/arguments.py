"""Read the arguments of operations on tensors, and make the steps of operators in a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from microlut.importers.keras import options
from microlut.importers.keras.channels_first import is_channels_first, with_channels_last
from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.identity import Identity
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.support.arguments import shown

_WITHOUT_EFFECT = ("name", "dtype", "function", "conjugate", "validate_indices", "trainable")
_ADVICE = "change the layer and train again"

Reader = Callable[[LayerUse, Json], tuple[Step, ...]]


def taking(*names: str) -> Callable[[Reader], Handler]:
    """Return what makes a handler of a function that reads an operation's arguments by name.

    Arguments that are in use and have no name here are refused.

    Args:
        names: In the order of the call, after the tensor. "a|b" is one that has two names, of which
            the function reads the first.
    """
    known: dict[str, str] = {}
    for i, name in enumerate(names, 1):
        first, *others = name.split("|")
        known.update(dict.fromkeys((str(i), first, *others), first))

    def decorate(read: Reader) -> Handler:
        def handle(use: LayerUse) -> tuple[Step, ...]:
            given: Json = {}
            for key, value in {**use.layer.config, **use.arguments}.items():
                if key in known:
                    given[known[key]] = value
                elif value and key not in _WITHOUT_EFFECT:
                    raise use.layer.unsupported(
                        f"argument {key}={str(value)[:40]} is not known",
                        "it may change what the operation computes: leave it out",
                    )
            if is_channels_first(given):
                last = {**given, "data_format": "channels_last"}
                return with_channels_last(use, lambda moved: read(moved, last))
            return read(use, given)

        return handle

    return decorate


def chain(use: LayerUse, *ops: FloatOp) -> tuple[Step, ...]:
    """Return the steps of operators, each of which reads the one before it.

    Those that keep their input as it is are left out.

    Raises:
        UnsupportedModel: One cannot read its input.
    """
    steps: list[Step] = []
    shapes = use.shapes
    try:
        for op in ops:
            (shape,) = op.shapes(shapes)
            if shape != shapes[0] or not _keeps(op, shape):
                inputs = (PREVIOUS,) if steps else tuple(range(len(use.shapes)))
                steps.append(Step(op, shape, inputs, f"_part{len(steps) + 1}"))
            shapes = (shape,)
    except ValueError as error:
        raise use.layer.unsupported(str(error), _ADVICE) from error
    if not steps:
        return (Step(Identity(), use.shape),)
    return (*steps[:-1], replace(steps[-1], suffix=""))


def _keeps(op: FloatOp, shape: Shape) -> bool:
    """Return whether an operator keeps an input of its output's shape as it is."""
    if isinstance(op, Slice):
        return all(axis.is_all(size) for axis, size in zip(op.axes, shape, strict=True))
    return isinstance(op, Reshape)


def axis_of(use: LayerUse, value: Any, rank: int | None = None) -> int:  # noqa: ANN401
    """Return an axis without the batch, of `rank` dimensions if not of the input's."""
    return options.axis_of(use.layer, value, len(use.shapes[0]) if rank is None else rank)


def axes_of(use: LayerUse, value: Any, rank: int | None = None) -> list[int]:  # noqa: ANN401
    """Return several axes without the batch, in their order."""
    return [axis_of(use, item, rank) for item in (value if isinstance(value, list) else [value])]


def whole_number(use: LayerUse, value: Any, what: str, least: int = 1) -> int:  # noqa: ANN401
    """Return an argument that must be an integer of at least `least`."""
    if type(value) is not int or value < least:
        raise use.layer.unsupported(
            f"{what}={str(value)[:40]}", f"supported are constant integers of at least {least}"
        )
    return value


def whole_numbers(use: LayerUse, value: Any, what: str) -> list[int]:  # noqa: ANN401
    """Return an argument that must be a list of integers."""
    if not isinstance(value, list) or any(type(item) is not int for item in value):
        raise use.layer.unsupported(
            f"{what}={str(value)[:40]}", "supported are lists of constant integers"
        )
    return value


def sides(use: LayerUse, key: str, rank: int, default: int) -> list[tuple[int, int]]:
    """Return an option with a pair of numbers for both ends of each of `rank` dimensions.

    Keras writes one number, one per dimension, or pairs; for one dimension, a pair.
    """
    value = use.layer.config.get(key, default)
    found = value if isinstance(value, list) else [value] * rank
    if rank == 1 and isinstance(value, list) and len(value) == 2:
        found = [value]
    pairs = [options.pair_of(item, least=0) for item in found]
    sound = [pair for pair in pairs if pair is not None]
    if not len(sound) == len(pairs) == rank:
        raise use.layer.invalid(
            f"option {key} is {shown(value)}, expected an integer of at least 0, one for each of "
            f"{rank} dimensions, or pairs of them"
        )
    return sound


def around(shape: Sequence[int], first: int, last: int, middle: Sequence[int]) -> Shape:
    """Return a shape with other dimensions instead of those from `first` up to before `last`."""
    return (*shape[:first], *middle, *shape[last:])
