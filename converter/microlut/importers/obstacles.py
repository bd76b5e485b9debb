"""Collect every reason why a model cannot be converted, and say all of them in one error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from microlut.errors import (
    InvalidInput,
    MicrolutError,
    Obstacle,
    UnsupportedModel,
    with_obstacles,
)

_MOST_SHOWN = 12  # in one error
_MOST_NAMED = 5  # layers with the same obstacle
_TOO_LARGE = "takes more memory than reading may; use a smaller layer"
_WITHOUT_SHAPES = "not all of {} could be checked, since shapes are not known behind an obstacle"


class Placed(Protocol):
    """A layer or an operator of a model file, which an error can be about."""

    @property
    def full_name(self) -> str:
        """Its name, with those of the nested models that contain it."""

    @property
    def place(self) -> str:
        """The place in words."""


@dataclass(slots=True)
class Collected:
    """The obstacles of a model so far, each once.

    Attributes:
        obstacles: In the order of layers.
        unchecked: Names of layers whose inputs have no known shapes, so that not all is checked.
    """

    obstacles: list[Obstacle] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def add(self, found: Iterable[Obstacle]) -> None:
        """Add obstacles that are not there yet."""
        self.obstacles += [obstacle for obstacle in found if obstacle not in self.obstacles]

    def check(self, layer: Placed, check: Callable[[], object]) -> bool:
        """Call a function, add what it raises, and return whether it raised nothing."""
        try:
            check()
        except (InvalidInput, UnsupportedModel) as error:
            self.add(obstacles_of(layer, error))
            return False
        except MemoryError:
            self.add(obstacles_of(layer, UnsupportedModel(_TOO_LARGE)))
            return False
        return True

    @property
    def note(self) -> str:
        """Return which layers could not be checked in full, or ""."""
        names = list(dict.fromkeys(self.unchecked))
        return _WITHOUT_SHAPES.format(_names(names)) if names else ""


def obstacles_of(layer: Placed, error: MicrolutError) -> tuple[Obstacle, ...]:
    """Return what an error about a layer says; one without a place is about the layer itself."""
    if error.obstacles:
        return error.obstacles
    found, _, advice = str(error).partition("; ")
    damaged = isinstance(error, InvalidInput)
    return (Obstacle(layer.full_name, layer.place, found, advice or "change it", damaged),)


def refusal(source: str, collected: Collected, supported: Sequence[str]) -> MicrolutError:
    """Return the error that says all obstacles of a model in one line.

    Args:
        source: The file or object.
        collected: At least one obstacle.
        supported: Classes of layers to name, if a class is not supported.
    """
    obstacles = tuple(collected.obstacles)
    texts = _grouped(obstacles)
    if len(texts) > _MOST_SHOWN:
        more = len(texts) - _MOST_SHOWN
        texts = [*texts[:_MOST_SHOWN], f"{more} more, which `microlut analyze` lists"]
    ends = [f"supported are {', '.join(supported)}, and layers that do nothing at inference"]
    notes = [*(ends if supported else []), *filter(None, [collected.note])]
    texts[-1] = "; ".join([texts[-1], *notes])
    kind = InvalidInput if all(each.damaged for each in obstacles) else UnsupportedModel
    return with_obstacles(kind, f"{source}: ", texts, obstacles)


def _grouped(obstacles: Sequence[Obstacle]) -> list[str]:
    """Return the texts of obstacles; layers of a class with the same one share a text."""
    groups: dict[tuple[str, str, str], list[Obstacle]] = {}
    for each in obstacles:
        kind = each.where.rpartition("(")[2] if each.layer else each.where
        groups.setdefault((kind, each.found, each.advice), []).append(each)
    texts = []
    for (kind, found, advice), group in groups.items():
        if len(group) == 1:
            texts.append(group[0].text)
        else:
            names = _names([each.layer for each in group])
            texts.append(f"layers {names} ({kind.rstrip(')')}): {found}; {advice}")
    return texts


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more
