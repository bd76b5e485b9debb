"""What a plan is to be good at, and the memory that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from microlut.errors import InvalidInput
from microlut.plan.cost import known_cores
from microlut.support.arguments import brief, check_choice, integer
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
        InvalidInput: One of them is not allowed, or nothing is known of the core.
    """

    optimize: Optimize = "speed"
    max_ram: int | None = None
    core: str = DEFAULT_CORE

    def __post_init__(self) -> None:
        """Check all of it."""
        check_choice("optimize", self.optimize, get_args(Optimize))
        if self.max_ram is not None:
            object.__setattr__(self, "max_ram", integer("max RAM", self.max_ram, 1))
        known = ", ".join(known_cores())
        if not isinstance(self.core, str):
            raise InvalidInput(f"core is {brief(self.core)}; choose one of {known}")
        if self.core not in known_cores():
            hint = did_you_mean(self.core, dict.fromkeys(known_cores(), ()))
            raise InvalidInput(f"core {self.core} is not known; {hint}choose one of {known}")
