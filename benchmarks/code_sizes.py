"""Measure the code of the engine and of boards, for the estimates of `microlut analyze`.

    .venv/bin/python benchmarks/code_sizes.py [--write [--new] | --check]

The engine is compiled once for each core and option and linked as a whole: the linker's map has the
bytes of every function, the objects' relocations say which others each refers to. The image of the
digits example without its own functions and arrays is what a board needs for any model. `--write`
writes converter/microlut/conversion/code_sizes.json, with `--new` only what boards need that it
lacks, `--check` builds several networks and prints
how far off the estimates are, which needs MICROLUT_DATA. Both take some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from cost_operators import operator_network
from documents import ROOT
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

import microlut
from microlut.board.board import Board, boards
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.conversion.code_sizes import (
    BoardSizes,
    CodeSizes,
    CoreSizes,
    image_sizes,
    input_bytes,
    measured_sizes,
    model_flash,
    model_ram,
)
from microlut.conversion.source_sizes import source_of
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph
from microlut.machine.tools import require_tool
from microlut.plan import Goal, Optimize, Plan, make_plan
from microlut.plan.buffers import ALIGNMENT
from microlut.quantize.rough import quantize_roughly
from microlut.toolchain.build import build
from microlut.toolchain.image import Image

sys.path.insert(0, str(ROOT / "tests"))
from compiler_cache import keep_objects  # type: ignore[import-not-found]

# One for each core whose functions differ in size.
CORES = ("mps2-an385-m0plus", "mps2-an385", "mps2-an386", "mps3-an547", "riscv-virt")
FILE = ROOT / "converter" / "microlut" / "conversion" / "code_sizes.json"
_DIGITS = ROOT / "examples" / "digits" / "digits.keras"
_FIRMWARE = ROOT / "firmware"
_LEVELS: dict[Optimize, str] = {"speed": "-O2", "size": "-Os"}
_KIND = r"\.(?:text|rodata|data|bss)(?:\.(?:unlikely|hot|startup|exit))?"
_ROOM = 1 << 22  # bytes for all of the engine
_SMALL = 5_000  # bytes of an arena that fits on all boards
_LINKED = re.compile(rf"^ ({_KIND}\S*)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+\.o)$", re.MULTILINE)
_MODELS = (
    "resnet8_cifar10.h5",
    "imagenet_mobilenetv1_025_224.h5",
    "kws_dscnn_savedmodel",
)


def compiled(board: Board, folder: Path, sources: Iterable[Path], level: str) -> list[Path]:
    """Compile C files for a board's core, and return the objects."""
    command = [*_compiler(board), level, "-ffunction-sections", "-fdata-sections", "-std=c11", "-c"]
    files = [str(path) for path in sources]
    subprocess.run([*command, f"-I{_FIRMWARE / 'include'}", *files], cwd=folder, check=True)
    return sorted(folder.glob("*.o"))


def _compiler(board: Board) -> list[str]:
    chain = board.toolchain
    gcc = next(tool for tool in chain.needs if tool.name == f"{chain.prefix}gcc")
    return [str(require_tool(gcc)), *board.flags, f"--specs={chain.specs}"]


def engine_sources(board: Board) -> list[Path]:
    """Return the engine's C files that a core takes, as firmware/CMakeLists.txt does."""
    portable = sorted((_FIRMWARE / "src").glob("*.c")) + sorted(
        (_FIRMWARE / "src/kernels").glob("*.c")
    )
    own = sorted((_FIRMWARE / "src/mve").glob("mve_*.c"))
    if "-DMLUT_REQUIRE_MVE" not in board.flags:
        return portable
    replaced = {path.name.removeprefix("mve_") for path in own}
    return [path for path in portable if path.name not in replaced] + own


