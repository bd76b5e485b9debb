"""What a plan is to be good at, and the memory that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from microlut.errors import InvalidInput

Optimize = Literal["speed", "size", "ram"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What the user asks of a plan.

    Attributes:
        optimize: "speed"; "size", the same plan for an engine compiled for size, with
            fewer forms of kernels; or "ram", the
            smallest arena, and then the largest tiles that it has room for.
        max_ram: Most bytes of the arena; None: as few as a plan for speed needs.

    Raises:
        InvalidInput: `max_ram` is not positive.
    """

    optimize: Optimize = "speed"
    max_ram: int | None = None

    def __post_init__(self) -> None:
        """Check the memory."""
        if self.max_ram is not None and self.max_ram < 1:
            raise InvalidInput(f"max RAM is {self.max_ram}; give a number of bytes of at least 1")
