"""Instructions of CPython 3.13 and 3.14 as those of CPython 3.12, which have other numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microlut.importers.keras.marshalled import NotKnown

Step = tuple[int, int]

# Instructions that CPython 3.12 lacks, by numbers that no byte has.
CALL_WITH_NAMES, SMALL_INTEGER, NULL_ABOVE = 1000, 1001, 1002

_SKIP, _SUBSCRIPT = 0, 25
# By the number of RESUME, with which every function begins: the others, as those of CPython 3.12.
_NUMBERS = {
    149: {
        0: _SKIP, 4: 27, 5: _SUBSCRIPT, 30: _SKIP, 34: NULL_ABOVE, 36: 83, 42: 11, 45: 122, 47: 103,
        50: 133, 52: 102, 53: 171, 57: CALL_WITH_NAMES, 75: 108, 82: 106, 83: 100, 85: 124, 91: 116,
        110: 125, 149: _SKIP,
    },
    128: {
        0: _SKIP, 1: 27, 27: _SKIP, 28: _SKIP, 33: NULL_ABOVE, 35: 83, 41: 11, 44: 122, 46: 103,
        49: 133, 51: 102, 52: 171, 55: CALL_WITH_NAMES, 73: 108, 80: 106, 82: 100, 84: 124, 86: 124,
        92: 116, 94: SMALL_INTEGER, 112: 125, 128: _SKIP,
    },
}  # fmt: skip
# Two instructions in one, of which each has half of the argument.
_PAIRS = {
    149: {88: (124, 124), 111: (125, 124), 112: (125, 125)},
    128: {87: (124, 124), 89: (124, 124), 113: (125, 124), 114: (125, 125)},
}
_OPERATION, _OPERATION_SUBSCRIPT = 122, 26


def as_older(steps: Sequence[Step]) -> list[Step]:
    """Return the instructions of a function as CPython 3.12 has them.

    Raises:
        NotKnown: One has no such form.
    """
    version = steps[0][0] if steps else 0
    return list(_translated(steps, version)) if version in _NUMBERS else list(steps)


def _translated(steps: Sequence[Step], version: int) -> Iterator[Step]:
    for opcode, argument in steps:
        pair = _PAIRS[version].get(opcode)
        if pair is not None:
            yield pair[0], argument >> 4
            yield pair[1], argument & 15
            continue
        number = _NUMBERS[version].get(opcode)
        if number is None:
            raise NotKnown
        if number == _OPERATION and argument == _OPERATION_SUBSCRIPT:
            number = _SUBSCRIPT
        yield number, argument
