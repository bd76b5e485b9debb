"""Translate operators that make pictures of another size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, floor

import numpy as np

from microlut.importers.movements import chosen_pixels
from microlut.importers.onnx.file import library
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.arrays import FloatArray, frozen_array
from microlut.ops.dense import Dense
from microlut.ops.identity import Identity
from microlut.ops.resize_bilinear import Alignment, ResizeBilinear

_ALIGNMENTS: Mapping[str, Alignment] = {
    "align_corners": "corners",
    "asymmetric": "origin",
    "half_pixel": "centers",
    "pytorch_half_pixel": "centers",
}
_CROP = "tf_crop_and_resize"
_PICTURES = (3, 4)  # dimensions
_MODES = ("nearest", "linear", "cubic")
_OF_ONE = ("pytorch_half_pixel",)  # which begins elsewhere if there is one place
_REFERENCE = 19  # opset in which ONNX's reference is asked for weights
_COORDINATES = 11  # opset from which it is an option which pixels are taken


def _resize(use: Use) -> Iterable[Value | None]:
    live = use.live()
    rank = len(live.shape)
    scales, sizes = _target(use, rank)
    mode = str(use.option("mode", "nearest"))
    if mode not in _MODES:
        raise use.operator.invalid(f"mode is {mode!r}, expected one of {', '.join(_MODES)}")
    for n, size, scale in zip(live.shape, sizes, scales, strict=True):
        if size < 1:
            raise use.operator.invalid(f"resizes {n} by {scale:g}")
    if _coordinates(use) == _CROP:
        return (_by_matrices(use, live, scales, sizes),)
    if all(n == 1 for n in scales[:2]):
        return (_resized(use, live, scales, sizes, mode),)
    if live.batch == 0 and scales[0] == scales[-1] == 1 and rank in _PICTURES:
        order = [0, rank - 1, *range(1, rank - 1)]  # channels are last
        moved = use.reordered(live, order)
        wanted = [sizes[i] for i in order]
        made = _resized(use, moved, [scales[i] for i in order], wanted, mode)
        return (use.reordered(made, [0, *range(2, rank), 1]),)
    if mode != "nearest" and (live.batch is None or scales[live.batch] == 1):
        return (_by_matrices(use, live, scales, sizes),)
    raise use.operator.unsupported(
        "resizes the batch or the channels", "supported are height and width"
    )


def _resized(use: Use, live: Live, scales: list[float], sizes: list[int], mode: str) -> Live:
    """Return a tensor whose channels, the second dimension, keep their number."""
    rank, places = len(live.shape), _coordinates(use)
    picture, live = use.picture(live)
    wanted = [1] * (4 - rank) + list(sizes[2:])
    if list(live.shape[2:]) == list(sizes[2:]):
        return use.applied(live, Identity())
    if mode in ("cubic", "linear"):
        whole = all(m == n * s for n, m, s in zip(live.shape, sizes, scales, strict=True))
        plain = mode == "linear" and whole and not use.option("antialias", 0)
        if not plain or places not in _ALIGNMENTS or (places in _OF_ONE and 1 in sizes[2:]):
            return _by_matrices(use, live, scales, sizes)
        made = use.add(ResizeBilinear(wanted[0], wanted[1], _ALIGNMENTS[places]), picture)
        return use.unpictured(made, rank)
    rounding = str(use.option("nearest_mode", _default_rounding(use)))
    chosen = [
        _nearest(use, n, size, scale, places, rounding)
        for n, size, scale in zip(live.shape[2:], sizes[2:], scales[2:], strict=True)
    ]
    rows, columns = ([[0]] * (4 - rank) + chosen)[:2]
    shape = use.building.shapes[picture]
    made = use.chain(picture, *chosen_pixels(shape, rows, columns))
    return use.unpictured(made, rank)


def _by_matrices(use: Use, live: Live, scales: list[float], sizes: list[int]) -> Live:
    """Return a resized tensor: along each dimension the product with a matrix.

    ONNX's reference tells the matrix: it is what becomes of the rows of the unit matrix.
    """
    crops = _crops(use, len(live.shape))
    tensor, shape = live.tensor, list(live.shape)
    for axis in range(len(shape)):
        if sizes[axis] == shape[axis] and crops[axis] in (None, (0.0, 1.0)):
            continue
        if axis == live.batch:
            raise use.operator.unsupported("resizes the batch", "supported are other dimensions")
        matrix = _matrix(use, shape[axis], sizes[axis], scales[axis], crops[axis])
        shape[axis] = sizes[axis]
        place, now = live.axis(axis), use.building.shapes[tensor]
        order = [i for i in range(len(now)) if i != place] + [place]
        product = Dense(matrix, frozen_array(np.zeros(len(matrix))))
        tensor = use.chain(use.transposed(tensor, order), product, suffix="_resized")
        tensor = use.transposed(tensor, [order.index(i) for i in range(len(order))])
    return use.given(tensor, tuple(shape), live.batch)


def _crops(use: Use, rank: int) -> list[tuple[float, float] | None]:
    """Return the part of each dimension that is resized; None: all of it."""
    if _coordinates(use) != _CROP:
        return [None] * rank
    if float(use.option("extrapolation_value", 0.0)):
        raise use.operator.unsupported(
            f"extrapolation_value={use.option('extrapolation_value', 0.0):g}",
            "supported is 0 beyond the picture",
        )
    axes = [use.axis(int(n), rank) for n in use.option("axes", None) or range(rank)]
    region = use.weights(1, "its region", (2 * len(axes),)).tolist()
    found: list[tuple[float, float] | None] = [(0.0, 1.0)] * rank
    for i, axis in enumerate(axes):
        found[axis] = region[i], region[i + len(axes)]
    return found


def _matrix(
    use: Use, size: int, output: int, scale: float, crop: tuple[float, float] | None
) -> FloatArray:
    """Return the weights [output, size] of all places for each new one."""
    helper = library().helper
    known = (
        "antialias",
        "coordinate_transformation_mode",
        "cubic_coeff_a",
        "exclude_outside",
        "mode",
        "nearest_mode",
    )
    options = {
        name: use.operator.attributes[name] for name in known if name in use.operator.attributes
    }
    by_size = scale == output / size
    roi = "" if crop is None else "roi"
    names = ["x", roi, "", "sizes"] if by_size else ["x", roi, "scales"]
    node = helper.make_node("Resize", names, ["y"], **options)
    ends = [
        [helper.make_empty_tensor_value_info(name) for name in each if name]
        for each in (names, ["y"])
    ]
    graph = helper.make_graph([node], "resize", *ends)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _REFERENCE)])
    given = {
        "x": np.eye(size, dtype=np.float64),
        "roi": np.array([0.0, 0.0, 1.0, 1.0] if crop is None else [0.0, crop[0], 1.0, crop[1]]),
        names[-1]: np.array([size, output]) if by_size else np.array([1.0, scale], np.float32),
    }
    given = {name: value for name, value in given.items() if name in names}
    (made,) = library().reference.ReferenceEvaluator(model).run(None, given)
    return use.checked(np.asarray(made).T, "its interpolation")


def _target(use: Use, rank: int) -> tuple[list[float], list[int]]:
    """Return the scale and the size of each dimension."""
    live = use.live()
    modern = use.operator.kind == "Resize" and use.operator.opset >= _COORDINATES
    found = use.maybe(2 if modern else 1, "scales")
    given = use.option("scales", None) if found is None or found.size == 0 else found
    axes = [use.axis(int(n), rank) for n in use.option("axes", None) or range(rank)]
    scales, sizes = [1.0] * rank, list(live.shape)
    if given is not None:
        for axis, scale in zip(axes, np.asarray(given, np.float64).ravel(), strict=True):
            scales[axis] = float(scale)
            sizes[axis] = floor(live.shape[axis] * scales[axis])
        return scales, sizes
    wanted = use.integers(3, "sizes")
    if wanted is None:
        raise use.operator.invalid("has neither scales nor sizes")
    policy = use.option("keep_aspect_ratio_policy", "stretch")
    ratios = [n / live.shape[axis] for axis, n in zip(axes, wanted, strict=True)]
    one = max(ratios) if policy == "not_smaller" else min(ratios)
    for axis, n, ratio in zip(axes, wanted, ratios, strict=True):
        scales[axis] = ratio if policy == "stretch" else one
        sizes[axis] = n if policy == "stretch" else floor(live.shape[axis] * one + 0.5)
    return scales, sizes


def _coordinates(use: Use) -> str:
    if use.operator.kind == "Upsample" or use.operator.opset < _COORDINATES:
        return "asymmetric"
    return str(use.option("coordinate_transformation_mode", "half_pixel"))


def _default_rounding(use: Use) -> str:
    modern = use.operator.kind == "Resize" and use.operator.opset >= _COORDINATES
    return "round_prefer_floor" if modern else "floor"


def _nearest(
    use: Use, size: int, output: int, scale: float, places: str, rounding: str
) -> list[int]:
    """Return the places that are taken along a dimension."""
    made = []
    for i in range(output):
        if places == "asymmetric":
            at = i / scale
        elif places == "align_corners":
            at = i * (size - 1) / (output - 1) if output > 1 else 0.0
        elif places in ("half_pixel", "pytorch_half_pixel"):
            at = (i + 0.5) / scale - 0.5 if output > 1 or places == "half_pixel" else 0.0
        elif places == "half_pixel_symmetric":
            adjusted = output / (scale * size)
            at = size / 2 * (1 - adjusted) + (i + 0.5) / scale - 0.5
        elif places == "tf_half_pixel_for_nn":
            at = (i + 0.5) / scale
        else:
            raise use.operator.unsupported(
                f"coordinate_transformation_mode {places!r}", "supported are all but that of crops"
            )
        at = float(np.float32(at))
        found = {
            "ceil": ceil(at),
            "floor": floor(at),
            "round_prefer_ceil": floor(at + 0.5),
            "round_prefer_floor": ceil(at - 0.5),
        }.get(rounding)
        if found is None:
            raise use.operator.invalid(f"nearest_mode is {rounding!r}")
        made.append(min(max(found, 0), size - 1))
    return made


RESIZING: Mapping[str, Handler] = {"Resize": _resize, "Upsample": _resize}
