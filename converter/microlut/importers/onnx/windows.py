"""Read the options of operators that move a window over pictures or sequences."""

from __future__ import annotations

from collections.abc import Sequence

from microlut.importers.onnx.use import Use
from microlut.ops.windows import Padding, Window

_SAME = ("SAME_UPPER", "SAME_LOWER")


def numbers(use: Use, name: str, count: int, default: int) -> list[int]:
    """Return an option with one number per spatial dimension, or with two."""
    found = use.option(name, None)
    made = [default] * count if found is None else [int(n) for n in found]
    if len(made) != count:
        raise use.operator.invalid(f"{name} has {len(made)} numbers, expected {count}")
    return made


def kernel_size(use: Use, spatial: Sequence[int] | None, count: int) -> list[int]:
    """Return the size of a window: an option, or the size of the weights."""
    given = numbers(use, "kernel_shape", count, 0)
    if spatial is None and min(given) < 1:
        raise use.operator.invalid("kernel_shape is missing, or below 1")
    if spatial is not None and min(given) > 0 and list(spatial) != given:
        raise use.operator.invalid(f"kernel_shape {given} is not that of its weights")
    return given if spatial is None else list(spatial)


def padded(
    use: Use, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the padding before and after each spatial dimension."""
    count, mode = len(sizes), use.option("auto_pad", "NOTSET")
    dilations = numbers(use, "dilations", count, 1)
    if mode == "VALID":
        return [0] * count, [0] * count
    if mode in _SAME:
        ends = [
            max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
        ]
        less, more = [n // 2 for n in ends], [n - n // 2 for n in ends]
        return (less, more) if mode == "SAME_UPPER" else (more, less)
    if mode not in ("NOTSET", ""):
        raise use.operator.invalid(f"auto_pad is {mode!r}")
    pads = numbers(use, "pads", 2 * count, 0)
    if min(pads) < 0:
        raise use.operator.unsupported(f"pads {pads}", "supported are numbers of at least 0")
    return pads[:count], pads[count:]


def window(
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: tuple[Sequence[int], Sequence[int]],
    dilations: Sequence[int],
) -> Window:
    """Return the window over pictures; one over sequences has height 1."""
    k, s, d = ([1] * (2 - len(each)) + list(each) for each in (kernel, strides, dilations))
    first, last = ([0] * (2 - len(each)) + list(each) for each in pads)
    padding = Padding(first[0], last[0], first[1], last[1])
    return Window((k[0], k[1]), (s[0], s[1]), padding, (d[0], d[1]))
