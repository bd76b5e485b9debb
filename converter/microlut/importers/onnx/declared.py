"""Inputs that are shapes, where the sizes of the outputs say which ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from microlut.importers.onnx.mending import STANDARD
from microlut.importers.onnx.values import Constant

DECLARED = "input {!r} is left out: the sizes of an output, which the file declares, say its values"
_Sizes = Sequence[int]


def _shape(made: Sequence[_Sizes | None], read: _Sizes | None, axis: int) -> _Sizes | None:
    return made[0]


def _times(made: Sequence[_Sizes | None], read: _Sizes | None, axis: int) -> _Sizes | None:
    whole = made[0]
    if whole is None or read is None or len(whole) != len(read):
        return None
    fits = all(n > 0 and m % n == 0 for m, n in zip(whole, read, strict=True))
    return [m // n for m, n in zip(whole, read, strict=True)] if fits else None


def _parts(made: Sequence[_Sizes | None], read: _Sizes | None, axis: int) -> _Sizes | None:
    found = [None if sizes is None else sizes[axis] for sizes in made]
    return None if None in found else [n for n in found if n is not None]


# By operator: the place of the input, and how the sizes of outputs and of the first input tell it.
_Telling = Callable[[Sequence[_Sizes | None], _Sizes | None, int], _Sizes | None]
_KINDS: Mapping[str, tuple[int, _Telling]] = {
    "Expand": (1, _shape),
    "Reshape": (1, _shape),
    "Resize": (3, _shape),
    "Split": (1, _parts),
    "Tile": (1, _times),
}


def declared_sizes(model: Any) -> dict[str, Constant]:  # noqa: ANN401 - a ModelProto
    """Return the values of inputs that are shapes, as far as declared sizes say them."""
    arrays = {each.name for each in model.graph.initializer}
    sizes = {
        each.name: _sizes(each)
        for each in (*model.graph.input, *model.graph.output)
        if each.type.HasField("tensor_type")
    }
    found: dict[str, Constant] = {}
    for each in model.graph.input:
        if each.name in arrays or len(sizes.get(each.name) or []) != 1:
            continue
        readers = [node for node in model.graph.node if each.name in node.input]
        told = [_told(each.name, node, sizes) for node in readers]
        if told and told[0] is not None and all(values == told[0] for values in told):
            found[each.name] = np.asarray(told[0], np.int64)
    return found


def _told(name: str, node: Any, sizes: Mapping[str, _Sizes | None]) -> list[int] | None:  # noqa: ANN401
    place, telling = _KINDS.get(node.op_type, (0, _shape))
    if node.domain not in STANDARD or list(node.input).index(name) != place or not place:
        return None
    axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
    values = telling([sizes.get(made) for made in node.output], sizes.get(node.input[0]), axis)
    return None if values is None else [int(n) for n in values]


def _sizes(each: Any) -> _Sizes | None:  # noqa: ANN401
    """Return the sizes of a tensor, if all are known."""
    dims = each.type.tensor_type.shape.dim
    found = [d.dim_value for d in dims]
    return found if found and all(n > 0 for n in found) else None
