"""Model the Cortex-M4 cycles of the executed blocks of an image.

Each executed instruction has the cost that the Cortex-M4 Technical Reference Manual (DDI 0439,
table 3-1) gives it, without wait states: loads 2, or 1 next after another single load or store;
stores 1; LDRD and STRD 3; LDM, STM, PUSH and POP 1 + registers (and 2 for the program counter);
divisions 7; calls and branches 3, those that fall through 1; all others 1. The execution count of
the instruction after a conditional branch tells how often the branch fell through.

Waits are counted beside the cycles, and are not among them: the manual saves a cycle of a load
or store next after a load only where its address does not need the loaded value ("Load/store
timings").
Unaligned accesses take one or two more by the manual; addresses are not known here.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

OBJDUMP = "arm-none-eabi-objdump"
_LINE = re.compile(r"\s+([0-9a-f]+):\s+(\S+)\s*(.*)")
_SINGLE = re.compile(r"(ldr|str)(b|h|sb|sh)?")
_CONDITIONS = "eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le"
_NUMBERS = {"sl": 10, "fp": 11, "ip": 12, "sp": 13, "lr": 14, "pc": 15}
_TAKEN = 3
# Cost of an instruction, by the first pattern that matches its whole mnemonic.
_COSTS: tuple[tuple[re.Pattern[str], Callable[[str], int]], ...] = tuple(
    (re.compile(pattern), cost)
    for pattern, cost in (
        (r"(ldr|str)d", lambda _: 3),
        (r"v?(ldm|stm|push|pop).*", lambda o: 1 + _registers(o) + (2 if "pc" in o else 0)),
        (r"ldr(b|h|sb|sh)?", lambda _: 2),
        (r"[su]div", lambda _: 7),
        (r"b(l|lx|x)?", lambda _: _TAKEN),
    )
)
_CONDITIONAL = re.compile(rf"b({_CONDITIONS})|cbn?z")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its cost if it is no conditional branch, and the address after it.

    `waits` says whether its address is what the load before it loads.
    """

    cycles: int
    conditional: bool
    behind: int
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of executed code: exact instructions, modelled cycles of a Cortex-M4, and waits."""

    instructions: int
    cycles: int | None
    waits: int = 0


def read_code(elf: Path) -> dict[int, Instruction]:
    """Return an image's instructions by address."""
    command = [OBJDUMP, "-d", "--no-show-raw-insn", str(elf)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return parse_code(text)


def parse_code(text: str) -> dict[int, Instruction]:
    """Return the instructions of a disassembly by address."""
    lines = [match for line in text.splitlines() if (match := _LINE.match(line))]
    addresses = [int(match[1], 16) for match in lines]
    code = {}
    before = operands = ""
    for match, address, behind in zip(lines, addresses, [*addresses[1:], -1], strict=True):
        name = match[2].removesuffix(".w").removesuffix(".n")
        cycles = _cycles(name, match[3])
        if name.startswith("ldr") and _SINGLE.fullmatch(name) and _SINGLE.fullmatch(before):
            cycles = 1
        single = _SINGLE.fullmatch(name) is not None and _SINGLE.fullmatch(before) is not None
        waits = single and before.startswith("ldr") and _addresses(match[3], operands)
        conditional = _CONDITIONAL.fullmatch(name) is not None
        code[address] = Instruction(cycles, conditional, behind, waits)
        before, operands = name, match[3]
    return code


def _cycles(name: str, operands: str) -> int:
    return next((cost(operands) for pattern, cost in _COSTS if pattern.fullmatch(name)), 1)


def _addresses(operands: str, before: str) -> bool:
    """Return whether a load or store has in its address what the load before it loads."""
    loaded = before.partition(",")[0].strip()
    listed = re.search(r"\[(.*?)\]", operands)
    return listed is not None and loaded in re.split(r"[,\s]+", listed[1])


def _registers(operands: str) -> int:
    """Return how many registers a list such as {r4-r6, lr} has."""
    listed = re.search(r"\{(.*?)\}", operands)
    count = 0
    for part in listed[1].split(",") if listed else ():
        first, _, last = part.strip().partition("-")
        count += _number(last) - _number(first) + 1 if last else 1
    return count


def _number(register: str) -> int:
    return _NUMBERS[register] if register in _NUMBERS else int(register.lstrip("rsd"))


def read_pieces(blocks: Path, code: Mapping[int, Instruction]) -> tuple[tuple[Cost, ...], Cost]:
    """Return the cost of each piece of the first region of a plugin's file, and of all together.

    Costs of pieces add up to the whole except for branches, whose next instruction another piece
    may have executed. Only the whole is free of that ambiguity.
    """
    pieces: dict[int, Counter[int]] = defaultdict(Counter)
    for line in blocks.read_text(encoding="ascii").splitlines():
        region, piece, address, instructions, times = line.split()
        if region != "0":
            break
        at = int(address, 16)
        for _ in range(int(instructions)):
            pieces[int(piece)][at] += int(times)
            at = code[at].behind
    whole: Counter[int] = sum(pieces.values(), Counter())
    return tuple(_cost(pieces[i], code) for i in range(len(pieces))), _cost(whole, code)


def _cost(executed: Counter[int], code: Mapping[int, Instruction]) -> Cost:
    cycles = waits = 0
    for address, times in executed.items():
        instruction = code[address]
        cycles += times * instruction.cycles
        waits += times * instruction.waits
        if instruction.conditional:
            taken = times - min(times, executed.get(instruction.behind, 0))
            cycles += taken * (_TAKEN - 1)
    return Cost(executed.total(), cycles, waits)
