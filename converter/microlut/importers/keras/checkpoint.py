"""Read the arrays of a TensorFlow checkpoint (`variables.index` and its data files) as data.

The index is a table of LevelDB: blocks of sorted keys, a block that names these, and a footer.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.importers.keras.crc32c import crc32c, masked
from microlut.importers.keras.wire import fields, messages, number, varint

_MAGIC = 0xDB47_7524_8B80_FB57
_FOOTER_BYTES, _TRAILER_BYTES = 48, 5
_WORD, _LONG = struct.Struct("<I"), struct.Struct("<Q")
_MOST_INDEX_BYTES = 64 << 20
_TYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    9: "int64",
    10: "bool",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
_STRING, _BFLOAT16 = 7, 14
# Fields of the messages BundleHeaderProto, BundleEntryProto and TensorShapeProto.
_SHARDS, _ENDIANNESS = 1, 2
_TYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CHECKSUM = 1, 2, 3, 4, 5, 6
_DIMENSION, _DIMENSION_SIZE = 2, 1


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an array is.

    Attributes:
        kind: Number of its type in TensorFlow.
        shape: Its sizes.
        shard: Number of its data file.
        offset: Its place in that.
        size: Its bytes.
        checksum: Of these bytes, masked.
    """

    kind: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int

    @property
    def array_bytes(self) -> int:
        """Return the bytes of an array of this type and shape; 0 if the type is none of numbers."""
        item = 2 if self.kind == _BFLOAT16 else np.dtype(_TYPES.get(self.kind, "V0")).itemsize
        return math.prod(self.shape) * item


class Checkpoint:
    """A checkpoint whose arrays are read one by one.

    Raises:
        ValueError: The index is damaged.
        OSError: It cannot be read.
    """

    def __init__(self, index: Path) -> None:
        """Read the index of a checkpoint."""
        if index.stat().st_size > _MOST_INDEX_BYTES:
            raise InvalidInput(f"{index}: more than {_MOST_INDEX_BYTES:,} bytes; save it again")
        self._stem = index.with_suffix("")
        entries = dict(_table(memoryview(index.read_bytes())))
        header = dict(fields(memoryview(entries.pop(b"", b""))))
        if header.get(_ENDIANNESS, 0) != 0:
            raise ValueError("a checkpoint of a big-endian machine")
        self._shards = number(header.get(_SHARDS, 1))
        self._entries = entries

    def entry(self, key: str) -> Entry | None:
        """Return where an array is; None if there is none of that name."""
        found = self._entries.get(key.encode())
        return None if found is None else _entry(memoryview(found))

    def text(self, key: str) -> bytes:
        """Return the only text of an array of texts.

        Raises:
            ValueError: There is none, or another array.
        """
        entry = self.entry(key)
        if entry is None or entry.kind != _STRING or entry.shape != ():
            raise ValueError(f"the checkpoint has no text {key}")
        content = memoryview(self._bytes(entry))
        length, start = varint(content, 0)
        start += _WORD.size  # a checksum of the length
        if start + length != len(content):
            raise ValueError(f"the text {key} is cut short")
        return bytes(content[start:])

    def array(self, entry: Entry) -> NDArray[np.generic]:
        """Return an array of numbers.

        Raises:
            ValueError: It is damaged, or none of numbers.
        """
        if entry.kind not in _TYPES and entry.kind != _BFLOAT16:
            raise ValueError(f"an array has the type {entry.kind}")
        if entry.size != entry.array_bytes:
            raise ValueError(f"an array of shape {list(entry.shape)} has {entry.size} bytes")
        content = self._bytes(entry)
        if masked(crc32c(content)) != entry.checksum:
            raise ValueError("the checksum of an array is another one")
        if entry.kind == _BFLOAT16:  # the upper half of a float32
            halves = np.frombuffer(content, "<u2").astype(np.uint32)
            return (halves << np.uint32(16)).view(np.float32).reshape(entry.shape)
        return np.frombuffer(content, _TYPES[entry.kind]).reshape(entry.shape)

    def _bytes(self, entry: Entry) -> bytes:
        path = self._stem.with_name(
            f"{self._stem.name}.data-{entry.shard:05d}-of-{self._shards:05d}"
        )
        with path.open("rb") as file:
            left = file.seek(0, 2) - entry.offset
            if entry.size > left:
                raise ValueError(f"{path.name} is cut short")
            file.seek(entry.offset)
            return file.read(entry.size)


def _table(data: memoryview) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a table."""
    if len(data) < _FOOTER_BYTES or _LONG.unpack(data[-_LONG.size :])[0] != _MAGIC:
        raise ValueError("variables.index does not end as such a file does")
    footer = data[-_FOOTER_BYTES:]
    _, position = varint(footer, 0)  # of another block, which nobody needs
    _, position = varint(footer, position)
    left = len(data)
    for _, handle in _block(data, *_place(footer[position:])):
        offset, size = _place(memoryview(handle))
        left -= size
        if left < 0:  # blocks do not overlap
            raise ValueError("variables.index has more blocks than bytes")
        yield from _block(data, offset, size)


def _place(handle: memoryview) -> tuple[int, int]:
    offset, position = varint(handle, 0)
    return offset, varint(handle, position)[0]


def _block(data: memoryview, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block; of a key, what begins the one before is left out."""
    whole = data[offset : offset + size + _TRAILER_BYTES]
    if len(whole) != size + _TRAILER_BYTES or size < _WORD.size:
        raise ValueError("a block of variables.index is cut short")
    if whole[size] != 0:
        raise ValueError("variables.index is compressed")
    if masked(crc32c(whole[: size + 1])) != _WORD.unpack(whole[size + 1 :])[0]:
        raise ValueError("the checksum of a block of variables.index is another one")
    restarts = _WORD.unpack(whole[size - _WORD.size : size])[0]
    end, position, key = size - _WORD.size * (1 + restarts), 0, b""
    while position < end:
        shared, position = varint(whole, position)
        own, position = varint(whole, position)
        length, position = varint(whole, position)
        if shared > len(key) or position + own + length > end:
            raise ValueError("a key of variables.index is cut short")
        key = key[:shared] + bytes(whole[position : position + own])
        position += own
        yield key, bytes(whole[position : position + length])
        position += length


def _entry(data: memoryview) -> Entry:
    found = dict(fields(data))
    shape = tuple(
        number(dict(fields(dimension)).get(_DIMENSION_SIZE, 0))
        for shape in messages(data, _SHAPE)
        for dimension in messages(shape, _DIMENSION)
    )
    checksum = found.get(_CHECKSUM, b"")
    if isinstance(checksum, int) or len(checksum) != _WORD.size:
        raise ValueError("an array has no checksum")
    shard, offset, size = (number(found.get(each, 0)) for each in (_SHARD, _OFFSET, _SIZE))
    kind = number(found.get(_TYPE, 0))
    return Entry(kind, shape, shard, offset, size, _WORD.unpack(checksum)[0])
