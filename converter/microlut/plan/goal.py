"""What a plan is to be good at, and the memory that it may take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from microlut.errors import InvalidInput
from microlut.plan.cost import known_cores
from microlut.support.arguments import brief, check_choice, integer
from microlut.support.suggestions import did_you_mean

Optimize = Literal["balanced", "speed", "size", "ram"]
DEFAULT_CORE = "cortex-m4f"

# Balanced: 1 % more memory is worth a quarter of a percent less time, until an inference takes a
# few milliseconds.
BALANCE = 0.25
QUICK = 500_000  # instructions; hardly anybody gains from fewer
LEAST_STEP = 1_000  # instructions; calls with fewer would mostly set up kernels


@dataclass(frozen=True, slots=True)
class Bank:
    """A memory that may hold tensors and scratch.

    Attributes:
        name: The board's name for it; "ram" is the one that holds variables, too.
        bytes: How many there are for them.
        cost: What an access costs, in relation to other memories.
    """

    name: str
    bytes: int
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Goal:
    """What the user asks of a plan.

    Attributes:
        optimize: "balanced": where more memory is no longer worth the time that it saves; "size",
            the same plan for an engine compiled for size, with fewer forms of kernels; "speed", the
            quickest plan; or "ram", the quickest one in the smallest arena.
        max_ram: Most bytes of the arena, all of which may be taken for speed; None: no limit.
        core: The core that it is to be quick on; it runs on all.
        room: Bytes that there are for the arena, which a balanced plan keeps to if any plan can;
            otherwise it is the smallest one. None: unknown.
        banks: Memories instead of that room, if there are several.
        step_instructions: What runs at a time in programs that run an inference in parts is divided
            where it takes more, as far as it can be divided; None: not at all.

    Raises:
        InvalidInput: One of them is not allowed, or nothing is known of the core.
    """

    optimize: Optimize = "balanced"
    max_ram: int | None = None
    core: str = DEFAULT_CORE
    room: int | None = None
    banks: tuple[Bank, ...] = ()
    step_instructions: int | None = None

    def __post_init__(self) -> None:
        """Check all of it."""
        check_choice("optimize", self.optimize, get_args(Optimize))
        if self.max_ram is not None:
            object.__setattr__(self, "max_ram", integer("max RAM", self.max_ram, 1))
        if self.step_instructions is not None:
            most = integer("step instructions", self.step_instructions, LEAST_STEP)
            object.__setattr__(self, "step_instructions", most)
        known = ", ".join(known_cores())
        if not isinstance(self.core, str):
            raise InvalidInput(f"core is {brief(self.core)}; choose one of {known}")
        if self.core not in known_cores():
            hint = did_you_mean(self.core, dict.fromkeys(known_cores(), ()))
            raise InvalidInput(f"core {self.core} is not known; {hint}choose one of {known}")

    def within(self, banks: Sequence[Bank]) -> Goal:
        """Return the goal for a board with these memories; with none, nothing is known of it."""
        if len(banks) > 1:
            return replace(self, banks=tuple(banks))
        return replace(self, room=banks[0].bytes) if banks else self

    @property
    def balances(self) -> bool:
        """Whether memory is weighed against time."""
        return self.optimize in {"balanced", "size"} and self.max_ram is None


def price(
    arena_bytes: int, instructions: float, weight: float = BALANCE, quick: int = QUICK
) -> tuple[float, ...]:
    """Return what a plan costs where memory and time count; less is better.

    Args:
        arena_bytes: The arena.
        instructions: Of an inference.
        weight: Percent of the time that one percent of the arena is worth; may be infinite.
        quick: Instructions that nobody gains from falling below.
    """
    if math.isinf(weight):
        return arena_bytes, instructions
    time = math.log(max(instructions, quick))
    return time + weight * math.log(max(arena_bytes, 1)), arena_bytes, instructions
