"""Import TensorFlow only where it is needed, and without its start-up messages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from microlut.errors import ToolMissing

INSTALL = "pip install 'microlut[train]'"


def tensorflow_installed() -> bool:
    """Return whether TensorFlow is installed, without importing it."""
    return find_spec("tensorflow") is not None


def check_tensorflow(purpose: str) -> None:
    """Raise ToolMissing if TensorFlow is not installed, without importing it."""
    if not tensorflow_installed():
        raise _missing(purpose, "it is not installed")


def load_tensorflow(purpose: str) -> ModuleType:
    """Import TensorFlow, which takes seconds.

    Args:
        purpose: What needs it, such as "a.keras: reading it"; the error begins with it.

    Raises:
        ToolMissing: It is not installed, or cannot be loaded.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet():
            import tensorflow
    except ImportError as error:
        raise _missing(purpose, " ".join(str(error).split())) from error
    module: ModuleType = tensorflow
    return module


def _missing(purpose: str, reason: str) -> ToolMissing:
    return ToolMissing(f"{purpose} needs TensorFlow ({reason}); install it with: {INSTALL}")


@contextmanager
def quiet() -> Iterator[None]:
    """Discard what C++ code writes to standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
