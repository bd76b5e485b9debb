"""How many bytes of a model's arrays and of samples are read: a small file can promise any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from microlut.errors import InvalidInput
from microlut.support.arguments import brief, integer

MODEL_BYTES, SAMPLE_BYTES = 1 << 30, 2 << 30
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30}  # powers of 2
_SIZE = re.compile(r"([0-9]{1,18})([kmg]?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Limits:
    model_bytes: int = MODEL_BYTES
    sample_bytes: int = SAMPLE_BYTES


_IN_FORCE: ContextVar[_Limits] = ContextVar("limits", default=_Limits())  # noqa: B039 - frozen


@contextmanager
def limits(model_bytes: int | None = None, sample_bytes: int | None = None) -> Iterator[None]:
    """Read more, or less, within a `with`: most bytes of a model's arrays, and of samples.

    Args:
        model_bytes: Most bytes of all arrays of a model together; 1 GiB by default.
        sample_bytes: Most bytes of samples, as they are in a file and as float32; 2 GiB by default.

    Raises:
        InvalidInput: One of them is no positive whole number.
    """
    given = {"model_bytes": model_bytes, "sample_bytes": sample_bytes}
    found = {name: integer(name, value, 1) for name, value in given.items() if value is not None}
    before = _IN_FORCE.set(replace(_IN_FORCE.get(), **found))
    try:
        yield
    finally:
        _IN_FORCE.reset(before)


def most_model_bytes() -> int:
    """Return the most bytes that the arrays of a model may have."""
    return _IN_FORCE.get().model_bytes


def check_model_bytes(source: object, count: int) -> None:
    """Raise InvalidInput if the arrays of a model have too many bytes."""
    most = most_model_bytes()
    if count > most:
        raise InvalidInput(
            f"{source}: its arrays take {count:,} bytes, at most {most:,} are read; use a "
            f"smaller model, or allow more: --max-model-bytes, in Python microlut.limits"
        )


def check_sample_bytes(source: object, count: int) -> None:
    """Raise InvalidInput if samples have too many bytes."""
    most = _IN_FORCE.get().sample_bytes
    if count > most:
        raise InvalidInput(
            f"{source}: the samples take {count:,} bytes, at most {most:,} are read; give "
            "fewer, or allow more: --max-sample-bytes, in Python microlut.limits"
        )


def size_of(text: object) -> int:
    """Return a number of bytes, which may end in k, M or G (of 1024).

    >>> size_of("64k"), size_of("2G"), size_of(100)
    (65536, 2147483648, 100)

    Raises:
        InvalidInput: It is none, or 0.
    """
    found = _SIZE.fullmatch(str(text))
    size = 0 if found is None else int(found[1]) << _UNITS[found[2].lower()]
    if size == 0:
        raise InvalidInput(f"found {brief(text)}; give a number of bytes, such as 64M or 2G")
    return size


class Quota:
    """Bytes that the arrays of a model have so far; each is told before it is read."""

    def __init__(self) -> None:
        """Begin without arrays."""
        self._taken = 0

    def take(self, count: int, source: object) -> None:
        """Tell of an array; raise InvalidInput if all together are too large."""
        self._taken += count
        check_model_bytes(source, self._taken)
