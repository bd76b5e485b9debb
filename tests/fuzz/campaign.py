"""Try many random networks and count what came of them."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from c_programs import wrong_in_c
from checking import Tried, check
from drawing import draw
from keras_building import Building
from recipe import Failure, Recipe, kinds, reason
from shrinking import shrunk

from compiler_cache import keep_objects


@dataclass
class Found:
    """A failure of a network, which is named by its seed."""

    seed: int
    failure: Failure
    recipe: str = ""


@dataclass
class Counts:
    """What came of some networks.

    Attributes:
        tried: Networks that Keras built.
        counted: Those that were converted and whose outputs tell something.
        blurred: Those that differ from Keras as much as float32 explains.
        states: Those that keep values from run to run.
        wide: Those with int16 tensors.
        own: Those with operators that TensorFlow Lite lacks.
        c: Those whose C was run, by target.
        refused: By reason.
        failures: All of them.
        kinds: How many calls there were, by kind.
    """

    tried: int = 0
    counted: int = 0
    blurred: int = 0
    states: int = 0
    wide: int = 0
    own: int = 0
    c: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[Found] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        for name in ("tried", "counted", "blurred", "states", "wide", "own"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("c", "refused", "kinds"):
            getattr(self, name).update(getattr(other, name))
        self.failures += other.failures

    def summary(self) -> str:
        """Return one line, and one for each reason of refusals."""
        c = ", ".join(f"{count} on {target}" for target, count in self.c.items())
        line = (
            f"{self.tried} networks tried, {self.counted} counted, {self.blurred} as near to Keras "
            f"as float32 allows, {self.states} with state, {self.wide} with int16, {self.own} "
            f"with operators that TensorFlow Lite lacks, C of {c or 'none'}, "
            f"{sum(self.refused.values())} refused, {len(self.failures)} failed"
        )
        refused = [f"  {count} refused: {text}" for text, count in self.refused.most_common()]
        return "\n".join([line, *refused])


def try_seeds(seeds: Iterable[int], targets: Sequence[str], current: Path | None = None) -> Counts:
    """Draw the networks of some seeds, compare all their forms, and run their C on some targets.

    Args:
        seeds: One per network.
        targets: Some of `c_programs.TARGETS`.
        current: A file to write the seed to that is tried, lest the process dies of it.
    """
    import keras

    keras.config.disable_traceback_filtering()
    keras.utils.clear_session()
    if "tf_keras" in sys.modules:
        sys.modules["tf_keras"].backend.clear_session()
    prepare()
    gc.collect()
    gc.freeze()  # the objects of TensorFlow, to look at which makes a third of the time
    counts, sound = Counts(), []
    for seed in seeds:
        if current is not None:
            current.write_text(str(seed))
        recipe, building = quietly_drawn(seed)
        if recipe is None:
            continue
        one = check(recipe, building, bool(targets))
        counts.tried += 1
        counts.kinds.update(kinds(recipe))
        counts.refused.update([reason(one.refused)] if one.refused else [])
        counts.counted += one.telling
        counts.blurred += one.blurred
        counts.states += one.stateful
        counts.wide += one.wide
        counts.own += one.own
        counts.failures += [Found(seed, failure, repr(recipe)) for failure in one.failures]
        if one.plan is not None:
            sound.append(one)
    for target in targets if sound else ():
        counts.c[target] += len(sound)
        for one, failure in wrong_in_c(sound, target):
            counts.failures.append(Found(one.recipe.seed, failure, repr(one.recipe)))
    return counts


def quietly_drawn(seed: int) -> tuple[Recipe | None, Building | None]:
    """Return the network of a seed, or None if no layer fits its input."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what nobody would build, such as a softmax of one
        try:
            return draw(seed)
        except LookupError:
            return None, None


def failures_of(recipe: Recipe, building: Building, stage: str) -> tuple[Failure, ...]:
    """Return what is wrong with a network, with its C if a stage is about that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one: Tried = check(recipe, building)
    found = list(one.failures)
    if stage.startswith("C on ") and one.plan is not None:
        found += [failure for _, failure in wrong_in_c([one], stage.removeprefix("C on "))]
    return tuple(failure for failure in found if failure.stage == stage)


def smallest(recipe: Recipe, stage: str) -> Recipe:
    """Return the shrunk recipe of a failure."""
    return shrunk(recipe, lambda one, building: bool(failures_of(one, building, stage)))


def prepare() -> None:
    """Let compiled objects of the engine be used again, as the tests do."""
    if "MLUT_TEST_OBJECTS" not in os.environ:
        keep_objects(Path(tempfile.mkdtemp(prefix="microlut-objects-")))
