"""Find the arrays of wrapped layers by name, and what wrappers say about values and ranges.

Wrappers of the TensorFlow Model Optimization toolkit put variables of their own among a layer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras.config import Layer, Recorded
from microlut.importers.keras.variables import Arrays, variables
from microlut.importers.keras.wrappers import is_clustered

QUANTIZE_LAYER = "QuantizeLayer"  # rounds an input
_CENTROIDS = "cluster_centroids_"
_OWN = (_CENTROIDS, "pulling_indices_", "original_weight_")  # a wrapper's variables
_PLACES = {"pre_activation": "before", "post_activation": "output", "output": "output"}
_FIRST_VERSION = "QuantizeWrapper"  # owns only the quantized ones of the layer's variables
_QUANTIZED = {"kernel", "depthwise_kernel"}
_EARLY = ("softmax", "sigmoid", "tanh")  # activations whose input has a range, not their output
_UNTRAINED = (-6.0, 6.0)  # the first value of each range

Named = Sequence[tuple[str, NDArray[np.generic]]]


def has_own(layer: Layer) -> bool:
    """Return whether a layer's arrays have to be told from those of a wrapper."""
    return bool(layer.wrappers) or layer.class_name == QUANTIZE_LAYER


def arrays_of(layer: Layer, stored: Named) -> Arrays:
    """Return a wrapped layer's own arrays in Keras's order, from all of them by name.

    Raises:
        InvalidInput: One is missing, or several have its name.
    """
    named = [(_last(name), array) for name, array in stored]
    found = []
    for variable in variables(layer):
        same = [array for name, array in named if name == variable.name] or [
            array
            for name, array in named
            if name.endswith(f"_{variable.name}") and not name.startswith(_OWN)
        ]
        if len(same) != 1:
            raise layer.invalid(f"has {len(same)} arrays named {variable.name!r}, expected one")
        found.append(_clustered(layer, variable.name, same[0], named))
    return tuple(found)


def clustered(layer: Layer, own: Arrays, inner: Arrays) -> Named:
    """Return the arrays of a `.keras` file with their names, which it does not store.

    Args:
        layer: A layer whose kernel is clustered.
        own: The wrapper's variables: the kernel, its centroids, and indices; or none.
        inner: Those that the layer has kept.

    Raises:
        UnsupportedModel: More arrays than the kernel are clustered.
    """
    names = [each.name for each in variables(layer)]
    if not own:
        return list(zip(names, inner, strict=False))
    if len(own) != len(("kernel", "centroids", "indices")) or names[:1] != ["kernel"]:
        raise layer.unsupported(
            f"has {len(own)} arrays of clusters", "strip the clustering and save the model again"
        )
    return [
        ("kernel", own[0]),
        (f"{_CENTROIDS}kernel", own[1]),
        *zip(names[1:], inner, strict=False),
    ]


def named(layer: Layer, own: Arrays, inner: Arrays) -> Named:
    """Return the arrays of a `.keras` file with their names, which it does not store.

    Args:
        layer: A layer that was wrapped for quantization.
        own: The wrapper's variables: the trained ones of the layer, those that are quantized once
            more, the step, and pairs of a minimum and a maximum.
        inner: Those that the layer has kept.
    """
    names = [each.name for each in variables(layer)]
    step = next((i for i, array in enumerate(own) if array.dtype.kind == "i"), len(own))
    found = dict(zip(names, inner, strict=False))
    if len(inner) < len(names) and layer.wrappers[0] == _FIRST_VERSION:
        ordered = sorted(names, key=lambda name: name not in _QUANTIZED)
        found = dict(zip(ordered, (*own[:step], *inner), strict=False))
    elif len(inner) < len(names):
        found = dict(zip(names, own[:step], strict=False))
    ends = list(own[step + 1 :])
    if layer.class_name == QUANTIZE_LAYER:
        ends = list(own)
    elif set(names) & _QUANTIZED:
        ends = ends[2:]
    early = str(layer.config.get("activation")) in _EARLY
    places = ["pre_activation"] * (early or len(ends) > 2) + ["output"]
    pairs = zip(places, ends[::2], ends[1::2], strict=False)
    for place, low, high in pairs:
        found |= {f"{place}_min": low, f"{place}_max": high}
    return list(found.items())


def ranges_of(layer: Layer, stored: Named) -> Recorded:
    """Return the ranges that training has recorded; none of those that it has not changed."""
    named = {_last(name): array for name, array in stored}
    places = _PLACES
    if layer.class_name == QUANTIZE_LAYER:  # its variables have the name it was made with
        places = {name.removesuffix("_min"): "output" for name in named if name.endswith("_min")}
    found: dict[str, tuple[float, float]] = {}
    for name, place in places.items():
        ends = [named.get(f"{name}_{end}") for end in ("min", "max")]
        sound = [float(end) for end in ends if end is not None and np.shape(end) == ()]
        if len(sound) == 2 and np.isfinite(sound).all() and sound[0] < sound[1]:
            found[place] = min(sound[0], 0.0), max(sound[1], 0.0)
    return {place: limits for place, limits in found.items() if limits != _UNTRAINED}


def _last(name: str) -> str:
    """Return the last part of a variable's name, without the numbers that make it unique."""
    return re.sub(r"(_\d+)?(:\d+)?$", "", name.rpartition("/")[2])


def _clustered(
    layer: Layer, variable: str, array: NDArray[np.generic], named: Iterable[tuple[str, object]]
) -> NDArray[np.generic]:
    """Return an array, or the nearest centroids if it is clustered, as the wrapper computes."""
    if not is_clustered(layer.entry):
        return array
    given = [
        np.asarray(values)
        for name, values in named
        if name.startswith(_CENTROIDS) and name.removeprefix(_CENTROIDS).endswith(variable)
    ]
    if not given:
        return array
    centroids = np.atleast_2d(given[0].astype(np.float64))  # of all channels, or of each
    values = array.astype(np.float64)
    rows = np.moveaxis(values, -1, 0).reshape(len(centroids), -1) if len(centroids) > 1 else None
    if centroids.ndim != 2 or (rows is not None and len(centroids) != values.shape[-1]):
        raise layer.invalid(f"its centroids of {variable!r} have shape {list(given[0].shape)}")
    if rows is None:
        return _nearest(values.ravel(), centroids[0]).reshape(values.shape).astype(np.float32)
    made = np.stack([_nearest(row, own) for row, own in zip(rows, centroids, strict=True)])
    shape = (values.shape[-1], *values.shape[:-1])
    return np.moveaxis(made.reshape(shape), 0, -1).astype(np.float32)


def _nearest(values: NDArray[np.float64], centroids: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(centroids)
    return ordered[np.searchsorted((ordered[1:] + ordered[:-1]) / 2, values)]
