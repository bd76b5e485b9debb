"""microlut turns a trained network into small, exact, verified firmware for microcontrollers.

What a verb of the command line does, a function of its name does here.

Example:
    conversion = microlut.convert("net.keras", "calibration.npz", bits=4)
    project = microlut.write(conversion, "out")
    image = microlut.build(project, "mps2-an386")
    outcome = microlut.run(project, "mps2-an386", "test.npz")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microlut.board.board import Board, boards, list_boards, load_board
    from microlut.conversion.analysis import Analysis
    from microlut.conversion.conversion import Conversion
    from microlut.conversion.fits import LayerFit
    from microlut.conversion.front import SearchResult
    from microlut.conversion.pipeline import convert
    from microlut.conversion.settings import Budget
    from microlut.errors import MicrolutError
    from microlut.exporters.export import Exported, export
    from microlut.importers.samples import Samples, as_samples, load_samples
    from microlut.project import Project, read
    from microlut.project import write_project as write
    from microlut.quantize.levels.codebook import Codebook, fit_codebook
    from microlut.show.page.report import report
    from microlut.show.pictures.draw import draw
    from microlut.support.limits import limits
    from microlut.support.shown import Listing
    from microlut.toolchain.image import Image
    from microlut.workflow.analyze import analyze
    from microlut.workflow.build import build
    from microlut.workflow.callback import conversion_callback
    from microlut.workflow.compare import CompareOutcome, compare
    from microlut.workflow.deploy import deploy
    from microlut.workflow.fit import fit
    from microlut.workflow.flash import FlashResult, flash
    from microlut.workflow.init import Started, init
    from microlut.workflow.outcomes import DeployOutcome, RunOutcome, VerifyOutcome
    from microlut.workflow.overview import Overview
    from microlut.workflow.run import run
    from microlut.workflow.search import search
    from microlut.workflow.tune import tune
    from microlut.workflow.verify import verify

    __version__: str

__all__ = [
    "Analysis",
    "Board",
    "Budget",
    "Codebook",
    "CompareOutcome",
    "Conversion",
    "DeployOutcome",
    "Exported",
    "FlashResult",
    "Image",
    "LayerFit",
    "Listing",
    "MicrolutError",
    "Overview",
    "Project",
    "RunOutcome",
    "Samples",
    "SearchResult",
    "Started",
    "VerifyOutcome",
    "__version__",
    "analyze",
    "as_samples",
    "boards",
    "build",
    "compare",
    "conversion_callback",
    "convert",
    "deploy",
    "draw",
    "export",
    "fit",
    "fit_codebook",
    "flash",
    "init",
    "limits",
    "list_boards",
    "load_board",
    "load_samples",
    "read",
    "report",
    "run",
    "search",
    "tune",
    "verify",
    "write",
]

# Where each name is: module, or module:name there. Nothing is imported before it is used, since
# all of it takes a second and TensorFlow may be in use beside.
_PLACES = {
    "Analysis": "conversion.analysis",
    "Board": "board.board",
    "Budget": "conversion.settings",
    "Codebook": "quantize.levels.codebook",
    "CompareOutcome": "workflow.compare",
    "Conversion": "conversion.conversion",
    "DeployOutcome": "workflow.outcomes",
    "Exported": "exporters.export",
    "FlashResult": "workflow.flash",
    "Image": "toolchain.image",
    "LayerFit": "conversion.fits",
    "Listing": "support.shown",
    "MicrolutError": "errors",
    "Overview": "workflow.overview",
    "Project": "project",
    "RunOutcome": "workflow.outcomes",
    "Samples": "importers.samples",
    "SearchResult": "conversion.front",
    "Started": "workflow.init",
    "VerifyOutcome": "workflow.outcomes",
    "__version__": "version:VERSION",
    "analyze": "workflow.analyze",
    "as_samples": "importers.samples",
    "boards": "board.board",
    "build": "workflow.build",
    "compare": "workflow.compare",
    "conversion_callback": "workflow.callback",
    "convert": "conversion.pipeline",
    "deploy": "workflow.deploy",
    "draw": "show.pictures.draw",
    "export": "exporters.export",
    "fit": "workflow.fit",
    "fit_codebook": "quantize.levels.codebook",
    "init": "workflow.init",
    "flash": "workflow.flash",
    "limits": "support.limits",
    "list_boards": "board.board",
    "load_board": "board.board",
    "load_samples": "importers.samples",
    "read": "project",
    "report": "show.page.report",
    "run": "workflow.run",
    "search": "workflow.search",
    "tune": "workflow.tune",
    "verify": "workflow.verify",
    "write": "project:write_project",
}

if not TYPE_CHECKING:  # type checkers are to know of no other names

    def __getattr__(name: str) -> object:
        """Import a name on its first use (PEP 562)."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import_module(f"{__name__}.support.shown").show_pictures(_picture)
        module, _, there = _PLACES[name].partition(":")
        value = getattr(import_module(f"{__name__}.{module}"), there or name)
        globals()[name] = value
        return value

    def _picture(result: object) -> str:
        """Return the picture of a result for notebooks; a terminal never needs what it imports."""
        return import_module(f"{__name__}.show.notebook").picture(result)

    def __dir__() -> list[str]:
        """Return the names, those not yet imported too."""
        return sorted({*globals(), *__all__})
