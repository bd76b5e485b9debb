"""Read the constants of a .tflite file, of which none is trusted."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import UnsupportedModel
from microlut.importers.tflite.flatbuffer import Damaged
from microlut.importers.tflite.sparse import dense_values
from microlut.ops.arrays import Shape
from microlut.support.limits import Quota

_NUMPY = {
    name: np.dtype(name)
    for name in (
        *("bool", "float16", "float32", "float64"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    )
}


class Constants:
    """The constants of a file, and how many bytes they have together."""

    def __init__(self, schema: ModuleType, source: str) -> None:
        """Begin without constants."""
        self._schema, self._source = schema, source
        self._model: Any = None
        self._buffers: set[int] = set()  # that the quota knows; many tensors may share one
        self._quota = Quota()

    def begin(self, model: Any) -> None:  # noqa: ANN401 - a table of the schema
        """Take the constants of a model; raise UnsupportedModel if they are kept elsewhere."""
        if model.ExternalBuffersLength():
            raise self._kept_elsewhere()
        self._model = model

    def of(self, tensor: Any, dtype: str, shape: Shape, name: str) -> NDArray[Any] | None:  # noqa: ANN401
        """Return the values of a tensor; None if it has none, or of a type that none can have.

        Raises:
            Damaged: They are not there.
            UnsupportedModel: They are kept elsewhere.
            InvalidInput: All constants together are too large.
        """
        number = tensor.Buffer()
        if number >= max(self._model.BuffersLength(), 1):
            raise Damaged(f"buffer {number} of {name!r} is not there")
        if number == 0:
            return None
        buffer = self._model.Buffers(number)
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise self._kept_elsewhere()
        if buffer.DataLength() == 0:
            return None
        kind = _NUMPY.get(dtype)
        if kind is None:  # refused where it is read
            return None
        if number not in self._buffers:
            self._buffers.add(number)
            self._quota.take(buffer.DataLength(), self._source)
        data = buffer.DataAsNumpy()
        count = math.prod(shape) * kind.itemsize
        if tensor.Sparsity() is not None:
            self._quota.take(count, self._source)
            return self._sparse(tensor.Sparsity(), data, kind, shape, name)
        if data.size != count:
            raise Damaged(f"{name!r} has {data.size} bytes for {dtype} of shape {list(shape)}")
        found: NDArray[Any] = data.view(kind).reshape(shape)  # no copy
        return found

    def _sparse(
        self,
        sparsity: Any,  # noqa: ANN401
        data: NDArray[np.uint8],
        kind: np.dtype[Any],
        shape: Shape,
        name: str,
    ) -> NDArray[Any]:
        try:
            return dense_values(self._schema, sparsity, data.view(kind), shape)
        except ValueError as error:
            raise Damaged(f"{name!r} is sparse, and {error} cannot be right") from error

    def _kept_elsewhere(self) -> UnsupportedModel:
        return UnsupportedModel(
            f"{self._source}: its constants are kept outside of the flatbuffer; microlut reads "
            "files that hold them: convert the model to .tflite again"
        )
