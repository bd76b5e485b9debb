"""Read `keras_metadata.pb`, the file in which Keras 2.5 and later keeps its JSON.

The message is small, so its protocol-buffer wire format is read directly:
SavedMetadata { repeated SavedObject nodes = 1; } and
SavedObject { int32 node_id = 2; string node_path = 3; string identifier = 4; string metadata = 5; }
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_NODES, _NODE_ID, _METADATA = 1, 2, 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS = 70


def read_keras_metadata(data: bytes) -> Mapping[int, str]:
    """Return each object's JSON text by its number in the SavedModel's object graph.

    Raises:
        ValueError: The bytes are no such message.
    """
    texts = {}
    for number, value in _fields(data):
        if number == _NODES and isinstance(value, bytes):
            fields = dict(_fields(value))
            node, text = fields.get(_NODE_ID, 0), fields.get(_METADATA, b"")
            if not isinstance(node, int) or not isinstance(text, bytes):
                raise ValueError("keras_metadata.pb holds a malformed object")
            texts[node] = text.decode()
    return texts


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the (number, value) pairs of a message."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, position = _varint(data, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"keras_metadata.pb: unknown wire type {kind}")
        if position + size > len(data):
            raise ValueError("keras_metadata.pb is cut short")
        yield tag >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a variable-length integer and the position after it."""
    value = 0
    for shift in range(0, _VARINT_BITS, 7):
        if position >= len(data):
            raise ValueError("keras_metadata.pb is cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("keras_metadata.pb holds an endless number")
