"""Parts of a flatbuffer, of which none is trusted, as values."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import Shape
from microlut.support.texts import plain

MAGIC, MAGIC_OFFSET = b"TFL3", 4
MOST_DIMENSIONS = 8
_VERSION = 3
_LARGEST_SIZE = 1 << 31
_LONGEST_NAME = 200
_NO_FIELDS = re.compile(r"_|GetRootAs|Init$|.*(AsNumpy|IsNone|Length|BufferHasIdentifier)$")


class Damaged(ValueError):
    """What cannot be right."""


def is_model(content: bytes, named: bool) -> bool:
    """Return whether a model begins so; a file that is named as one may lack the signature.

    Some tools leave the signature out, since devices do not read it: the first field is the version
    of the schema.
    """
    head = content[MAGIC_OFFSET : MAGIC_OFFSET + len(MAGIC)]
    if head == MAGIC or not named:
        return head == MAGIC
    try:
        (table,) = struct.unpack_from("<I", content)
        (back,) = struct.unpack_from("<i", content, table)
        fields = table - back
        (first,) = struct.unpack_from("<H", content, max(fields, 0) + 4)
        (version,) = struct.unpack_from("<I", content, table + first)
    except struct.error:
        return False
    return fields > 0 and first > 0 and bool(version == _VERSION)


def each(get: Callable[[int], Any], count: int, most: int) -> Iterator[Any]:
    """Return the parts of a vector of tables; raise Damaged if there are too many."""
    if count > most:
        raise Damaged(f"it has {count:,} parts of a kind, at most {most:,} are allowed")
    return (get(i) for i in range(count))


def names_of(enumeration: type[Any]) -> dict[int, str]:
    """Return the names of an enumeration; of names for a number, the last one."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


@cache
def fields_of(kind: type[Any]) -> tuple[tuple[str, bool], ...]:
    """Return the fields of a table, and whether each is a list."""
    names = [name for name in vars(kind) if not _NO_FIELDS.match(name)]
    return tuple((name, hasattr(kind, f"{name}Length")) for name in names)


def text_of(text: bytes | None) -> str:
    """Return the visible characters of a name that is not too long."""
    return plain((text or b"")[:_LONGEST_NAME].decode("utf-8", "replace"))


def shape_of(values: Any) -> Shape:  # noqa: ANN401
    """Return a shape; raise Damaged for one that no tensor has."""
    shape = () if isinstance(values, int) else tuple(values[: MOST_DIMENSIONS + 1].tolist())
    if len(shape) > MOST_DIMENSIONS or any(n < 0 for n in shape):
        raise Damaged(f"a tensor has the shape {list(shape)}")
    if math.prod(shape) >= _LARGEST_SIZE:
        raise Damaged(f"a tensor has the shape {list(shape)}")
    return shape


def quantization_of(
    found: Any,  # noqa: ANN401
    name: str,
) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
    """Return the scales of a tensor, as many zero points, and their dimension."""
    none = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    if found is None or not found.ScaleLength():
        return none
    scales = np.array(found.ScaleAsNumpy(), np.float32)
    given = found.ZeroPointAsNumpy() if found.ZeroPointLength() else np.zeros(len(scales))
    points: NDArray[np.int64] = np.array(given, np.int64)
    if len(points) == 1:
        points = np.repeat(points, len(scales))
    if len(scales) != len(points) or not (np.isfinite(scales) & (scales >= 0)).all():
        raise Damaged(f"the scales of {name!r} cannot be right")
    return scales, points, int(found.QuantizedDimension())
