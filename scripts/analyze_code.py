#!/usr/bin/env python3
"""Analyze the firmware's C, and fail on what docs/reference/misra.md does not explain.

    scripts/analyze_code.py [TOOL ...]      cppcheck, clang-tidy, gcc: all, or these

gcc runs -fanalyzer over the engine for the host and the cores in CORES, and over the application,
ports and start-up code for a board of each port; cppcheck has its MISRA C:2012 addon.
The document lists rules with files and a reason. A message of another rule or file is an error, and
so is a listed file without a message, as a reason for nothing misleads.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "converter"))

from analyzed_firmware import Part, parts  # noqa: E402

DOCUMENT = CHECKOUT / "docs" / "reference" / "misra.md"
ENGINE = "firmware/src"
EVERYWHERE = "everywhere"

CORES = {
    "host": ["gcc"],
    "Cortex-M0+": ["arm-none-eabi-gcc", "-mcpu=cortex-m0plus"],
    "Cortex-M4": ["arm-none-eabi-gcc", "-mcpu=cortex-m4"],
    "Cortex-M55": ["arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mfloat-abi=hard"],
    "RV32IMC": [
        "riscv64-unknown-elf-gcc",
        "-march=rv32imc",
        "-mabi=ilp32",
        "--specs=picolibc.specs",
    ],
}
# What Clang calls the machines of compilers, and where their libraries' headers are.
_CLANG = {
    "arm-none-eabi-": ["--target=arm-none-eabi", "-isystem/usr/lib/arm-none-eabi/include"],
    "riscv64-unknown-elf-": [
        "--target=riscv32-unknown-elf",
        "-isystem/usr/lib/picolibc/riscv64-unknown-elf/include",
    ],
}
_ENGINE_FOLDERS = ["-Ifirmware/include", f"-I{ENGINE}"]
_GCC = ["-std=c11", "-O2", "-fanalyzer", "-Wall", "-Wextra", "-c", "-o", "/dev/null"]
_CPPCHECK = [
    "cppcheck",
    "--addon=misra",
    "--enable=warning,style,performance,portability",
    "--std=c11",
    "--platform=unix32",
    "--quiet",
    "--suppress=missingIncludeSystem",
    "--template={file}:{line}: {severity}: {message} [{id}]",
    # one configuration, the portable one; and what it does not read from the system's headers
    "-D__GNUC__=12",
    "-DUINT32_C(x)=x##u",
    "-DINT32_C(x)=x",
]
# A list of rules may follow, as `[bugprone-x,cert-y]`; gcc has a number before it.
_MESSAGE = re.compile(r"^(?P<at>[^:\s]+)(:\d+)*: \w+: .*\[(?P<rules>[\w.,=-]+)\]$", re.MULTILINE)
_ROW = re.compile(r"^\| `(?P<rule>[^`]+)` \| (?P<files>[^|]+) \| (?P<why>[^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Message:
    """A message of a tool: its rule, the file it is about, and the whole line."""

    rule: str
    file: str
    line: str


@dataclass(frozen=True)
class Deviation:
    """A rule whose messages are accepted in some files of the engine, or in all."""

    rule: str
    files: frozenset[str]

    def covers(self, message: Message) -> bool:
        """Tell whether a message is accepted."""
        return message.rule == self.rule and any(
            _is_in(_short(message.file), name) for name in self.files
        )


def messages_in(printed: str, source: str) -> Iterator[Message]:
    """Yield the messages that a tool printed about a source."""
    for found in _MESSAGE.finditer(printed):
        file = source if found["at"] == "cc1" else found["at"]  # where gcc has lost the place
        file = os.path.relpath(CHECKOUT / file, CHECKOUT)
        line = found[0].replace("cc1:", f"{source}:", 1)
        yield Message(found["rules"].split(",")[0], file, line)


def read_deviations(text: str) -> list[Deviation]:
    """Return the deviations in the tables of the document."""
    return [
        Deviation(row["rule"], frozenset(re.findall(r"[\w./]+", row["files"])))
        for row in _ROW.finditer(text)
    ]


def judge(messages: Iterable[Message], deviations: list[Deviation]) -> list[str]:
    """Return what is wrong: messages without a deviation, deviations without a message."""
    seen: dict[str, set[str]] = {}
    wrong: dict[str, None] = {}
    for message in messages:
        seen.setdefault(message.rule, set()).add(_short(message.file))
        if not any(d.covers(message) for d in deviations):
            wrong[message.line] = None
    for deviation in deviations:
        files = seen.get(deviation.rule, set())
        if EVERYWHERE in deviation.files and not files:
            wrong[f"{deviation.rule}: explained, but no file has it any more"] = None
        for name in sorted(deviation.files - {EVERYWHERE}):
            if any(_is_in(file, name) for file in files):
                continue
            wrong[f"{deviation.rule}: explained in {name}, which does not have it any more"] = None
    return list(wrong)


def analyze(tools: Iterable[str]) -> list[Message]:
    """Run tools over the sources and return what they say."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        others = parts(Path(folder))
        jobs = [(command, source) for tool in tools for command, source in TOOLS[tool](others)]
        return [m for found in pool.map(lambda job: _run(*job), jobs) for m in found]


