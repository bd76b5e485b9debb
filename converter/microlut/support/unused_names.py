"""Names that nothing else has: the wanted one, or that with a number."""

from __future__ import annotations

from collections.abc import Container, Iterable


def unused(wanted: str, *taken: Container[str]) -> str:
    """Return `wanted`, or else the first of wanted_1, wanted_2, ... that is not taken.

    >>> [unused("a", {"b"}), unused("a", {"a"}, ["a_1"])]
    ['a', 'a_2']
    """
    name, count = wanted, 0
    while any(name in names for names in taken):
        count += 1
        name = f"{wanted}_{count}"
    return name


class Taken(set[str]):
    """Names that are taken, and the numbers from where on to look for others."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Begin with some names."""
        super().__init__(names)
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return an unused name, and add it to those that are taken."""
        return self.take_numbered(wanted) if wanted in self else self._added(wanted)

    def take_numbered(self, wanted: str, reserved: Container[str] = ()) -> str:
        """Return the first unused of wanted_1, wanted_2, ..., and add it to those that are taken.

        It takes no longer however many have been taken.
        """
        number = self._next.get(wanted, 1)
        while (name := f"{wanted}_{number}") in self or name in reserved:
            number += 1
        self._next[wanted] = number + 1
        return self._added(name)

    def _added(self, name: str) -> str:
        self.add(name)
        return name