def functions(board: Board, level: str) -> dict[str, list[int | str]]:
    """Return the bytes of the engine's functions and constants, and what each refers to.

    Every object has its own copies of static functions of headers, so their names have the object's
    before them, if there are several.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        objects = compiled(board, folder, engine_sources(board), level)
        options = ["-nostartfiles", "-Wl,-e,0,--no-gc-sections,--no-warn-rwx-segments,-Map=all.map"]
        options += [f"-Wl,--defsym=__flash_size={_ROOM}"]  # of picolibc's own linker script
        command = [*_compiler(board), *options, *(path.name for path in objects), "-o", "all.elf"]
        subprocess.run(command, cwd=folder, check=True)
        holders: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        text = (folder / "all.map").read_text(encoding="utf-8")
        text = text.partition("Linker script and memory map")[2]
        for section, size, file in _LINKED.findall(text):
            if int(size, 16):
                holders[_function(section)][file] += int(size, 16)

        def named(name: str, file: str) -> str:
            held = holders.get(name, {})
            return f"{file}:{name}" if len(held) > 1 and file in held else name

        sizes = {named(n, file): size for n, held in holders.items() for file, size in held.items()}
        refers: dict[str, set[str]] = defaultdict(set)
        for path in objects:
            for one, other in references(path):
                refers[named(one, path.name)].add(named(other, path.name))
    return {name: [sizes[name], *sorted(refers[name] - {name})] for name in sorted(sizes)}


def references(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the names of functions or constants of an object, with what each refers to."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        symbols = next(s for s in elf.iter_sections() if isinstance(s, SymbolTableSection))
        for section in elf.iter_sections():
            if not isinstance(section, RelocationSection):
                continue
            within = elf.get_section(section["sh_info"]).name
            if re.match(_KIND, within) is None:
                continue
            for relocation in section.iter_relocations():
                symbol = symbols.get_symbol(relocation["r_info_sym"])
                place = symbol["st_shndx"]
                other = symbol.name
                if isinstance(place, int):
                    other = _function(elf.get_section(place).name)
                if other:
                    yield _function(within), other


def _function(section: str) -> str:
    """Return the name of the function or constant that has a section of its own."""
    return re.sub(rf"^{_KIND}\.?", "", section)


def types(board: Board) -> dict[str, int]:
    """Return the bytes of the types that generated C has constants of."""
    headers = sorted((_FIRMWARE / "include/microlut").glob("*.h"))
    names = {
        n
        for path in headers
        for n in re.findall(r"^(?:\}|typedef struct \w+) (mlut_\w+_t);", path.read_text(), re.M)
    }
    names |= {f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32)}
    lines = [f'#include "microlut/{path.name}"\n' for path in headers]
    lines += [f"const char of_{name}[sizeof({name})] = {{0}};\n" for name in sorted(names)]
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "types.c"
        source.write_text("".join(lines), encoding="utf-8")
        (made,) = compiled(board, Path(name), [source], "-O0")
        found = symbols_of(made)
    return {name: found[f"of_{name}"][1] for name in sorted(names)}


def symbols_of(path: Path) -> dict[str, tuple[int, int]]:
    """Return the addresses and bytes of all symbols that an ELF file defines."""
    with path.open("rb") as file:
        tables = (s for s in ELFFile(file).iter_sections() if isinstance(s, SymbolTableSection))
        symbols = [symbol for table in tables for symbol in table.iter_symbols()]
        sections = [s for s in symbols if isinstance(s["st_shndx"], int)]
        return {s.name: (s["st_value"], s["st_size"]) for s in sections}


def library(board: Board, names: Iterable[str]) -> dict[str, int]:
    """Return the bytes that the linker adds for each of some functions of the C library."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(names):
            options = ["-nostartfiles", "-Wl,-e,0", f"-Wl,-u,{name}", "-Wl,--gc-sections"]
            elf = Path(folder) / f"{name}.elf"
            command = [*_compiler(board), *options, "-Wl,--no-warn-rwx-segments", "-o", str(elf)]
            subprocess.run(command, check=True)
            with elf.open("rb") as file:
                sections = list(ELFFile(file).iter_sections())
            found[name] = sum(s["sh_size"] for s in sections if re.match(_KIND, s.name))
    return found


def core_sizes(board: Board, resident: Collection[str], call: float) -> CoreSizes:
    """Measure a core; of the C library, `resident` is in every image."""
    speed, size = (functions(board, level) for level in _LEVELS.values())
    outside = {str(other) for each in (speed, size) for f in each.values() for other in f[1:]}
    missing = outside - speed.keys() - size.keys() - set(resident)
    return {"speed": speed, "size": size, "library": library(board, missing), "call": call}


