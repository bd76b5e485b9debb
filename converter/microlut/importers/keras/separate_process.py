"""Read an HDF5 model in a child process.

HDF5 1.14 crashes or hangs on some damaged files, and nothing can catch that within a process. (A
`.keras` file is safe from accidental damage, because its zip entries have checksums.)
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from microlut.errors import InvalidInput, MicrolutError, UnsupportedModel
from microlut.importers.keras import h5 as keras_h5
from microlut.importers.keras.config import KerasModel
from microlut.importers.keras.custom import NOTHING, Custom
from microlut.importers.keras.damage import damaged

# Processor time, so that a busy computer does not make a file look damaged.
_SECONDS = 20
_SECONDS_PER_MEGABYTE = 0.5
_COMMAND = "from microlut.importers.keras.separate_process import answer; answer()"


def read(path: Path, custom: Custom = NOTHING) -> KerasModel:
    """Return the model in a whole-model HDF5 file.

    Raises:
        InvalidInput: The file is damaged, or has no Keras model.
        UnsupportedModel: The model is neither Functional nor Sequential.
    """
    seconds = round(_SECONDS + _SECONDS_PER_MEGABYTE * path.stat().st_size / 1e6)
    child = subprocess.run(
        [sys.executable, "-P", "-c", _COMMAND, str(path), str(seconds), json.dumps(dict(custom))],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if child.returncode == -signal.SIGXCPU:
        raise damaged(path, "the HDF5 library does not come to an end")
    if child.returncode == 0:
        return _decode(child.stdout, str(path))
    for kind in (InvalidInput, UnsupportedModel):
        if child.returncode == kind.exit_code and child.stdout:
            raise kind(child.stdout.decode())
    if child.returncode < 0:
        raise damaged(path, "the HDF5 library crashes")
    raise RuntimeError(child.stderr.decode(errors="replace"))


def answer() -> None:
    """Write the model named on the command line, or the error's text, to standard output.

    The second argument is the limit of processor time in seconds, the third the JSON of `custom`.
    """
    path, seconds, custom = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    try:
        content = _encode(keras_h5.read(path, custom))
    except MicrolutError as error:
        sys.stdout.buffer.write(str(error).encode(errors="backslashreplace"))
        sys.exit(error.exit_code)
    sys.stdout.buffer.write(content)


def _encode(model: KerasModel) -> bytes:
    """Return a model as the bytes of an `.npz`: first the JSON, then all arrays in order."""
    layers = [[list(path), len(arrays)] for path, arrays in model.weights.items()]
    arrays = [array for arrays in model.weights.values() for array in arrays]
    buffer = io.BytesIO()
    ranges = [[list(path), dict(found)] for path, found in model.ranges.items()]
    np.savez(buffer, json.dumps([model.config, layers, ranges]), *arrays)
    return buffer.getvalue()


def _decode(content: bytes, source: str) -> KerasModel:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = [stored[f"arr_{i}"] for i in range(len(stored.files))]
    config, layers, found = json.loads(str(arrays.pop(0)))
    weights = {}
    for path, count in layers:
        weights[tuple(path)] = tuple(arrays[:count])
        del arrays[:count]
    ranges = {
        tuple(path): {place: (low, high) for place, (low, high) in each.items()}
        for path, each in found
    }
    return KerasModel(config, weights, source, ranges=ranges)
