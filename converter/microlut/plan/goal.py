"""What a plan is to be good at, and the memory that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from microlut.errors import InvalidInput
from microlut.plan.cost import known_cores
from microlut.support.suggestions import did_you_mean

Optimize = Literal["speed", "size", "ram"]
DEFAULT_CORE = "cortex-m4f"


@dataclass(frozen=True, slots=True)
class Goal:
    """What the user asks of a plan.

    Attributes:
        optimize: "speed"; "size", the same plan for an engine compiled for size, with
            fewer forms of kernels; or "ram", the
            smallest arena, and then the largest tiles that it has room for.
        max_ram: Most bytes of the arena; None: as few as a plan for speed needs.
        core: The core that it is to be quick on; it runs on all.

    Raises:
        InvalidInput: `max_ram` is not positive, or nothing is known of the core.
    """

    optimize: Optimize = "speed"
    max_ram: int | None = None
    core: str = DEFAULT_CORE

    def __post_init__(self) -> None:
        """Check the memory and the core."""
        if self.max_ram is not None and self.max_ram < 1:
            raise InvalidInput(f"max RAM is {self.max_ram}; give a number of bytes of at least 1")
        if self.core not in known_cores():
            hint = did_you_mean(self.core, dict.fromkeys(known_cores(), ()))
            raise InvalidInput(
                f"core {self.core} is not known; {hint}choose one of {', '.join(known_cores())}"
            )
