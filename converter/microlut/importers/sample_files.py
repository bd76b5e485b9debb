"""Read arrays from `.npz` and `.npy` files, which are never unpickled."""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.support.arguments import is_path, path_of
from microlut.support.limits import check_sample_bytes

INPUTS, LABELS = "x", "y"
_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # an archive with a password, or packed in a way that Python does not know
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def check_file(inputs: object) -> None:
    """Raise InvalidInput if inputs are a file that cannot be opened; its arrays are not read.

    A model takes seconds to read: whoever gave a wrong name need not wait for it.
    """
    if is_path(inputs):
        _open(path_of("inputs", inputs))


def read_arrays(path: Path, names: Iterable[str]) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of these names, of inputs and of labels, as far as the file has them.

    If it has only one array apart from labels, this is returned, whatever its name. An `.npy` has
    one without a name: it is that of inputs.

    Raises:
        InvalidInput: The file is missing or damaged.
    """
    loaded = _open(path)
    try:
        return _chosen(path, loaded, names)
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def _chosen(
    path: Path, loaded: NDArray[np.generic] | np.lib.npyio.NpzFile, names: Iterable[str]
) -> dict[str, NDArray[np.generic]]:
    with _quiet():
        if isinstance(loaded, np.ndarray):
            return {INPUTS: np.array(loaded)}
        with loaded:
            # Only what is used is read: the file may hold more.
            wanted = {INPUTS, LABELS, *names}
            found = [n for n in loaded.files if n in wanted]
            others = [n for n in loaded.files if n != LABELS]
            if not set(found) - {LABELS} and len(others) == 1:
                found.append(others[0])
            _check_size(path, loaded, found)
            return {name: loaded[name] for name in found}


def _check_size(path: Path, loaded: np.lib.npyio.NpzFile, names: Iterable[str]) -> None:
    """Raise InvalidInput if arrays are too large, by their headers: zeros are packed to nothing."""
    total, archive = 0, loaded.zip
    assert archive is not None  # which it is only once closed
    entries = set(archive.namelist())
    for name in names:
        with archive.open(name if name in entries else f"{name}.npy") as file:
            first = np.lib.format.read_magic(file) == (1, 0)
            read = np.lib.format.read_array_header_2_0
            shape, _, dtype = (np.lib.format.read_array_header_1_0 if first else read)(file)
        total += math.prod(shape) * dtype.itemsize
    check_sample_bytes(path, total)


def _open(path: Path) -> NDArray[np.generic] | np.lib.npyio.NpzFile:
    """Return the array in an `.npy`, mapped into memory, or the open `.npz`."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise InvalidInput(f"{path}: {what}; give samples as .npz with array x, or as .npy")
    try:
        opened: NDArray[np.generic] | np.lib.npyio.NpzFile
        with _quiet():
            opened = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    return opened


@contextmanager
def _quiet() -> Iterator[None]:
    """Read headers without a word: they are Python's, and may be those of Python 2."""
    with warnings.catch_warnings():
        for category in (SyntaxWarning, UserWarning):
            warnings.simplefilter("ignore", category)
        yield


def _unreadable(path: Path, error: BaseException) -> InvalidInput:
    text = " ".join(str(error).split())[:200]
    objects = "pickle" in text or "Python objects" in text
    reason = "it holds Python objects or is no NumPy file" if objects else text
    return InvalidInput(
        f"{path}: cannot be read as .npz or .npy ({reason}); write it with "
        "numpy.savez(path, x=inputs, y=labels), without Python objects"
    )
