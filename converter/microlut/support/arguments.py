"""Check what callers give: each fault becomes an InvalidInput of one line that names the argument.

Type checkers see most of these faults before they happen, but notebooks run none.
"""

from __future__ import annotations

import errno
import numbers
import operator
import os
import reprlib
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import TypeGuard

from microlut.errors import InvalidInput, MicrolutError

PathLike = str | os.PathLike[str]

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EBADF)
_LONGEST_INT = 128  # bits
_LARGEST = 3.4e38  # what float32 holds
_SHORT = str | int | float | None  # what is shown itself; of others their type is told


def brief(value: object) -> str:
    """Return a wrong argument as an error shows it: short, in one line.

    >>> brief("fast"), brief([1, 2]), brief(None)
    ("'fast'", 'a list', 'None')
    """
    if isinstance(value, _SHORT):
        return shown(value)
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def shown(value: object) -> str:
    """Return an option of a file as an error shows it: short, in one line.

    >>> shown([1, 2]), shown(10**400), shown("a" * 99)
    ('[1, 2]', 'a number of 1329 bits', "'aaaaaaaaaaaa...aaaaaaaaaaaaa'")
    """
    if isinstance(value, int) and value.bit_length() > _LONGEST_INT:
        return f"a number of {value.bit_length()} bits"
    return " ".join(reprlib.repr(value).split())


def is_path(value: object) -> TypeGuard[PathLike]:
    """Return whether a value is a path, existing or not."""
    return isinstance(value, str | os.PathLike)


def path_of(name: str, value: object, kind: type[MicrolutError] = InvalidInput) -> Path:
    """Return an argument as a path; `kind` is raised if it is none, or no system could have it."""
    if not is_path(value):
        raise kind(f"{name} is {brief(value)}; give a path")
    try:
        path = Path(value)
        if b"\0" in os.fsencode(path):
            raise ValueError("it has a NUL character")
        _look_for(path)
    except (OSError, TypeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise kind(f"{name} is {brief(os.fspath(value))}; give another path: {reason}") from error
    return path


def _look_for(path: Path) -> None:
    """Raise OSError for a path that cannot be, such as one too long; `exists` is False for some."""
    try:
        path.stat()
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise InvalidInput for an argument that is none of some words."""
    allowed = [str(choice) for choice in choices]
    if not isinstance(value, str) or value not in allowed:
        raise InvalidInput(f"{name} is {brief(value)}; give {' or '.join(map(repr, allowed))}")


def check_flag(name: str, value: object) -> None:
    """Raise InvalidInput for an argument that is neither True nor False."""
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} is {brief(value)}; give True or False")


def check_text(name: str, value: object, what: str = "a text") -> None:
    """Raise InvalidInput for an argument that is no text; None is one that was left out."""
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{name} is {brief(value)}; give {what}")


def integer(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return an argument as an int; numbers of NumPy are taken as well, True is not.

    Raises:
        InvalidInput: It is none, or out of range.
    """
    allowed = f"at least {least}" if most is None else f"{least} to {most}"
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise InvalidInput(f"{name} is {brief(value)}; give a whole number, {allowed}")
    number = operator.index(value)
    if number < least or (most is not None and number > most):
        raise InvalidInput(f"{name} is {brief(number)}; give {allowed}")
    return number


def positive(name: str, value: object) -> float:
    """Return a positive, finite number; raise InvalidInput for anything else."""
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if known and 0.0 < value < _LARGEST:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    raise InvalidInput(f"{name} is {brief(value)}; give a number above 0")


def within(name: str, value: object, least: float, most: float) -> float:
    """Return a number from `least` to `most`; raise InvalidInput for anything else."""
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if known and least <= value <= most:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    raise InvalidInput(f"{name} is {brief(value)}; give a number from {least:g} to {most:g}")


def number_pair(name: str, value: object) -> tuple[float, float]:
    """Return an argument as two numbers, the second larger; raises InvalidInput otherwise."""
    try:
        if isinstance(value, str | bytes | Mapping | Set):
            raise TypeError("it has no order, or no numbers")
        low, high = (float(each) for each in value)  # type: ignore[attr-defined]
    except (OverflowError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{name} is {brief(value)}; give two numbers, such as (0, 255)"
        ) from error
    if not -_LARGEST <= low < high <= _LARGEST:
        raise InvalidInput(
            f"{name} is {low:g} to {high:g}; give a smallest and a larger largest value, "
            "such as 0 255"
        )
    return low, high
