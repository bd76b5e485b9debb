"""Write files completely or not at all, and check in advance whether they can be written."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from microlut.errors import InvalidInput

# What CMake, Ninja, linkers and Renode accept unquoted; each quotes other characters differently.
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")
_TEMPORARY = ("/tmp", "/var/tmp")  # nosec B108 # mkdtemp makes a folder in one of them


@contextmanager
def plain_folder() -> Iterator[Path]:
    """Yield a temporary folder with a path that needs no quotes anywhere.

    Raises:
        InvalidInput: No such folder can be written.
    """
    places = [Path(place).resolve() for place in (tempfile.gettempdir(), *_TEMPORARY)]
    plain = [place for place in places if _needs_no_quotes(place) and place.is_dir()]
    if not plain:
        raise InvalidInput(
            f"{places[0]}: temporary files go there, and the path has other characters than "
            "letters, digits and _./+-; set TMPDIR to another folder"
        )
    with tempfile.TemporaryDirectory(prefix="microlut-", dir=plain[0]) as folder:
        yield Path(folder)


def _needs_no_quotes(path: Path) -> bool:
    """Return whether a path has only letters, digits and _./+-."""
    return _PLAIN.fullmatch(str(path)) is not None


def write_file(path: Path, data: bytes) -> None:
    """Write a file in an existing folder; an earlier one stays until the new one is complete.

    Raises:
        InvalidInput: It cannot be written.
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


def write_new_file(path: Path, data: bytes) -> None:
    """Write a file as `write_file` does, and make its folder if it is missing.

    Raises:
        InvalidInput: One of both cannot be made.
    """
    make_folder(path.parent)
    write_file(path, data)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless they are there.

    Raises:
        InvalidInput: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"{folder}: cannot be made ({error.strerror}); choose another folder"
        ) from error


def check_place(path: Path) -> None:
    """Raise OSError if nothing can be written at a path; missing parent folders are made."""
    path = path.resolve()
    above = next((folder for folder in path.parents if folder.exists()), path)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=above) as folder:
        (Path(folder) / path.relative_to(above)).mkdir(parents=True, exist_ok=True)


def check_file(path: Path, is_ours: Callable[[bytes], bool], what: str) -> None:
    """Check in advance that a file can be written and replaces no file of the user's.

    Args:
        path: Path of the file.
        is_ours: Returns whether an existing file's bytes are as microlut wrote them.
        what: The kind of file, for the message.

    Raises:
        InvalidInput: It cannot be written, or there is one that microlut did not write.
    """
    try:
        check_place(path)
        found = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise InvalidInput(
            f"{path}: cannot be written ({error.strerror}); choose another file"
        ) from error
    if found is not None and not is_ours(found):
        raise InvalidInput(
            f"{path}: is there and not {what} as microlut wrote it; choose another file, or remove "
            "that one"
        )
