"""Layers that do nothing at inference: augmentation, noise and regularization.

Some resize their input to a given size, and do nothing only if it already has that size.
"""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.keras import options
from microlut.importers.keras.channels_first import in_either_order
from microlut.importers.keras.config import Json, Layer
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, limited
from microlut.ops.identity import Identity

_AUGMENTATION = (
    "AugMix",
    "CutMix",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHeight",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomWidth",
    "RandomZoom",
)
_NOISE = (
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)
_NEVER_ACTIVE = ("ActivityRegularization", "Identity", "QuantizeLayer")
_TO_A_SIZE = ("RandomCrop",)

_NORMALIZATION = ("BatchNormalization", "SyncBatchNormalization")


def is_trained_at_inference(layer: Layer, arguments: Json) -> bool:
    """Return whether a call makes a layer behave at inference as in training.

    Keras 3 writes training=True for all augmentation, but follows it only in training. A frozen
    normalization always uses its learned statistics.
    """
    if layer.class_name in _NORMALIZATION and not options.flag(layer, "trainable", True):
        return False
    nodes = layer.entry.get("inbound_nodes")
    keras3 = isinstance(nodes, list) and any(isinstance(node, dict) for node in nodes)
    augmentation = () if keras3 else (*_AUGMENTATION, "RandomCrop")
    return bool(arguments.get("training")) and layer.class_name in (
        *_NOISE,
        *_NORMALIZATION,
        *augmentation,
    )


def _nothing(use: LayerUse) -> tuple[Step, ...]:
    return (Step(Identity(), use.shape),)


@limited("if it keeps the size")
def _same_size(use: LayerUse) -> tuple[Step, ...]:
    height, width, _ = use.picture()
    size = tuple(options.integer(use.layer, key) for key in ("height", "width"))
    if size != (height, width):
        raise use.layer.unsupported(
            f"makes pictures of {size[0]} x {size[1]} pixels out of {height} x {width}",
            "resize the pictures before they are given to the model, in training and on the board",
        )
    return _nothing(use)


DROPPED: Mapping[str, Handler] = {
    **dict.fromkeys((*_AUGMENTATION, *_NOISE, *_NEVER_ACTIVE), _nothing),
    **dict.fromkeys(_TO_A_SIZE, in_either_order(_same_size)),
}
