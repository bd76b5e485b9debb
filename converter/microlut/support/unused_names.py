"""Names that nothing else has: the wanted one, or that with a number."""

from __future__ import annotations

from collections.abc import Container


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


def take(wanted: str, names: set[str]) -> str:
    """Return an unused name, and add it to those that are taken."""
    name = unused(wanted, names)
    names.add(name)
    return name
