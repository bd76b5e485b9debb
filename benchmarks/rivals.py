"""Build images of a network on other engines, from checkouts of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cmsis_nn
import tflm

import microlut
from microlut.board.board import Core
from microlut.codegen.tflite import to_tflite
from microlut.integer import QuantizedGraph
from microlut.machine.tools import CORTEX_M
from microlut.running.protocol import Int8Array


@dataclass(frozen=True, slots=True)
class Subject:
    """An image to measure, and the network whose outputs it must give.

    Attributes:
        elf: The image.
        caller: Its function that makes the calls, one or more per layer.
        board: The board.
        graph: The network.
        inputs: int8 [1, ...].
        extra_bytes: Bytes after the outputs, which have the size of its arena.
    """

    elf: Path
    caller: str
    board: microlut.Board
    graph: QuantizedGraph
    inputs: Int8Array
    extra_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Rival:
    """A network on another engine.

    Attributes:
        engine: The engine's name.
        bits: Bits of its weights.
        subject: The image.
        layers: Its layers in the order of their calls.
        calls: Number of calls per layer.
    """

    engine: str
    bits: int
    subject: Subject
    layers: Sequence[str]
    calls: int = 1


class Engine(Protocol):
    """An engine compiled for a board, for networks of one width."""

    @property
    def bits(self) -> int:
        """Return the bits of the weights that it takes."""

    def supports(self, graph: QuantizedGraph) -> bool:
        """Return whether it has all operators of a network."""

    def image(
        self, board: microlut.Board, graph: QuantizedGraph, inputs: Int8Array, folder: Path
    ) -> Rival:
        """Return a network's image, made in a new folder."""


@dataclass(frozen=True, slots=True)
class CmsisNN:
    """CMSIS-NN: networks of 4 bits run on its int4 kernels, all others on its int8 ones."""

    bits: int
    checkout: Path
    library: Path

    def supports(self, graph: QuantizedGraph) -> bool:
        """Return whether it has all operators of a network."""
        return cmsis_nn.supports(graph)

    def image(
        self, board: microlut.Board, graph: QuantizedGraph, inputs: Int8Array, folder: Path
    ) -> Rival:
        """Return a network's image."""
        int4 = self.bits == 4
        graph = cmsis_nn.uniform(graph) if int4 else graph
        elf = cmsis_nn.build_image(graph, board, self.checkout, self.library, folder)
        subject = Subject(elf, cmsis_nn.CALLER, board, graph, inputs)
        layers = [node.name for node in cmsis_nn.called(graph)]
        return Rival(f"CMSIS-NN {'s4' if int4 else 's8'}", 4 if int4 else 8, subject, layers)


@dataclass(frozen=True, slots=True)
class Tflm:
    """TensorFlow Lite for Microcontrollers with CMSIS-NN's int8 kernels."""

    bits: int
    checkout: Path
    libraries: tuple[Path, Path]

    def supports(self, graph: QuantizedGraph) -> bool:
        """Return whether it has all operators of a network."""
        return tflm.supports(to_tflite(graph))

    def image(
        self, board: microlut.Board, graph: QuantizedGraph, inputs: Int8Array, folder: Path
    ) -> Rival:
        """Return a network's image."""
        elf = tflm.build_image(graph, board, self.checkout, self.libraries, folder)
        layers = [name for _, name in tflm.operators(to_tflite(graph))]
        subject = Subject(elf, tflm.CALLER, board, graph, inputs, tflm.EXTRA_BYTES)
        return Rival("TFLM", 8, subject, layers, tflm.CALLS_AN_OPERATOR)


def engines_of(
    board: microlut.Board, most: int, checkouts: tuple[Path | None, Path | None], folder: Path
) -> Iterator[Engine]:
    """Yield the engines that run on a board.

    Networks of the most bits run on int8 kernels. TFLM runs only on Cortex-M4, for which cycles are
    modelled, because compiling it takes longer than everything else.

    Args:
        board: The board.
        most: The largest width of weights.
        checkouts: Checkouts of CMSIS-NN and TFLM, if given.
        folder: Folder for libraries.
    """
    for_cmsis_nn, for_tflm = checkouts
    if for_cmsis_nn and board.toolchain is CORTEX_M:
        library = cmsis_nn.build_library(for_cmsis_nn, board, folder / f"{board.id}-cmsis-nn")
        for bits in sorted({4, most}):
            yield CmsisNN(bits, for_cmsis_nn, library)
    if for_tflm and board.core is Core.CORTEX_M4F:
        yield Tflm(most, for_tflm, tflm.build_library(for_tflm, board, folder / f"{board.id}-tflm"))
