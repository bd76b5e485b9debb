"""Save and load a quantized graph as one JSON file, which has no code and is checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from microlut.errors import InvalidInput
from microlut.integer.check import check_graph
from microlut.integer.graph import QuantizedGraph

_ADAPTER: TypeAdapter[QuantizedGraph] = TypeAdapter(QuantizedGraph)


def save(graph: QuantizedGraph, path: Path) -> None:
    """Write the graph as deterministic JSON."""
    with path.open("wb") as file:
        file.write(_ADAPTER.dump_json(graph, indent=1))
        file.write(b"\n")


def load(path: Path) -> QuantizedGraph:
    """Read what `save` wrote; raises InvalidInput if the file is missing or damaged."""
    try:
        graph = _ADAPTER.validate_json(path.read_bytes(), strict=True)
        check_graph(graph)
    except OSError as error:
        raise InvalidInput(
            f"{path}: cannot be read ({error.strerror}); "
            "give the folder that `microlut convert` wrote"
        ) from error
    except ValueError as error:
        raise InvalidInput(
            f"{path}: is not a quantized model of this microlut ({_reason(error)}); "
            "run `microlut convert` again"
        ) from error
    return graph


def _reason(error: ValueError) -> str:
    """Return one short line that says what is wrong and where."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
