"""microlut turns a trained Keras CNN into small, exact, verified firmware for microcontrollers.

Example:
    conversion = microlut.convert("net.keras", "calibration.npz", bits=4)
    project = microlut.write(conversion, "out")
    board = microlut.load_board("mps2-an386")
    image = microlut.build(project, board)
    samples = microlut.load_samples("test.npz", project.graph.input_shape)
    outcome = microlut.run(project, board, samples)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microlut.board.board import Board, list_boards, load_board
    from microlut.conversion.conversion import Conversion
    from microlut.conversion.pipeline import convert
    from microlut.conversion.settings import Budget
    from microlut.errors import MicrolutError
    from microlut.exporters.export import Exported, export
    from microlut.importers.samples import as_samples, load_samples
    from microlut.project import Project, read
    from microlut.project import write_project as write
    from microlut.quantize.levels.codebook import Codebook, fit_codebook
    from microlut.workflow.build import build
    from microlut.workflow.deploy import deploy
    from microlut.workflow.run import run
    from microlut.workflow.verify import verify

    __version__: str

__all__ = [
    "Board",
    "Budget",
    "Codebook",
    "Conversion",
    "Exported",
    "MicrolutError",
    "Project",
    "__version__",
    "as_samples",
    "build",
    "convert",
    "deploy",
    "export",
    "fit_codebook",
    "list_boards",
    "load_board",
    "load_samples",
    "read",
    "run",
    "verify",
    "write",
]

# Where each name is: module, or module:name there. Nothing is imported before it is used, since
# all of it takes a second and TensorFlow may be in use beside.
_PLACES = {
    "Board": "board.board",
    "Budget": "conversion.settings",
    "Codebook": "quantize.levels.codebook",
    "Conversion": "conversion.conversion",
    "Exported": "exporters.export",
    "MicrolutError": "errors",
    "Project": "project",
    "__version__": "version:VERSION",
    "as_samples": "importers.samples",
    "build": "workflow.build",
    "convert": "conversion.pipeline",
    "deploy": "workflow.deploy",
    "export": "exporters.export",
    "fit_codebook": "quantize.levels.codebook",
    "list_boards": "board.board",
    "load_board": "board.board",
    "load_samples": "importers.samples",
    "read": "project",
    "run": "workflow.run",
    "verify": "workflow.verify",
    "write": "project:write_project",
}

if not TYPE_CHECKING:  # type checkers are to know of no other names

    def __getattr__(name: str) -> object:
        """Import a name on its first use (PEP 562)."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, there = _PLACES[name].partition(":")
        value = getattr(import_module(f"{__name__}.{module}"), there or name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """Return the names, those not yet imported too."""
        return sorted({*globals(), *__all__})
