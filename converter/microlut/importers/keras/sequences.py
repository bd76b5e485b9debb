"""Read layers over sequences [steps, channels] as layers over pictures of height 1."""

from __future__ import annotations

from dataclasses import replace

from microlut.importers.keras.along import from_the_end
from microlut.importers.keras.config import Json, Layer
from microlut.importers.keras.layer_use import (
    PREVIOUS,
    Handler,
    LayerUse,
    Step,
    behind,
    limited,
    limits_of,
)
from microlut.ops.arrays import Shape
from microlut.ops.reshape import Reshape
from microlut.support.arguments import shown

# The options with one number per spatial dimension.
_SPATIAL = ("dilation_rate", "kernel_size", "output_padding", "pool_size", "strides")


def over_sequences(handler: Handler) -> Handler:
    """Return the handler of a layer over sequences, given that of the same over pictures.

    The reshapes before and after are views: they cost nothing.
    """

    @limited(limits_of(handler))
    def handle(use: LayerUse) -> tuple[Step, ...]:
        rank = len(use.shape)
        if rank not in (2, 3):  # Keras applies convolutions to each of several sequences
            raise use.layer.invalid(f"reads shape {list(use.shape)}, expected [steps, channels]")
        picture = (1, *use.shape)[-3:]
        steps = handler(
            replace(
                use,
                layer=replace(use.layer, config=_options(use.layer, rank)),
                shapes=(picture,),
                weights=tuple(w[None] if w.ndim == 3 else w for w in use.weights),
            )
        )
        if rank == 3:
            return steps
        before = Step(Reshape(picture), picture, (0,), "_picture")
        return before, *behind(steps), *_as_sequence(steps[-1].shape)

    return handle


def _as_sequence(made: Shape) -> tuple[Step, ...]:
    """Return the step that takes the height away from a picture, if it is one."""
    if len(made) != 3:
        return ()
    return (Step(Reshape(made[1:]), made[1:], (PREVIOUS,), "_sequence"),)


def _options(layer: Layer, rank: int) -> Json:
    """Return a layer's options with one for the height, 1 or no padding, before that for steps."""
    found = from_the_end(layer.config, rank)
    for key in _SPATIAL:
        value = found.get(key)
        if value is None:
            continue
        numbers = value if isinstance(value, list) else [value]
        if len(numbers) != 1:
            raise layer.invalid(f"option {key} is {shown(value)}, expected one integer")
        found[key] = [int(key != "output_padding"), *numbers]
    return found