def built(plan: Plan, board: Board) -> tuple[Image, dict[str, tuple[int, int]]]:
    """Build a plan for a board, and return the image with its symbols."""
    prefix = identifier(plan.graph.name)
    with tempfile.TemporaryDirectory() as name:
        sources = Path(name) / "model"
        sources.mkdir()
        for file, text in render(plan).items():
            (sources / file).write_text(text, encoding="utf-8")
        image = build(sources, prefix, board, Path(name) / "build", plan.goal.optimize)
        return image, symbols_of(image.elf)


def rough(path: Path) -> QuantizedGraph:
    """Return a model, quantized roughly."""
    graph = run_passes(import_model(path))
    return quantize_roughly(graph, {node.name: 4 for node, _ in graph.weighted()})


def measured(new: bool = False) -> CodeSizes:
    """Return all sizes; `new` measures only those of boards that the file lacks."""
    model = rough(_DIGITS)
    prefix = identifier(model.name)
    sizes: CodeSizes = {"types": types(microlut.load_board(CORES[0])), "cores": {}, "boards": {}}
    if new:
        sizes = json.loads(FILE.read_text(encoding="utf-8"))
    known = [b for b in boards() if b.memory is not None and b.id not in sizes["boards"]]
    for board in sorted(known, key=lambda each: each.id not in CORES):
        plan = make_plan(model, Goal(core=board.core.value, room=_SMALL))
        source = source_of(plan, sizes["types"])
        image, symbols = built(plan, board)
        if board.id in CORES:
            call = round(symbols[f"{prefix}_run"][1] / source.calls, 1)
            sizes["cores"][board.core.value] = core_sizes(board, symbols, call)
            if types(board) != sizes["types"]:
                raise SystemExit(f"{board.id}: its types have other sizes than those of {CORES[0]}")
        flash, ram = image.flash_bytes, image.ram_bytes
        assert flash is not None and ram is not None and board.memory is not None
        arena, _ = symbols[f"{prefix}_arena"]
        before = max(sum(place) for place in symbols.values() if place[0] < arena and place[1])
        rest: BoardSizes = {
            "flash": flash - model_flash(plan, source, board.core.value, sizes),
            "ram": 0,
            "before_arena": (before - input_bytes(plan.graph)) % ALIGNMENT,
        }
        loaded = flash if board.memory.code_origin is not None else 0
        rest["ram"] = ram - loaded - model_ram(plan, rest)
        sizes["boards"][board.id] = rest
        print(board.id, rest, flush=True)
    order = sorted(sizes["boards"], key=lambda each: (each not in CORES, each))
    return {**sizes, "boards": {each: sizes["boards"][each] for each in order}}


def check(data: Path) -> None:
    """Print the estimates of several networks beside their images."""
    graphs = [rough(data / name) for name in _MODELS]
    graphs += [operator_network(name) for name in ("mul", "softmax", "tanh", "recurrent")]
    for graph in graphs:
        for name in CORES:
            board = microlut.load_board(name)
            for optimize in _LEVELS:
                plan = make_plan(graph, Goal(optimize, core=board.core.value))
                image, _ = built(plan, board)
                flash, ram = image_sizes(plan, source_of(plan, measured_sizes()["types"]), board)
                assert image.flash_bytes is not None and image.ram_bytes is not None
                print(
                    f"{graph.name[:20]:20} {name:18} {optimize:5} flash {image.flash_bytes:7,} "
                    f"{flash / image.flash_bytes - 1:+7.2%}, RAM {image.ram_bytes:7,} "
                    f"{ram - image.ram_bytes:+d}",
                    flush=True,
                )


def main() -> None:
    """Measure, and with --write write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as objects:  # images for the same core share them
        keep_objects(Path(objects))
        if arguments.check:
            check(Path(os.environ["MICROLUT_DATA"]))
            return
        sizes = measured(arguments.new)
    if arguments.write:
        FILE.write_text(json.dumps(sizes, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
