"""What reading a damaged file raises, and the error that the user sees instead."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from microlut.errors import InvalidInput
from microlut.importers.keras_config import one_line

# What h5py, zipfile, json and NumPy raise on damaged files.
DAMAGE = (
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


def damaged(path: Path, reason: BaseException | str) -> InvalidInput:
    """Return the error for a file that cannot be read to its end."""
    text = reason if isinstance(reason, str) else one_line(reason)
    return InvalidInput(
        f"{path}: cannot be read ({text}); the file is damaged or incomplete: "
        "save the model or copy the file again"
    )
