"""Read HDF5 groups carefully: only plain datasets of bounded size inside the same file."""

from __future__ import annotations

import re

import h5py
import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.importers.keras.config import MAX_WEIGHT_ELEMENTS
from microlut.importers.keras.damage import container
from microlut.ops.arrays import frozen_array
from microlut.support.limits import Quota

_NO_NAME = re.compile("[\0\ud800-\udfff]")  # h5py accepts no names with these


def subgroup(group: h5py.Group, path: str, source: str) -> h5py.Group | None:
    """Return a group below another, or None if there is none of that name."""
    with container(source):
        found = _member(group, path, source)
    return found if isinstance(found, h5py.Group) else None


def names(group: h5py.Group, source: str) -> tuple[str, ...]:
    """Return the names of a group's members."""
    with container(source):
        return tuple(str(name) for name in group)


def attribute(group: h5py.Group, key: str, source: str) -> object:
    """Return an attribute's value, or None if there is none of that name."""
    with container(source):
        return group.attrs.get(key)


def dataset(group: h5py.Group, path: str, source: str, quota: Quota) -> NDArray[np.generic] | None:
    """Return a dataset's values, or None if there is none of that name.

    Raises:
        InvalidInput: It points outside the file, or is too large for any microcontroller, alone or
            with the others.
    """
    with container(source):
        found = _member(group, path, source)
        if not isinstance(found, h5py.Dataset):
            return None
        if found.external or found.is_virtual:
            raise _points_outside(path, source)
        if found.size is None or found.size > MAX_WEIGHT_ELEMENTS:
            raise InvalidInput(
                f"{source}: array {path!r} has {found.size} elements, at most "
                f"{MAX_WEIGHT_ELEMENTS} are read; use a smaller model"
            )
        quota.take(found.size * found.dtype.itemsize, source)
        values = np.asarray(found[()])
        if found.attrs.get("dtype") == "bfloat16" and values.dtype.itemsize == 2:
            values = _from_bfloat16(values)
    if values.dtype.kind not in "fiu":
        raise InvalidInput(
            f"{source}: array {path!r} has type {values.dtype}, expected float32; save the model "
            "again"
        )
    return frozen_array(values, values.dtype.type)


def _from_bfloat16(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return bfloat16, which h5py reads as two opaque bytes: the upper half of a float32."""
    halves = np.ascontiguousarray(values).view(np.uint16).astype(np.uint32)
    return (halves << 16).view(np.float32).reshape(values.shape)


def _member(group: h5py.Group, path: str, source: str) -> object:
    """Follow one link at a time, so that none leads to another file."""
    found: object = group
    for part in path.split("/"):
        if part in ("", "."):  # as HDF5 does: a layer may be named a//b
            continue
        if not isinstance(found, h5py.Group) or _NO_NAME.search(part):
            return None
        link = found.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise _points_outside(path, source)
        found = found[part]
    return found


def _points_outside(path: str, source: str) -> InvalidInput:
    return InvalidInput(
        f"{source}: {path!r} is a link or is stored in another file; a Keras model holds its "
        "own arrays: save the model again"
    )
