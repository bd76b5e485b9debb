"""Write the C code of a front end for the input of a network."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.codegen.environment import environment
from microlut.codegen.names import identifier
from microlut.errors import InvalidInput
from microlut.integer import QuantizedGraph
from microlut.ops.tensor import Tensor
from microlut.signal.file import Front
from microlut.signal.image import Image
from microlut.version import VERSION


def render_front(front: Front, graph: QuantizedGraph, engine: str = "microlut/") -> dict[str, str]:
    """Return the C files of a front end by name: PREFIX_front.h and PREFIX_front.c.

    Args:
        front: The front end.
        graph: The network whose input it makes.
        engine: The folder of the engine's headers, as include directives name it.

    Raises:
        InvalidInput: The network's input is not what such a front end makes.
    """
    if len(graph.inputs) != 1 or graph.inputs[0].dtype != "int8":
        found = ", ".join(f"{t.name}: {t.dtype}" for t in graph.inputs)
        raise InvalidInput(
            f"a front end makes one input of int8, and {graph.name} has {found}; write the inputs "
            "of your own code"
        )
    tensor, prefix = graph.inputs[0], identifier(graph.name)
    context: dict[str, object] = {
        "front": front,
        "prefix": prefix,
        "macro": prefix.upper(),
        "engine": engine,
        "header": f"{prefix}_front.h",
        "streamed": graph.stream is not None,
        "zero_point": tensor.quantized.zero_point,
        "version": VERSION,
        **_context(front, tensor, graph.stream is not None),
    }
    kind = type(front).__name__.lower()
    return {
        f"{prefix}_front.{end}": environment()
        .get_template(f"front/{kind}.{end}.j2")
        .render(context)
        for end in ("h", "c")
    }


def _context(front: Front, tensor: Tensor, streamed: bool) -> Mapping[str, object]:
    if isinstance(front, Image):
        shape = _without_ones(tensor.shape, 3)
        return {
            "shape": shape,
            "tables": front.tables(shape, tensor.quantized),
            "format": f"MLUT_IMAGE_{front.format.upper().replace('-', '_')}",
            "method": f"MLUT_IMAGE_{front.method.upper()}",
        }
    frames = _frames(tensor, front.features)
    if streamed and front.every > 1:
        raise InvalidInput(
            f"every is {front.every}, and a streamed network takes each frame once; leave it out"
        )
    return {"frames": frames, "stages": front.stages(tensor.quantized)}


def _frames(tensor: Tensor, features: int) -> int:
    """Return how many frames an input has, whose last dimension is that of the features."""
    sizes = [size for size in tensor.shape if size != 1]
    frames = tensor.size // features
    if sizes == [size for size in (frames, features) if size != 1]:
        return frames
    raise InvalidInput(
        f"the network's input is {'x'.join(map(str, tensor.shape))}; a front end of {features} "
        f"values per frame makes one of frames x {features}"
    )


def _without_ones(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Return a shape without the first dimensions that are 1, but with so many at least."""
    while len(shape) > rank and shape[0] == 1:
        shape = shape[1:]
    return (*shape, 1) if len(shape) == rank - 1 else shape
