"""Maximum and mean over the windows of pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from microlut.ops.activation import ActivationKind, Fusing, fused_name
from microlut.ops.arrays import FloatArray, Int64, IntArray, Shape
from microlut.ops.base import IntegerOp, Keras, ScaleRule, demand, no_builtin, picture
from microlut.ops.builtin import Builtin, version
from microlut.ops.pad import pad_amounts, padded_with
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits
from microlut.ops.windows import Window, patches, same_padding, train_depthwise, train_pad

_LEAST = -3.0e38  # less than any value of a tensor
_Mode = Literal["max", "average"]


class Pool2D(Fusing):
    """A pool; padded positions do not count."""

    __slots__ = ()
    becomes: ClassVar[str] = "pool2d"
    scale_rule: ClassVar[ScaleRule] = "same"
    mode: ClassVar[_Mode]
    if TYPE_CHECKING:

        @property
        def window(self) -> Window:
            """Size, strides and padding."""

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        source = picture(inputs)
        return (self.window.shape(source, source[2]),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (self.activation.train(tf, self.train_linear(tf, inputs[0])),)

    @abstractmethod
    def train_linear(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the output before the activation as a TensorFlow tensor."""

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QPool2D:
        """Return the integer form."""
        limits = self.activation.limits(outputs[0].quantized, outputs[0].dtype)
        return QPool2D(self.mode, self.window, *limits)


@dataclass(frozen=True, slots=True)
class MaxPool2D(Pool2D):
    """Maximum over a window; padded positions never win."""

    window: Window
    activation: ActivationKind = ActivationKind.LINEAR
    mode: ClassVar[_Mode] = "max"
    keras: ClassVar[Keras] = Keras(
        layers=("GlobalMaxPooling1D", "GlobalMaxPooling2D", "MaxPooling1D", "MaxPooling2D")
    )

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the maxima."""
        largest: FloatArray = patches(inputs[0], self.window, -np.inf).max(axis=(3, 4))
        return largest

    def train_linear(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return maxima, for windows that TensorFlow lacks by thinning out those of stride 1."""
        window = self.window
        x = train_pad(tf, x, window.padding, _LEAST)
        down, across = window.strides
        plain = window.dilation == (1, 1) and down <= window.size[0] and across <= window.size[1]
        if plain:
            return tf.nn.max_pool2d(x, window.size, window.strides, "VALID")
        y = tf.nn.pool(x, window.size, "MAX", (1, 1), "VALID", dilations=window.dilation)
        return y[:, ::down, ::across]


@dataclass(frozen=True, slots=True)
class AveragePool2D(Pool2D):
    """Mean over the window's positions inside the input (padded positions do not count)."""

    window: Window
    activation: ActivationKind = ActivationKind.LINEAR
    mode: ClassVar[_Mode] = "average"
    keras: ClassVar[Keras] = Keras(
        layers=(
            "AveragePooling1D",
            "AveragePooling2D",
            "GlobalAveragePooling1D",
            "GlobalAveragePooling2D",
        )
    )

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the means."""
        x = inputs[0]
        inside = np.ones((1, *x.shape[1:3], 1), dtype=np.float32)
        count = patches(inside, self.window, 0.0).sum(axis=(3, 4))
        mean: FloatArray = patches(x, self.window, 0.0).sum(axis=(3, 4)) / count
        return mean

    def train_linear(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return means over the positions of the window inside the picture."""
        window = self.window
        sums = train_depthwise(tf, x, tf.ones((*window.size, x.shape[-1], 1)), window)
        inside = tf.ones((1, *x.shape[1:3], 1))
        return sums / train_depthwise(tf, inside, tf.ones((*window.size, 1, 1)), window)


@dataclass(frozen=True, slots=True)
class QPool2D(IntegerOp):
    """Maximum or mean over a window, input and output of equal quantization."""

    mode: _Mode
    window: Window
    minimum: int
    maximum: int
    kind: Literal["pool2d"] = "pool2d"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        source = picture(inputs)
        return (self.window.shape(source, source[2]),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the maxima or means."""
        x = arrays[0]
        value: Int64
        if self.mode == "max":
            value = patches(x, self.window, np.iinfo(x.dtype).min).max(axis=(3, 4)).astype(np.int64)
        else:
            total = patches(x, self.window, 0).astype(np.int64).sum(axis=(3, 4))
            inside = patches(np.ones_like(x[:1]), self.window, 0).astype(np.int64)
            count = inside.sum(axis=(3, 4))
            # C division truncates: round the magnitude half up, then restore the sign.
            value = np.sign(total) * ((np.abs(total) + count // 2) // count)
        return (np.clip(value, self.minimum, self.maximum).astype(x.dtype),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return MAX_POOL_2D or AVERAGE_POOL_2D.

        Where a maximum has neither kind of padding, a PADV2 with the least value comes first.
        """
        if not self.in_tflite(inputs, outputs):
            raise no_builtin(f"{self.mode} pools with this padding", outputs)
        before, source, padding = self._padded(inputs[0], outputs[0].name)
        fields = {
            "padding": padding,
            "strideH": self.window.strides[0],
            "strideW": self.window.strides[1],
            "filterHeight": self.window.size[0],
            "filterWidth": self.window.size[1],
            "fusedActivationFunction": fused_name(self.minimum, self.maximum, outputs[0]),
        }
        name = f"{self.mode.upper()}_POOL_2D"
        return (
            *before,
            Builtin(
                name,
                version(outputs[0], 2, 3),
                (source,),
                tuple(outputs),
                "Pool2DOptions",
                fields,
            ),
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless the limits are those of the type."""
        demand(outputs[0].holds(self.minimum, self.maximum), "its limits")
        demand(self.window.dilation == (1, 1), "its dilation")

    def in_tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        """Return whether its padding is one of TensorFlow's two kinds, or can come first."""
        del outputs
        return self.mode == "max" or self._kind(inputs[0]) is not None

    def _kind(self, source: Tensor) -> str | None:
        """Return TensorFlow's name of the padding, or None if it has none."""
        window, size = self.window, (source.shape[0], source.shape[1])
        if not window.padding:
            return "VALID"
        same = same_padding(size, window.size, window.strides, window.dilation)
        return "SAME" if window.padding == same else None

    def _padded(self, source: Tensor, name: str) -> tuple[tuple[Builtin, ...], Tensor, str]:
        """Return what comes first, the tensor that is read, and the kind of padding."""
        kind = self._kind(source)
        if kind is not None:
            return (), source, kind
        p, (height, width, channels) = self.window.padding, source.shape
        padded = replace(source, name=f"{name}/padded", shape=(*p.padded(height, width), channels))
        least = integer_limits(source.dtype)[0]
        read = source, pad_amounts(p, "padded/amounts")
        pad = padded_with(least, read, padded, "padded/value")
        return (pad,), padded, "VALID"
