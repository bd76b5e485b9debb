"""Arrays as JSON objects {dtype, shape, zlib}: their type annotations for pydantic.

`zlib` is the base64 text of the compressed little-endian values.
"""

from __future__ import annotations

import base64
import math
import zlib
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer, SkipValidation

_LARGEST_BYTES = 1 << 31


def _encode(array: NDArray[Any] | None) -> dict[str, Any] | None:
    if array is None:
        return None
    data = zlib.compress(
        np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    )
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "zlib": base64.b64encode(data).decode("ascii"),
    }


def _decode(dtype: str, value: Any) -> NDArray[Any]:  # noqa: ANN401 (whatever JSON holds)
    """Return the array that a JSON object stands for; raises ValueError unless it is of `dtype`."""
    match value:
        case {"dtype": str(found), "shape": list(shape), "zlib": str(text), **rest} if not rest:
            return _unpack(np.dtype(dtype), found, shape, text)
    raise ValueError("an array is an object of dtype, shape and zlib")


def _unpack(dtype: np.dtype[Any], found: str, shape: list[Any], text: str) -> NDArray[Any]:
    if found != dtype.name:
        raise ValueError(f"an array has the dtype {found!r} instead of {dtype.name}")
    if not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"{shape!r} is no shape")
    expected = math.prod(shape) * dtype.itemsize
    if expected > _LARGEST_BYTES:
        raise ValueError(f"an array of shape {shape!r} is larger than any microcontroller's memory")
    stream = zlib.decompressobj()
    try:
        # One byte more than expected is enough to see that there are too many.
        raw = stream.decompress(base64.b64decode(text, validate=True), expected + 1)
    except zlib.error as error:
        raise ValueError("an array's compressed bytes are damaged") from error
    if len(raw) != expected or not stream.eof:
        raise ValueError(f"an array of shape {shape!r} has the wrong number of bytes")
    array = np.frombuffer(raw, dtype=dtype.newbyteorder("<")).reshape(shape).astype(dtype)
    array.setflags(write=False)
    return array


def _optional(dtype: str, value: Any) -> NDArray[Any] | None:  # noqa: ANN401
    return None if value is None else _decode(dtype, value)


def _optional_activations(value: Any) -> NDArray[Any] | None:  # noqa: ANN401
    wide = isinstance(value, dict) and value.get("dtype") == "int16"
    return _optional("int16" if wide else "int8", value)


_SKIP = SkipValidation()  # type: ignore[type-arg]
_WRITE = PlainSerializer(_encode)
UInt8Array = Annotated[NDArray[np.uint8], _SKIP, BeforeValidator(partial(_decode, "uint8")), _WRITE]
Int8Array = Annotated[NDArray[np.int8], _SKIP, BeforeValidator(partial(_decode, "int8")), _WRITE]
Int16Array = Annotated[NDArray[np.int16], _SKIP, BeforeValidator(partial(_decode, "int16")), _WRITE]
Int32Array = Annotated[NDArray[np.int32], _SKIP, BeforeValidator(partial(_decode, "int32")), _WRITE]
Float32Array = Annotated[
    NDArray[np.float32], _SKIP, BeforeValidator(partial(_decode, "float32")), _WRITE
]
OptionalInt8Array = Annotated[
    NDArray[np.int8] | None, _SKIP, BeforeValidator(partial(_optional, "int8")), _WRITE
]
OptionalInt16Array = Annotated[
    NDArray[np.int16] | None, _SKIP, BeforeValidator(partial(_optional, "int16")), _WRITE
]
OptionalIntArray = Annotated[  # values of the type of activations: int8 or int16
    NDArray[np.signedinteger[Any]] | None, _SKIP, BeforeValidator(_optional_activations), _WRITE
]
