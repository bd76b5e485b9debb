"""Read the wire format of protocol buffers: a few small messages need no generated code."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BITS = 70

Value = int | memoryview


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the (number, value) pairs of a message; values of fixed size are bytes.

    Raises:
        ValueError: The bytes are no message.
    """
    position = 0
    while position < len(data):
        tag, position = varint(data, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = varint(data, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, position = varint(data, position)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(f"unknown wire type {kind}")
        if position + size > len(data):
            raise ValueError("a message is cut short")
        yield tag >> 3, data[position : position + size]
        position += size


def messages(data: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the messages, texts or bytes in the fields of a number."""
    for found, value in fields(data):
        if found == number and isinstance(value, memoryview):
            yield value


def text(value: Value | bytes) -> str:
    """Return the text that a value is; raise ValueError if it is none."""
    if isinstance(value, int):
        raise ValueError("a message holds a number where a text should be")  # noqa: TRY004
    return bytes(value).decode()


def number(value: Value) -> int:
    """Return the number that a value is; raise ValueError if it is none."""
    if not isinstance(value, int):
        raise ValueError("a message holds bytes where a number should be")  # noqa: TRY004
    return value


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """Return a variable-length integer and the position after it."""
    value = 0
    for shift in range(0, _VARINT_BITS, 7):
        if position >= len(data):
            raise ValueError("a message is cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a message holds an endless number")
