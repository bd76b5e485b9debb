"""Training data: arrays, or batches that come one after the other, with class numbers or without.

TensorFlow is not needed here: a `tf.data.Dataset` is iterated, a `keras.utils.PyDataset` indexed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.batch import Batch, joined
from microlut.importers.samples import Samples, as_samples
from microlut.ops.tensor import Tensor
from microlut.support.arguments import brief, is_path

_KEPT_ASIDE = 10  # of so many samples, one judges
_MOST_JUDGES = 1000
_CALIBRATION = 500
_SEED = 0

Batches = Callable[[int], Iterator[Samples]]  # those of an epoch, counted from 0


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a network is trained with.

    Attributes:
        batches: Gives the batches of an epoch; the same ones for the same number, if the data are
            arrays.
        steps: Batches per epoch.
        calibration: Some hundred inputs, for ranges and the first assignment of weights.
        judges: Samples that are not trained with.
    """

    batches: Batches
    steps: int
    calibration: Batch
    judges: Samples

    @property
    def labelled(self) -> bool:
        """Return whether the samples have class numbers."""
        return self.judges.y is not None


def training_data(
    data: object, validation: object, inputs: Sequence[Tensor], batch: int
) -> TrainingData:
    """Return the training data in one form.

    Args:
        data: An .npz with arrays `x` and `y`; a pair (x, y); an array or arrays by input name; or
            batches of these: a `tf.data.Dataset`, a `keras.utils.PyDataset`, or any iterable that
            can be iterated again.
        validation: The same for the samples that judge. None keeps a tenth of the samples aside,
            for which they must be arrays.
        inputs: Those of the network.
        batch: Samples per batch, if the data are arrays.

    Raises:
        InvalidInput: The data do not fit the network, or are too few.
    """
    judges = None if validation is None else _whole(validation, inputs, "validation")
    if _is_stream(data):
        if judges is None:
            raise InvalidInput(
                f"data is {brief(data)}, whose order may change; give samples that judge as "
                "validation, too"
            )
        return _streamed(data, judges, inputs)
    return _arrays(_whole(data, inputs, "data"), judges, batch)


def _is_stream(data: object) -> bool:
    """Return whether data come in batches: neither arrays nor what arrays are made of."""
    known = (Samples, Batch, Mapping, tuple, list, np.ndarray)
    if is_path(data) or isinstance(data, known) or hasattr(data, "__array__"):
        return False
    return hasattr(data, "__iter__") or _is_indexed(data)


def _is_indexed(data: object) -> bool:
    return hasattr(data, "__len__") and hasattr(data, "__getitem__")


def _whole(data: object, inputs: Sequence[Tensor], what: str) -> Samples:
    """Return all samples of data in arrays or in batches."""
    if _is_stream(data):
        parts = list(_samples(data, inputs))
        if not parts:
            raise InvalidInput(f"{what} has no batches; give some")
        labels = [part.y for part in parts if part.y is not None]
        y = np.concatenate(labels) if len(labels) == len(parts) else None
        return Samples(joined(part.inputs for part in parts), y)
    if isinstance(data, tuple):
        return _pair(data, inputs, what)
    return as_samples(data, inputs)  # type: ignore[arg-type]


def _pair(data: tuple[Any, ...], inputs: Sequence[Tensor], what: str) -> Samples:
    """Return samples of (x, y); sample weights behind them are refused."""
    if len(data) != 2:
        raise InvalidInput(f"{what} has {len(data)} parts; give a pair of inputs and class numbers")
    x, y = data
    if isinstance(x, tuple | list) and len(x) == len(inputs) > 1:
        x = {tensor.name: values for tensor, values in zip(inputs, x, strict=True)}
    return as_samples(x, inputs, _numbers(np.asarray(y)))


def _numbers(y: NDArray[Any]) -> NDArray[Any]:
    """Return class numbers of labels, which may be one-hot [n, classes]."""
    one_hot = y.ndim == 2 and y.shape[1] > 1 and np.all((y == 0) | (y == 1))
    return y.argmax(axis=1) if one_hot and np.all(y.sum(axis=1) == 1) else y


def _samples(data: Any, inputs: Sequence[Tensor]) -> Iterator[Samples]:  # noqa: ANN401
    """Yield the batches of a stream as checked samples."""
    each = (data[i] for i in range(len(data))) if _is_indexed(data) else iter(data)
    for part in each:
        if isinstance(part, tuple):
            yield _pair(part, inputs, "a batch")
        else:
            yield as_samples(part, inputs)


def _streamed(data: object, judges: Samples, inputs: Sequence[Tensor]) -> TrainingData:
    kept: list[Batch] = []
    steps = count = 0
    for part in _samples(data, inputs):
        steps += 1
        if count < _CALIBRATION:
            kept.append(part.inputs)
            count += len(part)
        if (part.y is None) is not (judges.y is None):
            raise InvalidInput(
                "only one of data and validation has class numbers; give both or none"
            )
    if not steps:
        raise InvalidInput("data has no batches; give some")

    def batches(_epoch: int) -> Iterator[Samples]:
        if hasattr(data, "on_epoch_end") and _epoch:
            data.on_epoch_end()
        return _samples(data, inputs)

    return TrainingData(batches, steps, joined(kept)[:_CALIBRATION], judges)


def _arrays(samples: Samples, judges: Samples | None, batch: int) -> TrainingData:
    """Return data in arrays; without judges, every tenth sample judges."""
    places = np.arange(len(samples))
    if judges is None:
        if len(samples) < 2 * _KEPT_ASIDE:
            raise InvalidInput(
                f"data has {len(samples)} samples; give {2 * _KEPT_ASIDE} or more, or validation"
            )
        step = max(_KEPT_ASIDE, -(-len(samples) // _MOST_JUDGES))
        aside = places % step == 0
        judges, places = _chosen(samples, places[aside]), places[~aside]
    if (samples.y is None) is not (judges.y is None):
        raise InvalidInput("only one of data and validation has class numbers; give both or none")
    steps = -(-len(places) // batch)

    def batches(epoch: int) -> Iterator[Samples]:
        order = np.random.default_rng((_SEED, epoch)).permutation(places)
        for start in range(0, len(order), batch):
            yield _chosen(samples, order[start : start + batch])

    spread = places[np.linspace(0, len(places) - 1, min(_CALIBRATION, len(places))).astype(int)]
    return TrainingData(batches, steps, _chosen(samples, spread).inputs, judges)


def _chosen(samples: Samples, places: NDArray[np.intp]) -> Samples:
    return Samples(samples.inputs[places], None if samples.y is None else samples.y[places])
