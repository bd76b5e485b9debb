"""Read model files in a confined process."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from microlut.errors import InvalidInput, MicrolutError
from microlut.importers import files
from microlut.importers.apart import confinement, processes
from microlut.importers.apart.answers import Packing, unpacked
from microlut.importers.apart.forms import error_in, model_in, packed, packed_error
from microlut.importers.keras.custom import NOTHING, Custom
from microlut.importers.keras.damage import damaged, too_large
from microlut.support.limits import limits, most_model_bytes

assert sys.platform != "win32"  # has none of this, and never imports it

# Processor time, so that a busy computer does not make a file look damaged.
_SECONDS = 9
_SECONDS_PER_MEGABYTE = 0.1
_NO_ROOM = 3  # exit code of a process whose answer cannot be written
_WAITING = 20  # times as long by the clock
# What a library may ask for because a damaged file says so, and what sound files need of it.
_SPARE_BYTES = 1 << 30
_COPIES = 3  # of the file, which holds the arrays


def read(path: Path, custom: Custom = NOTHING) -> Any:  # noqa: ANN401
    """Return a model as its file has it: a KerasModel, a TfliteFile or a ModelProto.

    Raises:
        InvalidInput: The file is damaged, or no model.
        UnsupportedModel: The model is none that can be converted.
        ToolMissing: A package is missing that reads such files.
    """
    seconds = round(_SECONDS + _SECONDS_PER_MEGABYTE * files.size_of(path) / 1e6)
    libraries = files.libraries_of(path)
    request = {"path": str(path), "custom": dict(custom), "seconds": seconds}
    request |= {"libraries": libraries, "model_bytes": most_model_bytes()}
    if libraries:
        _prepare(request)
    answer = processes.answer_file()
    try:
        code = processes.run(_work, request, answer, _WAITING * seconds)
        if code != 0:
            raise _failure(path, code, seconds)
        return _model(path, answer)
    except processes.TakesTooLong as error:
        raise _endless(path, seconds) from error
    finally:
        os.close(answer)


def serve() -> None:
    """Read files for another process until it ends."""
    processes.serve(_work, _prepare)


def _prepare(request: processes.Request) -> None:
    """Import what takes long, before the fork."""
    files.load(request["libraries"])


def _work(request: processes.Request, answer: int) -> None:
    """Read the file of a request, and write the model or the error to a file."""
    path = Path(request["path"])
    memory = _SPARE_BYTES + _COPIES * files.size_of(path)
    confinement.confine(answer, request["seconds"], memory, memory)
    packing = Packing()
    content: list[Any]
    try:
        with limits(request["model_bytes"]):
            content = ["model", packed(files.read(path, request["custom"]), packing)]
    except MicrolutError as error:
        content = ["error", packed_error(error)]
    except MemoryError:
        content = ["error", packed_error(too_large(path))]
    except Exception:  # noqa: BLE001 - the parent raises it
        content = ["bug", traceback.format_exc()]
    if content[0] != "model":
        packing = Packing()
    try:
        packing.write(answer, content)
    except OSError:
        os._exit(_NO_ROOM)


def _model(path: Path, answer: int) -> Any:  # noqa: ANN401
    (kind, content), arrays = unpacked(answer)
    if kind == "error":
        raise error_in(content)
    if kind == "bug":
        raise RuntimeError(content)
    return model_in(content, arrays, str(path))


def _failure(path: Path, code: int, seconds: int) -> Exception:
    """Return the error for a process that gave no answer."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return _endless(path, seconds)
    if code == _NO_ROOM:
        return InvalidInput(
            f"{path}: there is no room for what it holds; free memory, or raise the limit of the "
            "largest file (ulimit -f)"
        )
    if code < 0:
        return damaged(path, "a library that reads such files crashes")
    return RuntimeError(f"{path}: the process that reads it ends with code {code}")


def _endless(path: Path, seconds: int) -> InvalidInput:
    return InvalidInput(
        f"{path}: reading it has not ended after {seconds} s of processor time; it is damaged, or "
        "this computer slow: save the model or copy the file again, or read it on a faster one"
    )
