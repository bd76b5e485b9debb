"""Load sample inputs and labels from `.npz` and `.npy` files, or take them from arrays.

Files are never unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.errors import InvalidInput
from microlut.graph.batch import Batch, only
from microlut.importers.sample_files import INPUTS, LABELS, read_arrays
from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.tensor import Tensor
from microlut.support.arguments import PathLike, brief, integer, is_path, path_of
from microlut.support.limits import check_sample_bytes
from microlut.support.shown import Record, Shown


@dataclass(frozen=True, slots=True, repr=False)
class Samples(Shown):
    """Samples for a model.

    Attributes:
        inputs: Arrays [samples, ...] by input name.
        y: [samples] class numbers, where they are known.
    """

    inputs: Batch
    y: NDArray[np.int64] | None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.inputs)

    @property
    def x(self) -> FloatArray:
        """The values [samples, ...] of the only input."""
        return only(self.inputs)

    def records(self) -> list[Record]:
        """Return a record per input: how many samples, of which shape and range."""
        return [
            {
                "input": name,
                "samples": len(values),
                "shape": values.shape[1:],
                "least": float(values.min()),
                "largest": float(values.max()),
                "labels": self.y is not None,
            }
            for name, values in self.inputs.arrays.items()
        ]


# What functions take as inputs: a file, an array for the only input, arrays by input name, samples.
Inputs = PathLike | ArrayLike | Mapping[str, ArrayLike] | Batch | Samples


def load_samples(
    path: PathLike, inputs: Sequence[Tensor] | Shape, limit: int | None = None
) -> Samples:
    """Return the samples in a file.

    Args:
        path: An `.npz` with an array for each input's name, and optionally `y`; for a model with
            one input, `x`, or one single array, or an `.npy` do as well.
        inputs: Those of the model's graph, or the shape of the only one, without the batch
            dimension; a missing last dimension of 1 is added. Of an ONNX model whose inputs have
            channels last now, arrays with channels first are taken as well.
        limit: Take only the first so many samples.

    Raises:
        InvalidInput: The file is missing or damaged, or its arrays do not fit the model.
    """
    return as_samples(path_of("path", path), inputs, limit=limit)


def as_samples(
    x: Inputs,
    inputs: Sequence[Tensor] | Shape,
    y: PathLike | ArrayLike | None = None,
    limit: int | None = None,
) -> Samples:
    """Return samples from a file, an array, or arrays by input name, checked.

    Args:
        x: What `load_samples` reads, an array for the only input, or arrays by input name.
        inputs: As `load_samples` takes them.
        y: Class numbers, as an array, an `.npy`, or an `.npz` with array `y`; by default those
            that come with the inputs.
        limit: Take only the first so many samples.

    Raises:
        InvalidInput: A file is missing or damaged, or the arrays do not fit the model.
    """
    tensors = _tensors(inputs)
    arrays, source = _read(x, [tensor.name for tensor in tensors])
    labels = None if y is None else _labels(y)
    count = None if limit is None else integer("limit", limit, 1)
    return _checked(arrays, tensors, labels, count, source)


def with_others(
    x: Inputs, inputs: Sequence[Tensor], names: Iterable[str]
) -> tuple[Batch, dict[str, NDArray[np.generic]]]:
    """Return inputs, checked, and the arrays `y` and of these names that came with them, as given.

    An array of the name of an input is this input. Raises InvalidInput as `as_samples` does.
    """
    own = [tensor.name for tensor in inputs]
    wanted = {name for name in (LABELS, *names) if name not in own}
    arrays, source = _read(x, [*own, *wanted])
    others = {name: arrays.pop(name) for name in list(arrays) if name in wanted}
    return _batch(_by_input(arrays, inputs, source), inputs, None, source), others


def _read(x: Inputs, names: Iterable[str]) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Return arrays by name, from a file as far as they have these names, and where they are from.

    Those of one input, and labels, have names that are not those of the model.
    """
    if not is_path(x):
        return {name: _array(name, values) for name, values in _given(x).items()}, "samples"
    path = path_of("x", x)
    return read_arrays(path, names), str(path)


def _given(x: object) -> dict[str, object]:
    """Return what was given, by the names of the inputs, and labels that come with it."""
    labels: dict[str, object] = {}
    if isinstance(x, Samples):
        labels = {} if x.y is None else {LABELS: x.y}
        x = x.inputs
    if isinstance(x, Batch):
        x = x.arrays
    if isinstance(x, Mapping):
        return {str(name): values for name, values in x.items()} | labels
    return {INPUTS: x} | labels


def _tensors(inputs: object) -> tuple[Tensor, ...]:
    """Return the model's inputs, of which the only one may be given by its shape."""
    given = tuple(inputs) if isinstance(inputs, Sequence) else ()
    if given and all(isinstance(tensor, Tensor) for tensor in given):
        return given
    if given and all(isinstance(size, Integral) and int(size) > 0 for size in given):
        return (Tensor(INPUTS, tuple(map(int, given))),)
    raise InvalidInput(
        f"inputs are {brief(inputs)}; give those of the model's graph, or the shape of the only "
        "one without the batch, such as (32, 32, 3)"
    )