def _run(command: list[str], source: str) -> list[Message]:
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    found = list(dict.fromkeys(messages_in(printed, source)))
    if done.returncode != 0 and not found:
        raise SystemExit(f"{' '.join(command)}: {printed}")
    return found


def _gcc(others: Iterable[Part]) -> Iterator[tuple[list[str], str]]:
    for core, compiler in CORES.items():
        for source in _sources(with_mve=core == "Cortex-M55"):
            yield [*compiler, *_GCC, *_ENGINE_FOLDERS, source], source
    for part in others:
        for source in part.sources:
            command = [f"{part.prefix}gcc", *part.flags, *_GCC, *part.includes, source]
            yield command, source


def _clang_tidy(others: Iterable[Part]) -> Iterator[tuple[list[str], str]]:
    for source in _sources():
        yield ["clang-tidy", "--quiet", source, "--", "-std=c11", *_ENGINE_FOLDERS], source
    for part in others:
        flags = [flag for flag in part.flags if not flag.startswith("--specs")]
        options = ["-std=c11", *_CLANG.get(part.prefix, []), *flags, *part.includes]
        for source in part.sources:
            yield ["clang-tidy", "--quiet", source, "--", *options], source


def _cppcheck(others: Iterable[Part]) -> Iterator[tuple[list[str], str]]:
    # all at once: some rules are about the whole program
    yield [*_CPPCHECK, *_ENGINE_FOLDERS, *_sources()], ENGINE
    for part in others:
        if part.sources:
            yield [*_CPPCHECK, *part.includes, *part.sources], part.sources[0]


TOOLS: dict[str, Callable[[Iterable[Part]], Iterator[tuple[list[str], str]]]] = {
    "cppcheck": _cppcheck,  # the longest job first
    "clang-tidy": _clang_tidy,
    "gcc": _gcc,
}


def _sources(with_mve: bool = False) -> list[str]:
    """Return the engine's sources that a core compiles, MVE's only where the compiler knows it."""
    paths = sorted((CHECKOUT / ENGINE).rglob("*.c"))
    return [str(p.relative_to(CHECKOUT)) for p in paths if with_mve or p.parent.name != "mve"]


def _short(file: str) -> str:
    """Return the name of a file, as the document has it."""
    inner = file.removeprefix("firmware/include/").removeprefix(f"{ENGINE}/")
    return inner.removeprefix("firmware/")


def _is_in(file: str, name: str) -> bool:
    """Return whether a row that names a file, or a folder, is about a file."""
    return name in (EVERYWHERE, file) or (name.endswith("/") and file.startswith(name))


def main() -> int:
    """Analyze; print what is wrong; return 1 if anything is."""
    tools = sys.argv[1:] or list(TOOLS)
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        sys.stderr.write(f"analyze-code: missing: {', '.join(missing)}\n")
        return 1
    deviations = read_deviations(DOCUMENT.read_text(encoding="utf-8"))
    own = [message for message in analyze(tools) if message.file.startswith("firmware/")]
    wrong = judge(own, deviations)
    if len(tools) < len(TOOLS):  # the others would need some
        wrong = [line for line in wrong if ": explained" not in line]
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    sys.stdout.write(f"analyze-code: {len(wrong)} to mend, or to explain in {DOCUMENT.name}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
