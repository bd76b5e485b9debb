"""Draw recipes: layers one after the other, on tensors whose values are known."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import drawn_functions  # noqa: F401 (fills KINDS)
import drawn_layers  # noqa: F401
import drawn_norms  # noqa: F401
import numpy as np
from drawn_merges import merged
from draws import KINDS, Rng, Seen, Shape, maybe, one_of, whole, with_channels_first
from keras_building import Building, each_step
from recipe import STEPWISE, Call, Given, Recipe

_MOST_VALUES, _LARGEST = 1500, 2000.0
_TRIES = 6  # of calls that fit
_DEEPEST = 2  # model within a model
_WEIGHTS = {
    rank: np.array([kind.weight if rank in kind.ranks else 0.0 for kind in KINDS])
    for rank in (1, 2, 3, 4)
}


def draw(seed: int, layers: int = 9) -> tuple[Recipe, Building]:
    """Return the network of a seed, and the tensors of its model."""
    rng = np.random.default_rng(seed)
    library = "tf_keras" if maybe(rng, 0.12) else "keras"
    if find_spec(library) is None:
        raise LookupError(f"no {library}")
    drawing = _Drawing(rng, seed, library, first=maybe(rng, 0.15))
    for given in _inputs(rng, drawing.first):
        drawing.give(given)
    for _ in range(whole(rng, 1, layers)):
        drawing.step()
    return drawing.recipe(), drawing.building


def _inputs(rng: Rng, first: bool) -> list[Given]:
    base = _shape(rng, first)
    found = []
    for i in range(int(one_of(rng, 1, 1, 1, 2, 2, 3))):
        shape = base if i == 0 or maybe(rng, 0.7) else _shape(rng, first)
        spread = round(10.0 ** rng.uniform(-1, 1), 2) if maybe(rng) else 1.0
        center = round(rng.normal() * 2, 1) if maybe(rng, 0.4) else 0.0
        found.append(Given(f"x{i}", shape, spread, center))
    return found


def _shape(rng: Rng, first: bool) -> Shape:
    rank = int(one_of(rng, 1, 2, 2, 3, 3, 3, 4))
    if rank == 1:
        return (int(one_of(rng, 1, 2, 3, 5, 8, 13, 16, 30, 64)),)
    channels = int(one_of(rng, 1, 2, 3, 4, 4, 5, 7, 8, 9, 16))
    most = {2: 16, 3: 9, 4: 4}[rank]
    places = (whole(rng, 1, most) for _ in range(rank - 1))
    return (channels, *places) if first else (*places, channels)


class _Drawing:
    """A recipe under construction, of a model of which most layers may have channels first."""

    def __init__(
        self,
        rng: Rng,
        seed: int,
        library: str,
        prefix: str = "c",
        depth: int = 0,
        first: bool = False,
    ) -> None:
        self.rng, self.seed, self.prefix, self.depth, self.first = rng, seed, prefix, depth, first
        self.building = Building(seed, library)
        self.given: list[Given] = []
        self.calls: list[Call] = []
        self.seen: dict[str, Seen] = {}

    def give(self, given: Given, values: Any = None) -> None:
        self.given.append(given)
        self.building.give(given, values)
        self._see(given.name)

    def step(self) -> None:
        """Add one call that fits, or a few in a row."""
        for _ in range(_TRIES):
            roll = self.rng.random()
            if roll < 0.22:
                found = self._merge()
            elif roll < 0.27 and self.calls:
                found = self._share()
            elif roll < 0.31 and self.depth < _DEEPEST:
                found = self._nest()
            else:
                found = self._layer()
            if found:
                return

    def _layer(self) -> bool:
        rng, x = self.rng, self._any()
        weights = _WEIGHTS[len(x.shape)]
        kind = KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
        first = self.first and maybe(rng, 0.85)
        steps = with_channels_first(kind.draw, rng, x) if first else kind.draw(rng, x)
        if not steps:
            return False
        name = x.name
        for what, options in steps:
            call = Call(self._name(), what, (name,), options)
            if not self._add(call):
                return False
            name = call.name
        return True

    def _merge(self) -> bool:
        """Add what reads several tensors."""
        found = merged(self.rng, self._any(), list(self.seen.values()))
        if found is None:
            return False
        what, reads, options = found
        return self._add(Call(self._name(), what, tuple(reads), options))

    def _share(self) -> bool:
        """Call a layer again, on a tensor of the same shape."""
        layers = [c for c in self.calls if c.name in self.building.layers and len(c.reads) == 1]
        if not layers:
            return False
        again = one_of(self.rng, *layers)
        shape = self.seen[again.reads[0]].shape
        reads = [y.name for y in self.seen.values() if y.shape == shape]
        first = again.shares or again.name
        name = str(one_of(self.rng, *reads))
        call = Call(self._name(), again.what, (name,), again.options, first)
        return self._add(call)

    def _nest(self) -> bool:
        """Add a model of a few layers, or one that is applied to each step."""
        rng, x = self.rng, self._any()
        seed, stepwise = whole(rng, 10**6, 10**7), len(x.shape) > 1 and maybe(rng, 0.4)
        prefix = f"{self._name()}_"
        inner = _Drawing(rng, seed, self.building.library, prefix, self.depth + 1, self.first)
        values = self.building.values[x.name]
        values = each_step(values) if stepwise else values
        inner.give(Given("inner", tuple(values.shape[1:])), values)
        for _ in range(whole(rng, 1, 3)):
            inner.step()
        if not inner.calls:
            return False
        last = inner.calls[-1].name
        recipe = Recipe(seed, tuple(inner.given), tuple(inner.calls), (last,)).needed()
        what = "Sequential" if _is_chain(recipe) and maybe(rng, 0.6) else "Model"
        what = f"{STEPWISE}{what}" if stepwise else what
        return self._add(Call(self._name(), what, (x.name,), {"inner": recipe}))

    def _add(self, call: Call) -> bool:
        """Add a call if Keras accepts it and its values are some that can be quantized."""
        try:
            self.building.add(call)
        except (ValueError, TypeError, IndexError, ZeroDivisionError) as error:
            if type(error).__module__ == "builtins":
                return self._forget(call)
            raise
        except Exception as error:
            if "tensorflow" in type(error).__module__:
                return self._forget(call)
            raise
        self._see(call.name)
        x = self.seen[call.name]
        values = np.asarray(self.building.values[call.name])
        sound = values.dtype == np.float32 and 1 <= values.ndim - 1 <= 4
        sound = sound and 0 < values[0].size <= _MOST_VALUES and np.isfinite(values).all()
        if not sound or max(abs(x.low), abs(x.high)) > _LARGEST:
            return self._forget(call)
        self.calls.append(call)
        return True

    def _forget(self, call: Call) -> bool:
        for known in (self.building.values, self.building.symbols, self.building.layers):
            known.pop(call.name, None)
        self.seen.pop(call.name, None)
        return False

    def _see(self, name: str) -> None:
        values = np.asarray(self.building.values[name])
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        self.seen[name] = Seen(name, values.shape[1:], low, high)

    def _any(self) -> Seen:
        """Return a tensor, more often a late one."""
        names = list(self.seen)
        return self.seen[names[max(self.rng.integers(0, len(names), 3))]]

    def _name(self) -> str:
        return f"{self.prefix}{len(self.calls)}"

    def recipe(self) -> Recipe:
        """Return the recipe, with its last tensor and perhaps others as outputs."""
        rng, names = self.rng, [call.name for call in self.calls]
        if not names:
            raise LookupError("no layer fits")
        outputs = [names[-1]]
        unread = [n for n in names if not any(n in call.reads for call in self.calls)]
        others = [*unread, *names] if maybe(rng, 0.5) else unread
        count = int(one_of(rng, 0, 0, 1, 1, 2))
        outputs += [str(one_of(rng, *others)) for _ in range(count)]
        outputs = list(dict.fromkeys(outputs))
        rng.shuffle(outputs)
        recipe = Recipe(
            self.seed,
            tuple(self.given),
            tuple(self.calls),
            tuple(outputs),
            bits=int(one_of(rng, 8, 8, 2, 3, 4, 5, 6, 7, 0)),
            granularity=str(one_of(rng, "channel", "channel", "tensor")),
            method=str(one_of(rng, *["calibrated"] * 3, "empirical", "fitted")),
            ends="dict" if maybe(rng, 0.1) else "list",
            form=_form(rng, self.building.library),
            library=self.building.library,
            bent=maybe(rng, 0.3),
            wide=float(one_of(rng, 1.0, 0.5, 0.2)) if maybe(rng, 0.25) else 0.0,
        )
        return self._with_state(recipe.needed())

    def _with_state(self, recipe: Recipe) -> Recipe:
        """Return the recipe with a state, if some tensor has the shape of one of two inputs."""
        if len(recipe.given) < 2 or not maybe(self.rng, 0.6):
            return recipe
        state = one_of(self.rng, *recipe.given[1:])
        sources = [c.name for c in recipe.calls if self.seen[c.name].shape == state.shape]
        if not sources or state.name in recipe.outputs:
            return recipe
        return replace(recipe, state=state.name, source=str(one_of(self.rng, *sources)))


def _form(rng: Rng, library: str) -> str:
    """Return where the importer reads a model from; writing files takes long."""
    if library == "keras":
        return str(one_of(rng, "keras", "h5")) if maybe(rng, 0.02) else "memory"
    forms = ("keras", "keras", "keras", "h5", "h5", "tf")
    return str(one_of(rng, *forms)) if maybe(rng, 0.15) else "memory"


def _is_chain(recipe: Recipe) -> bool:
    """Return whether each call is a new layer that reads the one before it."""
    before = recipe.given[0].name
    for call in recipe.calls:
        if call.reads != (before,) or call.shares or not call.what[0].isupper():
            return False
        before = call.name
    return True
