"""What a process sends that has read a file: JSON, and arrays of numbers; nothing that is code.

First the length of the JSON, then the JSON: [content, [[type, shape, place], ...]], then the bytes
of the arrays. Who reads it trusts none of it.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<Q")
_ALIGNED = 64  # bytes
_NUMBERS = re.compile(r"[<>|][biuf](1|2|4|8|16)\Z")


class Packing:
    """Arrays of an answer; those that share their bytes are sent once."""

    def __init__(self) -> None:
        """Begin without arrays."""
        self._arrays: list[list[Any]] = []
        self._places: dict[tuple[int, int], int] = {}
        self._parts: list[tuple[int, NDArray[Any]]] = []  # which also keeps their memory
        self._end = 0

    def add(self, array: NDArray[Any]) -> int:
        """Return the number of an array, which is sent, too."""
        whole = np.asarray(array, order="C")
        key = whole.__array_interface__["data"][0], whole.nbytes
        if key not in self._places:
            self._places[key] = self._end
            self._parts.append((self._end, whole))
            self._end += -(-whole.nbytes // _ALIGNED) * _ALIGNED
        self._arrays.append([whole.dtype.str, whole.shape, self._places[key]])
        return len(self._arrays) - 1

    def write(self, file: int, content: object) -> None:
        """Write an answer that names arrays by their numbers."""
        head = json.dumps([content, self._arrays]).encode()
        start = _start(len(head))
        with os.fdopen(os.dup(file), "wb") as target:
            target.write(_LENGTH.pack(len(head)) + head)
            for place, array in self._parts:
                target.seek(start + place)
                target.write(np.atleast_1d(array).view(np.uint8).data if array.nbytes else b"")
            target.truncate(max(target.tell(), start + self._end))


def unpacked(file: int) -> tuple[Any, Sequence[NDArray[Any]]]:
    """Return the content of an answer, and its arrays, which stay in the file's memory.

    Raises:
        ValueError: It is no answer.
    """
    size = os.fstat(file).st_size
    if size < _LENGTH.size:
        raise ValueError("an answer without a length")
    memory = mmap.mmap(file, size, access=mmap.ACCESS_READ)
    (length,) = _LENGTH.unpack_from(memory)
    content, told = json.loads(memory[_LENGTH.size : _LENGTH.size + length])
    start = _start(length)
    return content, [_array(memory, start, *each) for each in told]


def _start(head: int) -> int:
    return -(-(_LENGTH.size + head) // _ALIGNED) * _ALIGNED


def _array(memory: mmap.mmap, start: int, dtype: str, shape: list[int], place: int) -> NDArray[Any]:
    if not _NUMBERS.match(dtype) or any(n < 0 for n in shape) or place < 0:
        raise ValueError("an answer with an array that is none of numbers")
    count = math.prod(shape)
    if count == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(memory, dtype, count, start + place).reshape(shape)
