"""Files written whole or not at all: bytes and a path in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from microlut.errors import InvalidInput


def write_file(path: Path, data: bytes) -> None:
    """Write a file in an existing folder; an earlier one stays until the new one is whole.

    Raises:
        InvalidInput: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise InvalidInput(
            f"{path}: cannot be written ({error.strerror}); choose another file"
        ) from error
