"""The checksum CRC-32C by NumPy: of equal stretches of bytes side by side, which are then joined.

A state of the checksum is linear in the state before, so that what zeros make of it is a matrix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

_POLYNOMIAL = 0x82F6_3B78
_ONES = 0xFFFF_FFFF
_MOST_STRETCHES = 1 << 14
_LEAST_STRETCH = 64
_MASK_DELTA = 0xA282_EAD8
_BITS: Words = np.uint32(1) << np.arange(32, dtype=np.uint32)


def _table() -> Words:
    state = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        state = (state >> np.uint32(1)) ^ np.where(state & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return state.astype(np.uint32)


_TABLE = _table()


def crc32c(data: bytes | memoryview) -> int:
    """Return the checksum of bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    content = np.frombuffer(data, np.uint8)
    stretches = 1
    while stretches < _MOST_STRETCHES and content.size > 2 * stretches * _LEAST_STRETCH:
        stretches *= 2
    length = -(-content.size // stretches)
    padded = np.zeros(stretches * length, np.uint8)  # zeros before all leave a state of zero alone
    padded[padded.size - content.size :] = content
    columns = np.ascontiguousarray(padded.reshape(stretches, length).T)
    states = np.zeros(stretches, np.uint32)
    for column in columns:
        states = _TABLE[(states ^ column) & 255] ^ (states >> np.uint32(8))
    step = _zeros(length)
    while len(states) > 1:
        states = _applied(step, states[::2]) ^ states[1::2]
        step = _applied(step, step)
    start = _applied(_zeros(content.size), np.array([_ONES], np.uint32))
    return int(states[0] ^ start[0]) ^ _ONES


def masked(checksum: int) -> int:
    """Return a checksum as files of TensorFlow have it, which are checked themselves."""
    return (((checksum >> 15) | (checksum << 17)) + _MASK_DELTA) & _ONES


def _zeros(count: int) -> Words:
    """Return what a number of zeros makes of each bit of a state."""
    made, power = _BITS, _TABLE[_BITS & 255] ^ (_BITS >> np.uint32(8))
    while count:
        made = _applied(power, made) if count & 1 else made
        power, count = _applied(power, power), count >> 1
    return made


def _applied(matrix: Words, states: Words | Sequence[int]) -> Words:
    """Return states after the zeros of a matrix."""
    given = np.asarray(states, np.uint32)
    found = np.zeros_like(given)
    for bit, word in enumerate(matrix):
        found ^= np.where((given >> np.uint32(bit)) & 1, word, np.uint32(0))
    return found
