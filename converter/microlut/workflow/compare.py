"""Compare float network, integer network and firmware layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from microlut.board.board import Board, Core, board_of
from microlut.errors import InvalidInput, RunFailed
from microlut.graph.batch import Batch
from microlut.importers.samples import Inputs, as_samples
from microlut.integer import evaluate as int_ops
from microlut.integer import quantized_inputs, to_bytes
from microlut.machine.serial_port import SerialPort
from microlut.project import Model, Project, project_of
from microlut.running.device import Device
from microlut.running.emulators import offer_image
from microlut.running.emulators.machines import Machine, check_machine, choose_machine
from microlut.support.arguments import PathLike, check_text
from microlut.support.progress import Progress, check_progress, silent
from microlut.support.shown import Record, Shown
from microlut.toolchain.build import check_tools
from microlut.toolchain.image import Image
from microlut.verification.reference import check_samples
from microlut.verification.tensors import (
    TensorFigures,
    differing_bytes,
    float_network,
    tensor_figures,
    with_firmware,
)
from microlut.workflow.build import build
from microlut.workflow.originals import original_file, original_lacks
from microlut.workflow.run import checked_original, image_for

DEFAULT_INPUTS = 128
_WITH_FIRMWARE = 1  # each tensor takes an inference and its bytes on the serial line


@dataclass(frozen=True, slots=True, repr=False)
class CompareOutcome(Shown):
    """How near each layer of a converted model is to the float network.

    Attributes:
        layers: Figures by layer, in execution order.
        samples: Number of inputs.
        measured_on: The board whose firmware was read, or None.
        firmware_samples: Number of inputs that the firmware ran.
    """

    layers: tuple[TensorFigures, ...]
    samples: int
    measured_on: str | None = None
    firmware_samples: int = 0

    @property
    def begins_at(self) -> TensorFigures:
        """Return the layer that adds the most noise."""
        return max(self.layers, key=lambda layer: layer.added_noise)

    @property
    def bit_exact(self) -> bool:
        """Return whether no byte of the firmware differs from the integer interpreter's."""
        return not any(layer.firmware_differs for layer in self.layers)

    def records(self) -> list[Record]:
        """Return a record per layer."""
        return [record for layer in self.layers for record in layer.records()]

    def as_json(self) -> dict[str, object]:
        """Return the comparison as JSON values."""
        return {
            "samples": self.samples,
            "begins_at": self.begins_at.name,
            "measured_on": self.measured_on,
            "firmware_samples": self.firmware_samples,
            "bit_exact": self.bit_exact,
            "layers": [layer.as_json() for layer in self.layers],
        }


def compare(  # noqa: PLR0913 (the user's options, by name)
    model: Model,
    inputs: Inputs,
    original: PathLike | object | None = None,
    *,
    board: Board | PathLike | None = None,
    port: str | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> CompareOutcome:
    """Compare the layers of a converted model with the float network's, and with firmware.

    Args:
        model: The folder of a converted model, a project, or a conversion.
        inputs: An .npz with array `x`, an .npy, or an array [n, ...].
        original: The model that was converted; by default the file of its name, beside the folder
            or in the current one.
        board: Also read every tensor from the firmware for this board, emulated or at a port, on
            the first input.
        port: The serial port of the real board, whose firmware `flash --profile` has written.
        limit: Use only the first so many inputs; 128 by default.
        progress: Called with (what, done, total).

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong.
    """
    check_progress(progress)
    check_text("port", port, "a serial port's name")
    if port is not None and board is None:
        raise InvalidInput("a port is given without the board at it; give its name, too")
    project, target = project_of(model), None if board is None else board_of(board)
    samples = as_samples(inputs, project.inputs, None, DEFAULT_INPUTS if limit is None else limit)
    check_samples(project, samples)
    graph = checked_original(_original(project, original), project)
    graph = float_network(graph, project.graph, project.report)
    figures = tensor_figures(graph, project.graph, samples.inputs)
    if target is None:
        return CompareOutcome(figures, len(samples))
    values = quantized_inputs(project.graph, samples.inputs)[:_WITH_FIRMWARE]
    differing: dict[str, int] = {}
    with _device(project, target, port) as (device, measured_on):
        for name, count in _differing(device, project, values):
            progress(target.id, len(differing), len(figures))
            differing[name] = count
    return CompareOutcome(with_firmware(figures, differing), len(samples), measured_on, 1)


def check_layer(project: Project, name: str) -> None:
    """Raise InvalidInput if a converted model has no layer of this name."""
    known = [layer["name"] for layer in project.report["layers"]]
    if name not in known:
        raise InvalidInput(f"{project.path}: no layer {name!r}; give one of {', '.join(known)}")


def _original(project: Project, given: PathLike | object | None) -> object:
    """Return the original model, or the file that has its name and its contents."""
    if given is not None:
        return given
    path = original_file(project)
    if path is None:
        raise InvalidInput(f"{project.path}: the original model, {original_lacks(project)}")
    return path


@contextmanager
def _device(project: Project, board: Board, port: str | None) -> Iterator[tuple[Device, str]]:
    """Yield a device that runs the profiling firmware, and the name of its board."""
    if port is not None:
        with SerialPort(port, board.baud) as opened:
            yield _checked(Device(opened), project, port, board.id), board.id
        return
    native = board.core is Core.HOST
    machine = Machine(board, "native") if native else choose_machine(board, calls=True)
    check_tools(board)
    check_machine(machine)

    def built(target: Board) -> Image:
        return build(project, target, profile=True)

    image = image_for(machine, built(board), built)
    with (
        offer_image(machine.board, image.elf, machine.emulator) as offered,
        SerialPort(offered.port, board.baud) as opened,
    ):
        yield _checked(Device(opened), project, offered.port, board.id), machine.board.id


def _checked(device: Device, project: Project, port: str, board: str) -> Device:
    """Return the device if it runs this model and can be asked for tensors."""
    flash = f"flash the one that does with: microlut flash {project.path} --board {board} --profile"
    found = device.model()
    if found != project.prefix:
        raise RunFailed(f"{port}: runs model {found} and not {project.prefix}; {flash}")
    if not device.dumps():
        raise RunFailed(f"{port}: the firmware there prints no tensors; {flash}")
    return device


def _differing(device: Device, project: Project, values: Batch) -> Iterator[tuple[str, int]]:
    """Yield each layer whose output the firmware has, and how many of its bytes differ."""
    graph = project.graph
    wanted = {name: y[0] for _, made in int_ops.walk(graph, values) for name, y in made.items()}
    outputs = {node.name: node.outputs[0] for node in graph.nodes}
    layers = project.report["layers"]
    called = [layer["name"] for layer in layers if layer["kernel"] == layer["name"]]
    device.load(to_bytes(values)[0].tobytes())
    for layer in layers:
        offset = layer.get("arena_offset")
        if offset is None:
            continue
        if graph.states:
            device.command(b"reset%")
        tensor = outputs[layer["name"]]
        found = device.dump(called.index(layer["kernel"]) + 1, offset, tensor.bytes)
        yield layer["name"], differing_bytes(found, wanted[tensor.name])
