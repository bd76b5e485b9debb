"""Every error that a user can cause: one base class, one subclass and exit code per kind.

A message is one line: where, what was found, what is allowed, what to do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why a model cannot be converted.

    Attributes:
        layer: Name of the layer, with those of the nested models that contain it; or of an input.
        where: The place in words.
        found: What was found there.
        advice: What is allowed, and what to do.
        damaged: Whether no Keras would have written this, so that no other microlut can read it.
    """

    layer: str
    where: str
    found: str
    advice: str
    damaged: bool = False

    @property
    def text(self) -> str:
        """Return all of it in one line."""
        return " ".join(f"{self.where}: {self.found}; {self.advice}".split())


class MicrolutError(Exception):
    """Base of all expected errors.

    Attributes:
        exit_code: What the command line exits with.
        obstacles: If the error is about a model, each reason.
    """

    exit_code = 70
    obstacles: tuple[Obstacle, ...] = ()

    def __str__(self) -> str:
        """Return the message; a line break in it came with a name or another program's text."""
        return " ".join(super().__str__().split())


class InvalidInput(MicrolutError):
    """A file, array or option that the user gave cannot be used."""

    exit_code = 2


class UnsupportedModel(MicrolutError):
    """The model file is sound but holds a layer or option that microlut cannot convert."""

    exit_code = 3


class InvalidBoard(MicrolutError):
    """The board is not known, or its file does not follow the schema."""

    exit_code = 4


class DoesNotFit(MicrolutError):
    """The firmware needs more flash or RAM than the board has."""

    exit_code = 5


class ToolMissing(MicrolutError):
    """A compiler, emulator or package that the command needs is not installed."""

    exit_code = 6


class BuildFailed(MicrolutError):
    """CMake, the compiler or the linker failed."""

    exit_code = 7


class RunFailed(MicrolutError):
    """The firmware or its emulator did not answer as the protocol says."""

    exit_code = 8


class DeviceFailed(MicrolutError):
    """A board, its probe or its serial port is absent, in use, forbidden, or refused the image."""

    exit_code = 9


def with_obstacles(
    kind: type[MicrolutError], where: str, texts: Sequence[str], obstacles: Iterable[Obstacle]
) -> MicrolutError:
    """Return an error that says one text, or numbers several of them.

    Args:
        kind: Class of the error.
        where: What the message begins with.
        texts: Obstacles in words.
        obstacles: The obstacles that they are about.
    """
    count = len(obstacles := tuple(obstacles))
    numbered = " ".join(f"({number}) {text}." for number, text in enumerate(texts, 1))
    error = kind(where + (texts[0] if len(texts) == 1 else f"{count} obstacles: {numbered}"))
    error.obstacles = obstacles
    return error
