"""Read marshalled code objects of CPython 3.6 to 3.14 as data.

The module `marshal` must not be given data that one does not trust.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MOST_ITEMS = 1000
_REFERABLE = 0x80  # a bit of a type: the value may be referred to later
_VARIADIC = 0x0C  # bits of a function's flags: *args and **kwargs


class NotKnown(Exception):
    """Something is none of the few things that are known."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code object: what is needed of it."""

    arguments: int
    instructions: bytes
    constants: Sequence[Any]
    names: Sequence[str]
    variables: Sequence[str]
    is_new: bool  # of CPython 3.11 or later


def code_of(data: bytes) -> Code:
    """Return the code object that the data is.

    Raises:
        NotKnown: It is something else, or has arguments other than plain ones.
    """
    try:
        return _Reader(data).code()
    except (struct.error, LookupError, TypeError, UnicodeError) as error:
        raise NotKnown from error


@dataclass(slots=True)
class _Reader:
    """Reads marshalled values of a few types."""

    data: bytes
    place: int = 0
    referred: list[Any] = field(default_factory=list)

    def _take(self, count: int) -> bytes:
        found = self.data[self.place : self.place + count]
        if count < 0 or len(found) < count:
            raise NotKnown
        self.place += count
        return found

    def _integer(self) -> int:
        return int(struct.unpack("<i", self._take(4))[0])

    def value(self) -> Any:  # noqa: ANN401 - any of a few types
        kind = self._take(1)[0]
        name, number = chr(kind & ~_REFERABLE), len(self.referred)
        if name == "r":
            return self.referred[self._integer()]
        if kind & _REFERABLE:
            self.referred.append(None)
        found = self._of_kind(name)
        if kind & _REFERABLE:
            self.referred[number] = found
        return found

    def _of_kind(self, name: str) -> Any:  # noqa: ANN401
        if name in _SINGLETONS:
            return _SINGLETONS[name]
        if name == "i":
            return self._integer()
        if name == "g":
            return struct.unpack("<d", self._take(8))[0]
        if name == "s":
            return self._take(self._integer())
        if name in "uta" or name == "A":
            return self._take(self._integer()).decode()
        if name in "zZ":
            return self._take(self._take(1)[0]).decode("ascii")
        if name in ")(":
            count = self._take(1)[0] if name == ")" else self._integer()
            if not 0 <= count <= _MOST_ITEMS:
                raise NotKnown
            return tuple(self.value() for _ in range(count))
        if name == ":":
            return slice(*(self.value() for _ in range(3)))
        raise NotKnown

    def code(self) -> Code:
        """Return the code object that the data is."""
        kind = self._take(1)[0]
        if chr(kind & ~_REFERABLE) != "c":
            raise NotKnown
        if kind & _REFERABLE:
            self.referred.append(None)
        start, referred = self.place, len(self.referred)
        for count, is_new in ((5, False), (6, False), (5, True)):
            self.place, self.referred = start, self.referred[:referred]
            try:
                return self._code(count, is_new)
            except (NotKnown, struct.error, LookupError, TypeError, UnicodeError):
                continue
        raise NotKnown

    def _code(self, count: int, is_new: bool) -> Code:
        numbers = [self._integer() for _ in range(count)]
        has_positional = count == 6 or is_new
        if numbers[-1] & _VARIADIC or any(numbers[1 : 2 + has_positional]):
            raise NotKnown  # *args, **kwargs, and arguments only by name or position
        instructions, constants, names, variables = (self.value() for _ in range(4))
        kinds = self.value() if is_new else b""
        if not is_new and (self.value() or self.value()):
            raise NotKnown  # of an enclosing function
        texts = [self.value() for _ in range(3 if is_new else 2)]
        self._integer()
        ends = [self.value() for _ in range(2 if is_new else 1)]
        sound = isinstance(instructions, bytes) and isinstance(constants, tuple)
        sound &= all(isinstance(text, str) for text in (*texts, *names, *variables))
        sound &= all(isinstance(end, bytes) for end in ends) and self.place == len(self.data)
        sound &= not is_new or (isinstance(kinds, bytes) and len(kinds) == len(variables))
        if not sound or (is_new and any(kind & ~_ARGUMENT != _LOCAL for kind in kinds)):
            raise NotKnown
        return Code(numbers[0], instructions, constants, names, variables, is_new)


_SINGLETONS: Mapping[str, Any] = {"N": None, "T": True, "F": False, ".": ...}
_LOCAL = 0x20
_ARGUMENT = 0x06  # by position and by name, which CPython 3.14 says