def _array(name: str, value: object) -> NDArray[np.generic]:
    """Return an argument as an array; raises InvalidInput for what none can be made of."""
    try:
        array: NDArray[np.generic] = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} is {brief(value)}; give an array of numbers") from error
    return array


def _labels(y: PathLike | ArrayLike) -> NDArray[np.generic]:
    if not is_path(y):
        return _array(LABELS, y)
    path = path_of(LABELS, y)
    arrays = read_arrays(path, ())
    if not arrays:
        raise InvalidInput(
            f"{path}: has no array y; write it with numpy.savez(path, y=class_numbers)"
        )
    return arrays.get(LABELS, next(iter(arrays.values())))


def _checked(
    arrays: Mapping[str, NDArray[np.generic]],
    inputs: Sequence[Tensor],
    labels: NDArray[np.generic] | None,
    limit: int | None,
    source: str,
) -> Samples:
    named = _by_input(arrays, inputs, source)
    batch = _batch(named, inputs, limit, source)
    if labels is None and LABELS not in {called for called, _ in named.values()}:
        labels = arrays.get(LABELS)
    whole = len(next(iter(named.values()))[1])
    y = None if labels is None else _class_numbers(labels, whole, source)[:limit]
    return Samples(batch, y)


def _batch(
    named: Mapping[str, tuple[str, NDArray[np.generic]]],
    inputs: Sequence[Tensor],
    limit: int | None,
    source: str,
) -> Batch:
    """Return the inputs' arrays, checked, of which there are as many samples each."""
    checked = {t.name: _input(*named[t.name], t, limit, source) for t in inputs}
    counts = {name: len(values) for name, values in checked.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InvalidInput(
            f"{source}: the inputs have unlike numbers of samples ({found}); give as many of each"
        )
    return Batch(checked)


def _by_input(
    arrays: Mapping[str, NDArray[np.generic]], inputs: Sequence[Tensor], source: str
) -> dict[str, tuple[str, NDArray[np.generic]]]:
    """Return each input's array, and what it is called where it comes from."""
    if len(inputs) == 1:
        name = inputs[0].name
        others = [other for other in arrays if other != LABELS]
        names = (INPUTS, name) if name == LABELS else (name, INPUTS)
        found = next((known for known in names if known in arrays), None)
        if found is None and len(others) == 1:
            found = others[0]
        if found is None:
            raise InvalidInput(
                f"{source}: has no array x; write it with numpy.savez(path, x=inputs, y=labels)"
            )
        return {name: (found, arrays[found])}
    missing = [tensor.name for tensor in inputs if tensor.name not in arrays]
    if missing:
        listed = ", ".join(repr(tensor.name) for tensor in inputs)
        raise InvalidInput(
            f"{source}: has no array {missing[0]!r}; the model has {len(inputs)} inputs: write "
            f"an array for each with numpy.savez(path, **arrays), named {listed}"
        )
    return {tensor.name: (tensor.name, arrays[tensor.name]) for tensor in inputs}


def _input(
    name: str, x: NDArray[np.generic], tensor: Tensor, limit: int | None, source: str
) -> FloatArray:
    shape = tensor.shape
    if tensor.order is not None and x.shape[1:] == tuple(shape[i] for i in tensor.order):
        x = x.transpose(0, *(tensor.order.index(i) + 1 for i in range(len(shape))))
    if x.dtype.kind not in "fiub":
        raise InvalidInput(f"{source}: {name} has type {x.dtype}; expected real numbers")
    if x.shape[1:] != shape and (*x.shape[1:], 1) == shape and x.ndim > 0:
        x = x[..., np.newaxis]
    if x.ndim == 0 or x.shape[1:] != shape or len(x) == 0:
        expected = ", ".join(map(str, shape))
        raise InvalidInput(
            f"{source}: {name} has shape {list(x.shape)}; the model expects [samples, {expected}] "
            f"{_other_order(tensor)}with at least one sample"
        )
    taken = len(x) if limit is None else min(limit, len(x))
    check_sample_bytes(source, np.dtype(np.float32).itemsize * taken * math.prod(shape))
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(x[:limit], dtype=np.float32)
    if not np.isfinite(values).all():
        raise InvalidInput(
            f"{source}: {name} holds NaN, infinite or too large values for float32; "
            "remove or repair those samples"
        )
    return values


def _other_order(tensor: Tensor) -> str:
    """Return the other shape in which inputs are taken, if there is one."""
    if tensor.order is None:
        return ""
    own = ", ".join(str(tensor.shape[i]) for i in tensor.order)
    return f"or, in the model's own order, [samples, {own}], "


def _class_numbers(y: NDArray[np.generic], count: int, source: str) -> NDArray[np.int64]:
    """Return labels as int64; Keras's data sets have columns [samples, 1]."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (count,):
        raise InvalidInput(
            f"{source}: y has shape {list(y.shape)}; expected one class number for each of the "
            f"{count} samples (for one-hot labels use y.argmax(axis=-1))"
        )
    if y.dtype.kind not in "iufb" or not np.isfinite(y).all() or (y != np.floor(y)).any():
        raise InvalidInput(f"{source}: y has type {y.dtype}; expected integer class numbers")
    if y.min() < 0 or y.max() >= 1 << 31:
        raise InvalidInput(f"{source}: y holds {y.min()} to {y.max()}; expected class numbers >= 0")
    return y.astype(np.int64)
