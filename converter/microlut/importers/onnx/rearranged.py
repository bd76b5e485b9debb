"""Translate operators that take values from places that constants say, and running sums.

ONNX's reference says which value goes where: it is what becomes of the numbers of all places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.file import library
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.arrays import frozen_array
from microlut.ops.concatenate import Concatenate
from microlut.ops.dense import Dense
from microlut.ops.gather import Gather
from microlut.ops.reshape import Reshape

_MOST = 1 << 16  # places
_MOST_READ = 1 << 22  # values, among which they are
_MOST_SUMMED = 1 << 12  # values along a dimension
# The inputs that are values; all others have to be constants.
_VALUES: Mapping[str, tuple[int, ...]] = {
    "Compress": (0,),
    "GatherElements": (0,),
    "GatherND": (0,),
    "ReverseSequence": (0,),
    "Scatter": (0, 2),
    "ScatterElements": (0, 2),
    "ScatterND": (0, 2),
    "Trilu": (0,),
}


def _evaluated(use: Use, values: Mapping[int, NDArray[Any]]) -> NDArray[Any]:
    """Return what the reference makes of these inputs, and of the operator's constants."""
    operator, helper = use.operator, library().helper
    names = [f"i{i}" if value is not None else "" for i, value in enumerate(use.values)]
    node = helper.make_node(operator.kind, names, ["y"], **operator.attributes)
    ends = [
        [helper.make_empty_tensor_value_info(name) for name in each if name]
        for each in (names, ["y"])
    ]
    graph = helper.make_graph([node], "places", *ends)
    opset = helper.make_opsetid("", operator.opset)
    model = helper.make_model(graph, opset_imports=[opset])
    given = {
        name: values[i] if i in values else use.constant(i, "what says the places")
        for i, name in enumerate(names)
        if name
    }
    try:
        (made,) = library().reference.ReferenceEvaluator(model).run(None, given)
    except Exception as error:
        raise operator.invalid(
            f"its places do not fit ({' '.join(str(error).split())[:80]})"
        ) from error
    return np.asarray(made)


def _rearranged(use: Use) -> Iterable[Value | None]:
    if str(use.option("reduction", "none")) != "none":
        raise use.operator.unsupported("reduction", "supported is none: change the network")
    _check_places(use)
    read = {i: use.values[i] for i in _VALUES[use.operator.kind] if i < len(use.values)}
    places, first = dict[int, NDArray[Any]](), 1  # 0 is what the reference fills with
    lives, constants = list[Live](), list[NDArray[Any]]()
    total = sum(prod(value.shape) for value in read.values() if isinstance(value, Live))
    if sum(prod(value.shape) for value in read.values() if value is not None) > _MOST_READ:
        raise use.operator.unsupported(
            "takes values one by one from large tensors", f"supported are {_MOST_READ} values"
        )
    for i, value in read.items():
        assert value is not None
        size = prod(value.shape)
        if isinstance(value, Live):
            lives.append(use.whole(value.real))
            places[i] = np.arange(first, first + size).reshape(value.shape)
            first += size
        else:  # behind those of the tensors
            begin = total + 1 + sum(each.size for each in constants)
            places[i] = np.arange(begin, begin + size).reshape(value.shape)
            constants.append(np.asarray(value, np.float64))
    found = _evaluated(use, {i: each.astype(np.int64) for i, each in places.items()})
    if not 0 < found.size <= _MOST:
        raise use.operator.unsupported(
            f"takes {found.size} values one by one", f"supported are 1 to {_MOST}"
        )
    numbers = np.concatenate([[0.0], np.zeros(total), *(each.ravel() for each in constants)])
    is_live = (found > 0) & (found <= total)
    flat = [use.chain(each.tensor, Reshape((prod(each.shape),)), suffix="_flat") for each in lives]
    joined = flat[0] if len(flat) == 1 else use.add(Concatenate(0), *flat, suffix="_all")
    taken = tuple(int(n) for n in np.where(is_live, found - 1, 0).ravel())
    made = use.chain(joined, Gather(0, taken), Reshape(found.shape or (1,)))
    batch = 0 if lives[0].shape[:1] == found.shape[:1] == (1,) and found.ndim > 1 else None
    live = use.given(made, found.shape, batch)
    if is_live.all():
        return (live,)
    return (affine(use, live, is_live.astype(np.float64), np.where(is_live, 0.0, numbers[found])),)


def _check_places(use: Use) -> None:
    """Raise InvalidInput for places beyond the ends, which the reference takes from elsewhere."""
    kind, value = use.operator.kind, use.values[0]
    if not kind.startswith(("Gather", "Scatter")) or value is None:
        return
    places = np.asarray(use.constant(1, "what says the places"))
    sizes = np.asarray(value.shape)
    if kind.endswith("ND"):
        first = int(use.option("batch_dims", 0))
        limits = sizes[first : first + places.shape[-1]]
    else:
        limits = sizes[use.axis(int(use.option("axis", 0)), len(sizes))]
    if np.any(places < -limits) or np.any(places >= limits):
        raise use.operator.invalid(f"takes places beyond those of {list(value.shape)}")


def _running(use: Use) -> Iterable[Value | None]:
    """Read CumSum, the product with a matrix."""
    live = use.live()
    axis = use.axis(int(np.ravel(use.constant(1, "its axis"))[0]), len(live.shape))
    if axis == live.batch:
        live = use.whole(live)
    size, place = live.shape[axis], live.axis(axis)
    if size > _MOST_SUMMED:
        raise use.operator.unsupported(f"sums {size} values up", f"supported are {_MOST_SUMMED}")
    values = _sums(use, np.eye(size))
    order = [i for i in range(len(live.inner)) if i != place] + [place]
    product = Dense(frozen_array(values.T), frozen_array(np.zeros(size)))
    tensor = use.chain(use.transposed(live.tensor, order), product, suffix="_sums")
    back = use.transposed(tensor, [order.index(i) for i in range(len(order))])
    return (use.given(back, live.shape, live.batch),)


def _sums(use: Use, unit: NDArray[Any]) -> NDArray[Any]:
    """Return what becomes of the rows of the unit matrix."""
    rows = np.flip(unit, 1) if use.option("reverse", 0) else unit
    sums = np.cumsum(rows, 1)
    if use.option("exclusive", 0):
        sums = np.concatenate([np.zeros((len(sums), 1)), sums[:, :-1]], 1)
    return np.flip(sums, 1) if use.option("reverse", 0) else sums


REARRANGED: Mapping[str, Handler] = {**dict.fromkeys(_VALUES, _rearranged), "CumSum": _running}
