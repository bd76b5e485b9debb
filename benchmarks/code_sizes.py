"""Measure the code of images on every board, for the estimates of `microlut analyze`.

    .venv/bin/python benchmarks/code_sizes.py [--write]

Images of ResNet8 and MobileNetV1, quantized roughly since only the code counts, and of a network
for each other kind of kernel give the bytes of the engine's objects on every core. What ResNet8
takes on every board is read from docs/measurements/boards.md, which `benchmarks/boards.py` makes.
`--write` writes converter/microlut/conversion/code_sizes.json. Takes about 5 minutes. Needs
MICROLUT_DATA. `--models` leaves out the networks of single kernels, whose old figures stay.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from costs import operator_network
from documents import ROOT

import microlut
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.conversion.code_sizes import LIKE, CodeSizes, kernel_bytes, measured_sizes, model_ram
from microlut.errors import MicrolutError
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph
from microlut.ops import INTEGER_FORMS, OPERATORS
from microlut.plan import DEFAULT_CORE, Goal, Plan, make_plan
from microlut.plan.cost import assume_free
from microlut.plan.kernels import calls_of, kernel_of
from microlut.quantize.rough import quantize_roughly
from microlut.toolchain.build import build
from microlut.toolchain.image import Image

# One for each core whose kernels differ in size.
CORES = ("mps2-an385-m0plus", "mps2-an385", "mps2-an386", "mps3-an547", "riscv-virt")
FILE = ROOT / "converter" / "microlut" / "conversion" / "code_sizes.json"
_MODELS = ("resnet8_cifar10.h5", "imagenet_mobilenetv1_025_224.h5")
PAGE = ROOT / "docs" / "measurements" / "boards.md"
_OBJECT = re.compile(
    r"^ \.(?:text|rodata|data|bss)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) \S*libmicrolut\.a\((\w+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Built:
    """A plan with its image, and the bytes of the engine's objects in it by their names."""

    plan: Plan
    image: Image
    objects: dict[str, int]

    @property
    def rest(self) -> int:
        """Return the bytes of flash that are neither the engine nor the plan's arrays."""
        assert self.image.flash_bytes is not None
        arrays = self.plan.weight_bytes + self.plan.parameter_bytes
        return self.image.flash_bytes - arrays - sum(self.objects.values())

    @property
    def calls(self) -> int:
        """Return the number of kernel calls."""
        return sum(step.is_called for step in self.plan.steps)


def built(graph: QuantizedGraph, board: microlut.Board) -> Built:
    """Build a network for a board."""
    plan = make_plan(graph, Goal(core=board.core.value))
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "model"
        sources.mkdir()
        for file, text in render(plan).items():
            (sources / file).write_text(text, encoding="utf-8")
        image = build(sources, identifier(graph.name), board, Path(folder) / "build")
        text = image.map.read_text(encoding="utf-8", errors="replace")
    objects: dict[str, int] = defaultdict(int)
    for size, name in _OBJECT.findall(text.partition("Linker script and memory map")[2]):
        objects[name] += int(size, 16)
    return Built(plan, image, dict(objects))


def rough(path: Path) -> QuantizedGraph:
    """Return a model, quantized roughly."""
    graph = run_passes(import_model(path))
    return quantize_roughly(graph, {node.name: 4 for node, _ in graph.weighted()})


def networks() -> Iterator[QuantizedGraph]:
    """Yield a network for every operator without weights."""
    for name in OPERATORS:
        try:
            graph = operator_network(name)
        except (TypeError, ValueError, MicrolutError):
            continue  # it has weights, or no integer form of its own
        if graph.nodes:
            for node, call in zip(graph.nodes, calls_of(graph).values(), strict=True):
                kernel = kernel_of(node.op)
                assume_free(kernel.work(call, next(kernel.tiles(call)), "cortex-m55"))
            yield graph


def kernel_sizes(images: Sequence[Built]) -> dict[str, int]:
    """Return the largest size of every kernel, and of all that is common to those with weights."""
    found: dict[str, int] = {"common": 0}
    for image in images:
        common = 0
        for name, size in image.objects.items():
            kind = name.removeprefix("mve_")
            if kind in INTEGER_FORMS:
                found[kind] = max(found.get(kind, 0), size)
            else:
                common += size
        found["common"] = max(found["common"], common)
    return found


def documented() -> Iterator[tuple[microlut.Board, int | None, int]]:
    """Yield the boards with the flash and the RAM that ResNet8 takes; flash if it fits."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip().replace(",", "") for cell in line.strip("|").split("|")]
        board = microlut.load_board(cells[0].strip("`"))
        assert board.memory is not None
        lacks = re.fullmatch(r"lacks (\d+) bytes of RAM", cells[7])
        if lacks is None:
            yield board, int(cells[7]), int(cells[8])
        else:
            yield board, None, board.memory.ram.size + int(lacks[1])


def main() -> None:
    """Measure, print, and with --write write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--models", action="store_true", help="Only models, no single kernels.")
    arguments = parser.parse_args()
    data = Path(os.environ["MICROLUT_DATA"])
    models = [rough(data / name) for name in _MODELS]
    single = [] if arguments.models else list(networks())
    sizes = measured_sizes()
    steps, plans = {}, {}
    for name in CORES:
        board = microlut.load_board(name)
        core = board.core.value
        resnet, mobilenet = images = [built(graph, board) for graph in models]
        images += [built(graph, board) for graph in single]
        sizes["kernels"][core] = {**sizes["kernels"].get(core, {}), **kernel_sizes(images)}
        steps[core] = (mobilenet.rest - resnet.rest) / (mobilenet.calls - resnet.calls)
        plans[core] = resnet.plan
        print(core, sizes["kernels"][core], round(steps[core], 1), flush=True)
    write_boards(sizes, steps, plans)
    print(json.dumps(sizes["boards"], indent=1))
    if arguments.write:
        FILE.write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")


def write_boards(sizes: CodeSizes, steps: dict[str, float], plans: dict[str, Plan]) -> None:
    """Set the sizes of all boards: what ResNet8 takes there beside its kernels and arrays."""
    own = model_ram(plans[DEFAULT_CORE])  # boards.md has one conversion for all boards
    unknown = []
    for board, flash, ram in documented():
        core = LIKE.get(board.core.value, board.core.value)
        plan = plans[core]
        if flash is None:
            unknown.append((board.id, core, ram))
            continue
        called = [step for step in plan.steps if step.is_called]
        known = plan.weight_bytes + plan.parameter_bytes
        known += kernel_bytes({step.node.op.kind for step in called}, core, sizes)
        loaded = board.memory is not None and board.memory.code_origin is not None
        sizes["boards"][board.id] = {
            "flash": round(flash - known - steps[core] * len(called)),
            "ram": ram - own - (flash if loaded else 0),
            "step": round(steps[core], 1),
        }
    for name, core, ram in unknown:  # as much flash as a board with such a core takes
        alike = [s for b, s in sizes["boards"].items() if _core(b) == core]
        most = max(alike, key=lambda each: each["flash"])
        sizes["boards"][name] = {**most, "ram": ram - own}


def _core(name: str) -> str:
    core = microlut.load_board(name).core.value
    return LIKE.get(core, core)


if __name__ == "__main__":
    main()
