"""Make a failing recipe smaller, as long as it fails in the same comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from keras_building import Building, rebuilt
from recipe import Call, Given, Recipe

Fails = Callable[[Recipe, Building], bool]
_PLAIN = {
    "bits": 8,
    "granularity": "channel",
    "method": "calibrated",
    "ends": "list",
    "form": "memory",
    "library": "keras",
    "bent": False,
    "wide": 0.0,
    "state": "",
}


def shrunk(recipe: Recipe, fails: Fails, most: int = 400) -> Recipe:
    """Return a recipe that still fails and of which no single part can be left out."""
    tried = 0
    progress = True
    while progress:
        progress = False
        for candidate in smaller(recipe):
            tried += 1
            if tried > most:
                return recipe
            if _still(candidate, fails):
                recipe, progress = candidate, True
                break
    return recipe


def _still(recipe: Recipe, fails: Fails) -> bool:
    try:
        return fails(recipe, rebuilt(recipe))
    except Exception:  # noqa: BLE001 - Keras refuses it
        return False


def smaller(recipe: Recipe) -> Iterator[Recipe]:
    """Yield recipes with something less, the largest steps first."""
    for call in recipe.calls[:-1]:
        yield replace(recipe, outputs=(call.name,), state="", source="").needed()
    if len(recipe.outputs) > 1:
        for name in recipe.outputs:
            left = tuple(other for other in recipe.outputs if other != name)
            yield replace(recipe, outputs=left).needed()
    for call in reversed(recipe.calls):
        for read in dict.fromkeys(call.reads):
            yield _without(recipe, call, read)
    yield from _cut(recipe)
    for key, value in _PLAIN.items():
        if getattr(recipe, key) != value:
            changed = replace(recipe, **{key: value})
            yield (replace(changed, source="") if key == "state" else changed).needed()
    for i, call in enumerate(recipe.calls):
        for options in _fewer(call):
            changed = replace(call, options=options)
            yield replace(recipe, calls=(*recipe.calls[:i], changed, *recipe.calls[i + 1 :]))
    yield from _small_inputs(recipe)


def _without(recipe: Recipe, call: Call, read: str) -> Recipe:
    """Return the recipe in which others read what a call reads."""

    def name(old: str) -> str:
        return read if old == call.name else old

    calls = []
    for other in recipe.calls:
        if other is not call:
            shares = "" if other.shares == call.name else other.shares
            reads = tuple(map(name, other.reads))
            calls.append(replace(other, reads=reads, shares=shares))
    outputs = tuple(dict.fromkeys(map(name, recipe.outputs)))
    source = name(recipe.source)
    return replace(recipe, calls=tuple(calls), outputs=outputs, source=source).needed()


def _cut(recipe: Recipe) -> Iterator[Recipe]:
    """Yield recipes in which the output of a call is an input, where others read it."""
    try:
        building = rebuilt(recipe)
    except Exception:  # noqa: BLE001 - then nothing is known
        return
    for call in recipe.calls[:-1]:
        if call.name in recipe.outputs or call.name == recipe.source:
            continue
        values = np.asarray(building.values[call.name])
        name, spread = f"x{call.name}", round(float(values.std()), 2) or 1.0
        given = Given(name, values.shape[1:], spread, round(float(values.mean()), 1))
        calls = tuple(
            replace(other, reads=tuple(name if r == call.name else r for r in other.reads))
            for other in recipe.calls
            if other is not call
        )
        calls = tuple(replace(c, shares="") if c.shares == call.name else c for c in calls)
        yield replace(recipe, given=(*recipe.given, given), calls=calls).needed()


def _fewer(call: Call) -> Iterator[dict[str, object]]:
    for key, value in call.options.items():
        left = {other: v for other, v in call.options.items() if other != key}
        yield left
        if isinstance(value, Recipe):
            for inner in smaller(value):
                if inner.given == value.given:  # Keras would call it with another shape, too
                    yield {**left, key: inner}
        if type(value) is int and value > 1:
            yield {**left, key: 1}
            yield {**left, key: value - 1}


def _small_inputs(recipe: Recipe) -> Iterator[Recipe]:
    for i, given in enumerate(recipe.given):
        for axis, n in enumerate(given.shape):
            for size in dict.fromkeys((1, n // 2, n - 1)):
                if 1 <= size < n:
                    shape = (*given.shape[:axis], size, *given.shape[axis + 1 :])
                    yield _resized(recipe, i, replace(given, shape=shape))
        if (given.spread, given.center) != (1.0, 0.0):
            yield _resized(recipe, i, replace(given, spread=1.0, center=0.0))


def _resized(recipe: Recipe, i: int, given: Given) -> Recipe:
    return replace(recipe, given=(*recipe.given[:i], given, *recipe.given[i + 1 :]))
