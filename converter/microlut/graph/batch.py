"""Values of several tensors for the same samples, such as all inputs of a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.ops.tensor import Tensor
from microlut.support.shown import Shown


@dataclass(frozen=True, slots=True, repr=False)
class Batch(Shown):
    """Arrays [samples, ...] by tensor name, in the order of the tensors.

    A slice of it, as of an array, has some of the samples.
    """

    arrays: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, samples: slice | NDArray[Any]) -> Batch:
        """Return some of the samples."""
        return Batch({name: values[samples] for name, values in self.arrays.items()})

    def __iter__(self) -> Iterator[Batch]:
        """Yield each sample as a batch of one."""
        return (self[i : i + 1] for i in range(len(self)))


Arrays = NDArray[Any] | Batch  # an array stands for the only tensor's values


def by_name(tensors: Iterable[Tensor], samples: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays of some tensors by name.

    Raises:
        KeyError: The batch lacks one of the tensors.
        TypeError: There is one array for several tensors.
    """
    names = [tensor.name for tensor in tensors]
    if isinstance(samples, Batch):
        return {name: samples.arrays[name] for name in names}
    if len(names) != 1:
        raise TypeError(f"one array was given for the tensors {', '.join(names)}")
    return {names[0]: samples}


def joined(batches: Iterable[Batch]) -> Batch:
    """Concatenate batches, of which there is at least one."""
    parts = list(batches)
    return Batch(
        {name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    )


def only(batch: Batch) -> NDArray[Any]:
    """Return the only array of a batch; raise ValueError if there are several."""
    (values,) = batch.arrays.values()
    return values
