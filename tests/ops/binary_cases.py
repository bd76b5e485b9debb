"""Cases of the functions of two tensors: fixed ones, and random shapes that are broadcast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from harness import Case, layer

from microlut.ops.arrays import Shape, frozen_array


def binary_cases(kind: type[Any], name: str, seed: int) -> tuple[Case, ...]:
    """Return cases of an operator of two tensors, which Keras has as a layer of a name."""
    keras = layer(name)
    row, column = constant(3), constant(5, 7, 1)
    return (
        Case("equal", kind(), ((5, 7, 3), (5, 7, 3)), keras),
        Case("by_channel", kind(), ((5, 7, 3), (1, 1, 3)), keras, spreads=(3.0, 0.1)),
        Case("channel_first", kind(), ((1, 1, 6), (4, 4, 6)), keras),
        Case("by_pixel", kind(), ((5, 7, 3), (5, 7, 1)), keras, spreads=(1.0, 50.0)),
        Case("outer", kind(), ((4, 1, 3), (1, 6, 3)), keras),
        Case("vector_and_picture", kind(), ((4, 5, 3), (3,)), keras),
        Case("one_value", kind(), ((1,), (1,)), keras),
        Case("vector", kind(), ((33,), (33,)), keras),
        Case("row", kind(constant=row), ((5, 7, 3),)),
        Case("row_first", kind(constant=row, constant_first=True), ((5, 7, 3),), spreads=(20.0,)),
        Case("column", kind(constant=column), ((5, 7, 3),), spreads=(0.1,)),
        Case("larger_constant", kind(constant=column, constant_first=True), ((1, 1, 4),)),
        Case("number", kind(constant=constant()), ((6, 2),)),
        *_random_cases(kind, keras, seed),
    )


def constant(*shape: int) -> np.ndarray[Any, Any]:
    """Return a constant operand."""
    return frozen_array(np.random.default_rng([*shape, 7]).normal(0.3, 1, shape))


def _random_cases(kind: type[Any], keras: Any, seed: int) -> Iterator[Case]:
    """Yield cases of random ranks; each axis of each tensor may be broadcast."""
    rng = np.random.default_rng(seed)
    for number in range(6):
        shape = [int(n) for n in rng.integers(1, 8, rng.integers(1, 4))]
        sides = [_partly(rng, shape), _partly(rng, shape)]
        spreads = tuple(float(x) for x in 10.0 ** rng.uniform(-2, 2, 2))
        yield Case(f"random{number}", kind(), (sides[0], sides[1]), keras, spreads)


def _partly(rng: np.random.Generator, shape: list[int]) -> Shape:
    """Return a shape with some axes of 1; sometimes the first one is missing."""
    found = tuple(1 if rng.random() < 0.35 else n for n in shape)
    return found[1:] if len(found) > 1 and rng.random() < 0.2 else found
