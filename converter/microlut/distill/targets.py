"""What each output of a network is trained towards: class numbers, labels, or values.

The kind of an output decides what targets look like and which loss they give; TensorFlow is not
needed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.ops.arrays import Shape
from microlut.quantize.figures import Kind, Task
from microlut.quantize.quality import kind_of, scores_of
from microlut.support.arguments import brief

Targets = Mapping[str, NDArray[Any]]  # by the outputs' names; some outputs may have none


@dataclass(frozen=True, slots=True)
class Target:
    """An output that can be trained towards targets.

    Attributes:
        name: What callers call the output.
        kind: What it is.
        shape: Its shape in the graph, without the batch.
        scores: The tensor that the loss is computed from: what a final softmax or sigmoid reads.
        squashed: Whether a softmax or sigmoid follows the scores.
        order: The order in which the model has its dimensions, if that is another one.
    """

    name: str
    kind: Kind
    shape: Shape
    scores: str
    squashed: bool = True
    order: tuple[int, ...] | None = None

    def checked(self, y: object) -> NDArray[Any]:
        """Return targets [n, ...] as the loss needs them.

        Those of classes become class numbers [n, positions], all others have the output's shape.

        Raises:
            InvalidInput: They do not fit the output.
        """
        values = np.asarray(y)
        if values.dtype.kind not in "iufb" or values.ndim == 0:
            raise InvalidInput(f"{self._called} {brief(y)}; give an array of numbers")
        if not np.isfinite(values).all():
            raise InvalidInput(f"{self._called} NaN or infinite values; remove those samples")
        if self.order is not None and values.shape[1:] == self._own_shape:
            back = [self.order.index(i) for i in range(len(self.order))]
            values = values.transpose(0, *(i + 1 for i in back))
        if self.kind == "classes":
            return self._class_numbers(values)
        if _without_ones(values.shape[1:]) != _without_ones(self.shape):
            raise self._unlike(values, "")
        found = values.reshape(len(values), *self.shape).astype(np.float32)
        if self.kind == "labels" and len(found) and (found.min() < 0 or found.max() > 1):
            raise InvalidInput(
                f"{self._called} values from {found.min():g} to {found.max():g}; the output ends "
                "with a sigmoid: give 0 for no, 1 for yes, or --task values"
            )
        return found

    @property
    def _called(self) -> str:
        """What messages begin with."""
        return f"y of output {self.name!r} has"

    @property
    def _own_shape(self) -> Shape:
        return self.shape if self.order is None else tuple(self.shape[i] for i in self.order)

    def _class_numbers(self, y: NDArray[Any]) -> NDArray[np.int32]:
        classes, positions = self.shape[-1], self.shape[:-1]
        ones = classes > 1 and _without_ones(y.shape[1:]) == _without_ones(self.shape)
        if ones and np.all((y == 0) | (y == 1)):
            rows = y.reshape(len(y), -1, classes)
            if np.all(rows.sum(axis=-1) == 1):
                y = rows.argmax(axis=-1).reshape(len(y), *positions)
        if _without_ones(y.shape[1:]) != _without_ones(positions):
            raise self._unlike(y, "or one-hot " if ones else "")
        if (y != np.floor(y)).any() or (len(y) and y.min() < 0):
            wrong = y[(y != np.floor(y)) | (y < 0)][0]
            raise InvalidInput(f"{self._called} {wrong:g}; expected class numbers from 0")
        if len(y) and y.max() >= classes:
            raise InvalidInput(
                f"{self._called} class numbers up to {y.max():g}, but the model has {classes} "
                f"outputs; give numbers from 0 to {classes - 1}"
            )
        return y.reshape(len(y), math.prod(positions)).astype(np.int32)

    def _unlike(self, y: NDArray[Any], also: str) -> InvalidInput:
        shape = self._own_shape
        if self.kind == "classes" and self.order is None:
            shape = shape[:-1]
        expected = ", ".join(["samples", *map(str, shape)])
        what = {"classes": "class numbers", "labels": "0 or 1", "values": "values"}[self.kind]
        return InvalidInput(
            f"{self._called} shape {list(y.shape)}; expected {what} {also}[{expected}]; give "
            "such, or no y, and the network learns the float network's answers"
        )


def targets_of(graph: Graph, task: Task) -> tuple[Target, ...]:
    """Return a network's outputs as what they are; `task` is that of `convert`."""
    orders = graph.output_orders or (None,) * len(graph.outputs)
    found = []
    for (name, output), order in zip(graph.ends.items(), orders, strict=True):
        kind = kind_of(graph, output, task)
        scores = scores_of(graph, output, kind)
        shape = graph.shape_of(output)
        found.append(Target(name, kind, shape, scores, scores != output, order))
    return tuple(found)


def checked_targets(y: object, known: Sequence[Target]) -> Targets | None:
    """Return targets by output, checked; None if there are none.

    Args:
        y: An array for the only output, arrays in the order of the outputs, or by their names, of
            which some may be missing or None.
        known: The network's outputs.

    Raises:
        InvalidInput: They do not fit the outputs.
    """
    if y is None:
        return None
    given = _by_name(y, known)
    by_name = {target.name: target for target in known}
    unknown = sorted(given.keys() - by_name.keys())
    if unknown:
        raise InvalidInput(
            f"y has an array {unknown[0]!r}, which is no output; the outputs are {_listed(known)}"
        )
    return {name: by_name[name].checked(a) for name, a in given.items() if a is not None} or None


def _by_name(y: object, known: Sequence[Target]) -> dict[str, object]:
    if isinstance(y, Mapping):
        return {str(name): values for name, values in y.items()}
    if len(known) == 1:
        only = isinstance(y, tuple | list) and len(y) == 1 and np.ndim(y[0]) > 0
        return {known[0].name: y[0] if only else y}  # type: ignore[index]
    if isinstance(y, tuple | list) and len(y) == len(known):
        return {target.name: values for target, values in zip(known, y, strict=True)}
    raise InvalidInput(
        f"y is {brief(y)}, but the model has {len(known)} outputs; give arrays by their names: "
        f"{_listed(known)}"
    )


def _listed(known: Sequence[Target]) -> str:
    return ", ".join(repr(target.name) for target in known)


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without dimensions of 1, which people leave out or add."""
    return tuple(size for size in shape if size != 1)
