"""Turn exceptions from damaged containers into errors for the user.

A container is a zip, HDF5, protocol-buffer or checkpoint file. Only containers are called damaged.
Errors about the contents of a sound one say what was expected and what was found.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microlut.errors import InvalidInput
from microlut.importers.keras.config import one_line

# Exceptions of h5py, zipfile and NumPy for damaged files.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def container(path: Path | str) -> Iterator[None]:
    """Report exceptions of the libraries in this context as damage of the file `path`.

    Raises:
        InvalidInput: The file cannot be read to its end.
    """
    try:
        yield
    except PermissionError as error:
        raise InvalidInput(f"{path}: {one_line(error)}; make it readable") from error
    except _DAMAGE as error:
        raise damaged(path, one_line(error)) from error


def too_large(path: Path) -> InvalidInput:
    """Return the error for a file for which there is not enough memory."""
    return InvalidInput(f"{path}: reading it takes too much memory; use a smaller model")


def damaged(path: Path | str, reason: str) -> InvalidInput:
    """Return the error for a file that cannot be read to its end."""
    return InvalidInput(
        f"{path}: cannot be read ({reason}); the file is damaged or incomplete: "
        "save the model or copy the file again"
    )
