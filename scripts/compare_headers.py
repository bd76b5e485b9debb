"""Compare the addresses in a STM32 family's family.h with those of ST's CMSIS device header.

    .venv/bin/python scripts/compare_headers.py f411 cmsis_device_f4/Include/stm32f411xe.h

For each UART: its base address, the register and the bit that give it its clock, and its interrupt;
and the addresses of the pins' ports. The header is ST's, from github.com/STMicroelectronics, and is
not part of microlut. Ends with 1 if something differs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FAMILIES = Path(__file__).parents[1] / "firmware" / "port" / "stm32"
_UART = re.compile(r"#define STM32_(\w+) +\{(\w+)u, +(\w+)u, +(\d+), +(\d+), +(\d), +\w+\}")
_NUMBER = re.compile(r"0x[0-9A-Fa-f]+|\d+")


class Header:
    """A CMSIS device header: its macros, interrupts and the registers of RCC."""

    def __init__(self, text: str) -> None:
        defined = re.findall(r"^ *#define +(\w+) +(.+?) *(?:/\*.*)?$", text, re.MULTILINE)
        self.macros: dict[str, str] = {}
        for name, value in defined:  # the first of several: with TrustZone, the secure one
            self.macros.setdefault(name, value)
        self.interrupts = {
            name: int(number) for name, number in re.findall(r"(\w+)_IRQn *= *(\d+)", text)
        }
        structure = re.findall(
            r"typedef struct\s*\{((?:[^}](?!typedef struct))*)\} *RCC_TypeDef", text
        )
        rows = re.findall(r"(\w+)(?:\[\d+\])?; */\*.*offset: *(0x[0-9A-Fa-f]+)", structure[-1])
        self.rcc = {int(offset, 16): name for name, offset in rows if "RESERVED" not in name}

    def value(self, name: str) -> int:
        """Return the number that a macro is: a sum of numbers and other macros."""
        text = self.macros[name]
        return sum(
            int(_NUMBER.fullmatch(term)[0], 0) if _NUMBER.fullmatch(term) else self.value(term)  # type: ignore[index]
            for term in re.findall(
                r"[A-Za-z_0-9]+", re.sub(r"(0x[0-9A-Fa-f]+|\d+)U?L*", r"\1", text)
            )
        )

    def base(self, name: str, near: int) -> int:
        """Return the base address of a peripheral, secure or not as one that is known."""
        choices = [f"{name}_BASE", f"{name}_BASE_NS", f"{name}_BASE_S"]
        found = [self.value(each) for each in choices if self._is_number(each)]
        return min(found, key=lambda address: abs(address - near))

    def _is_number(self, name: str) -> bool:
        try:
            self.value(name)
        except KeyError:
            return False
        return True


def compare(family: str, header: Header) -> list[str]:
    """Return what differs, a line each."""
    files = [FAMILIES / family / "family.h"]
    text = files[0].read_text(encoding="utf-8")
    for other in re.findall(r'#include "(\.\./\w+/family\.h)"', text):
        text = (files[0].parent / other).read_text(encoding="utf-8") + text
    gone = set(re.findall(r"#undef STM32_(\w+)", text))
    wrong = []

    def expect(what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            wrong.append(f"{family}: {what}: {ours} here, {theirs} in the header")

    for name, base, enable, bit, interrupt, _ in _UART.findall(text):
        if name in gone:
            continue
        address, register = int(base, 0), int(enable, 0)
        expect(f"{name} base", hex(address), hex(header.base(name, address)))
        rcc = header.base("RCC", register)
        called = header.rcc.get(register - rcc, "none")
        expect(f"{name} clock bit of RCC_{called}", int(bit), _position(header, called, name))
        expect(f"{name} interrupt", int(interrupt), header.interrupts.get(name))
    ports = int(re.findall(r"STM32_GPIO_BASE (\w+)u", text)[0], 0)
    expect("GPIOA", hex(ports), hex(header.base("GPIOA", ports)))
    return wrong


def _position(header: Header, register: str, name: str) -> int | None:
    found = f"RCC_{register}_{name}EN_Pos"
    return header.value(found) if found in header.macros else None


def main() -> None:
    """Compare the family and the header that are named, and print what differs."""
    family, path = sys.argv[1:]
    wrong = compare(family, Header(Path(path).read_text(encoding="utf-8", errors="replace")))
    sys.stdout.write("\n".join(wrong) or f"{family}: nothing differs from {Path(path).name}")
    sys.stdout.write("\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
