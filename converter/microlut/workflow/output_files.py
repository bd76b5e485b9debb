"""Files with the outputs of a run."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.support.files import check_file, write_file
from microlut.workflow.outcomes import Outputs, RunOutcome

_SUFFIXES = ("_int8", "_int16")  # end the names of arrays of integers, by their types


def check_outputs(path: Path) -> None:
    """Raise InvalidInput if a run's outputs cannot be written to a file, or would replace another.

    An existing one must hold outputs, and nothing else.
    """
    check_file(path, _are_outputs, "outputs")
    if not path.parent.exists():
        raise InvalidInput(f"{path}: cannot be written (no such folder); choose another file")


def _are_outputs(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            paired = (
                any(
                    f"{name}{suffix}" in names or name.removesuffix(suffix) in names - {name}
                    for suffix in _SUFFIXES
                )
                for name in names
            )
            return bool(names) and all(paired)
    except zipfile.BadZipFile:
        return False


def write_outputs(path: Path, outcome: RunOutcome) -> None:
    """Write a run's outputs to an .npz: `y_int8` or `y_int16`, and `y` (real), [samples, ...].

    Of several outputs they are called NAME_int8 and NAME; if NAME_int8 is another output's name,
    NAME_int8_int8.
    """
    arrays = dict(_by_key(outcome.values))
    for key, values in _by_key(outcome.integers).items():
        suffix = f"_{values.dtype.name}"
        name = f"{key}{suffix}"
        while name in arrays:
            name += suffix
        arrays[name] = values
    content = io.BytesIO()
    # numpy.savez takes names as keywords, of which it has some itself.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
    write_file(path, content.getvalue())


def _by_key(outputs: Outputs) -> dict[str, NDArray[Any]]:
    return outputs if isinstance(outputs, dict) else {"y": outputs}
