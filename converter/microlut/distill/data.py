"""Training data: arrays, or batches that come one after the other, with targets or without.

TensorFlow is not needed here: a `tf.data.Dataset` is iterated, a `keras.utils.PyDataset` indexed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.distill.targets import Target, Targets, checked_targets
from microlut.errors import InvalidInput
from microlut.graph.batch import Batch, joined
from microlut.importers.sample_files import LABELS
from microlut.importers.samples import Samples, with_others
from microlut.ops.tensor import Tensor
from microlut.support.arguments import brief, is_path

_KEPT_ASIDE = 10  # of so many samples, one judges
_MOST_JUDGES = 1000
_CALIBRATION = 500
_SEED = 0


@dataclass(frozen=True, slots=True)
class Examples:
    """Samples to learn from.

    Attributes:
        inputs: Arrays [samples, ...] by input name.
        targets: Arrays [samples, ...] by output name, as `Target.checked` makes them, if any.
    """

    inputs: Batch
    targets: Targets | None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.inputs)

    def __getitem__(self, places: slice | NDArray[np.intp]) -> Examples:
        """Return some of the samples."""
        some = self.targets
        if some is not None:
            some = {name: y[places] for name, y in some.items()}
        return Examples(self.inputs[places], some)

    @property
    def learned(self) -> tuple[str, ...]:
        """Names of the outputs that have targets."""
        return tuple(sorted(self.targets or ()))


Batches = Callable[[int], Iterator[Examples]]  # those of an epoch, counted from 0


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
    judges: Examples

    @property
    def labelled(self) -> bool:
        """Return whether the samples have targets."""
        return self.judges.targets is not None


@dataclass(frozen=True, slots=True)
class Ends:
    """What data have to fit: the inputs of a network, and its outputs."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Target]


def training_data(data: object, validation: object, ends: Ends, batch: int) -> TrainingData:
    """Return the training data in one form.

    Args:
        data: An .npz with arrays `x` and `y`, or by the names of inputs and outputs; a pair (x, y);
            an array or arrays by input name; or batches of these: a `tf.data.Dataset`, a
            `keras.utils.PyDataset`, or any iterable that can be iterated again.
        validation: The same for the samples that judge. None keeps a tenth of the samples aside,
            for which they must be arrays.
        ends: Those of the network.
        batch: Samples per batch, if the data are arrays.

    Raises:
        InvalidInput: The data do not fit the network, or are too few.
    """
    judges = None if validation is None else _whole(validation, ends, "validation")
    if _is_stream(data):
        if judges is None:
            raise InvalidInput(
                f"data is {brief(data)}, whose order may change; give samples that judge as "
                "validation, too"
            )
        return _streamed(data, judges, ends)
    return _arrays(_whole(data, ends, "data"), judges, batch)


def _is_stream(data: object) -> bool:
    """Return whether data come in batches: neither arrays nor what arrays are made of."""
    known = (Samples, Batch, Mapping, tuple, list, np.ndarray)
    if is_path(data) or isinstance(data, known) or hasattr(data, "__array__"):
        return False
    return hasattr(data, "__iter__") or _is_indexed(data)


def _is_indexed(data: object) -> bool:
    return hasattr(data, "__len__") and hasattr(data, "__getitem__")


def _whole(data: object, ends: Ends, what: str) -> Examples:
    """Return all samples of data in arrays or in batches."""
    if not _is_stream(data):
        return _examples(data, ends, what)
    parts = list(_parts(data, ends))
    if not parts:
        raise InvalidInput(f"{what} has no batches; give some")
    targets: Targets | None = None
    if len({part.learned for part in parts}) == 1 and parts[0].targets is not None:
        targets = {
            name: np.concatenate([part.targets[name] for part in parts if part.targets])
            for name in parts[0].targets
        }
    return Examples(joined(part.inputs for part in parts), targets)


def _examples(data: object, ends: Ends, what: str) -> Examples:
    """Return samples of (x, y), of arrays or of a file; weights of samples are refused."""
    y: object = None
    if not isinstance(data, tuple):
        names = [target.name for target in ends.outputs]
        inputs, others = with_others(data, ends.inputs, names)  # type: ignore[arg-type]
        y = others.pop(LABELS, None) if LABELS not in names else None
        y = others or y
    else:
        if len(data) != 2:
            raise InvalidInput(f"{what} has {len(data)} parts; give a pair of inputs and targets y")
        x, y = data
        if isinstance(x, tuple | list) and len(x) == len(ends.inputs) > 1:
            x = {t.name: values for t, values in zip(ends.inputs, x, strict=True)}
        inputs, _ = with_others(x, ends.inputs, ())
    targets = checked_targets(y, ends.outputs)
    for name, values in (targets or {}).items():
        if len(values) != len(inputs):
            raise InvalidInput(
                f"y of output {name!r} has {len(values)} samples, but there are {len(inputs)} "
                "inputs; give as many of each"
            )
    return Examples(inputs, targets)


def _parts(data: Any, ends: Ends) -> Iterator[Examples]:  # noqa: ANN401
    """Yield the batches of a stream, checked."""
    each = (data[i] for i in range(len(data))) if _is_indexed(data) else iter(data)
    for part in each:
        yield _examples(part, ends, "a batch")


def _check_alike(some: Examples, judges: Examples) -> None:
    """Raise an error if samples do not have the targets that those have that judge."""
    if some.learned == judges.learned:
        return
    if some.targets is None or judges.targets is None:
        raise InvalidInput("only one of data and validation has targets y; give both or none")
    raise InvalidInput(
        f"data has targets of {', '.join(some.learned)}, validation of "
        f"{', '.join(judges.learned)}; give those of the same outputs"
    )


def _streamed(data: object, judges: Examples, ends: Ends) -> TrainingData:
    kept: list[Batch] = []
    steps = count = 0
    for part in _parts(data, ends):
        steps += 1
        if count < _CALIBRATION:
            kept.append(part.inputs)
            count += len(part)
        _check_alike(part, judges)
    if not steps:
        raise InvalidInput("data has no batches; give some")

    def batches(_epoch: int) -> Iterator[Examples]:
        if hasattr(data, "on_epoch_end") and _epoch:
            data.on_epoch_end()
        return _parts(data, ends)

    return TrainingData(batches, steps, joined(kept)[:_CALIBRATION], judges)


def _arrays(samples: Examples, judges: Examples | None, batch: int) -> TrainingData:
    """Return data in arrays; without judges, every tenth sample judges."""
    places = np.arange(len(samples))
    if judges is None:
        if len(samples) < 2 * _KEPT_ASIDE:
            raise InvalidInput(
                f"data has {len(samples)} samples; give {2 * _KEPT_ASIDE} or more, or validation"
            )
        step = max(_KEPT_ASIDE, -(-len(samples) // _MOST_JUDGES))
        aside = places % step == 0
        judges, places = samples[places[aside]], places[~aside]
    _check_alike(samples, judges)
    steps = -(-len(places) // batch)

    def batches(epoch: int) -> Iterator[Examples]:
        order = np.random.default_rng((_SEED, epoch)).permutation(places)
        for start in range(0, len(order), batch):
            yield samples[order[start : start + batch]]

    spread = places[np.linspace(0, len(places) - 1, min(_CALIBRATION, len(places))).astype(int)]
    return TrainingData(batches, steps, samples[spread].inputs, judges)
