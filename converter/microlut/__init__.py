"""microlut turns a trained Keras CNN into small, exact, verified firmware for microcontrollers.

Example:
    conversion = microlut.convert("net.keras", "calibration.npz", bits=4)
    project = microlut.write(conversion, "out")
    board = microlut.load_board("mps2-an386")
    image = microlut.build(project, board)
    samples = microlut.load_samples("test.npz", project.graph.input_shape)
    outcome = microlut.run(project, board, samples)
"""

from microlut.boards import Board, list_boards, load_board
from microlut.errors import MicrolutError
from microlut.exporters import Exported, export
from microlut.pipeline import Conversion, convert
from microlut.project import Project, read
from microlut.project import write_project as write
from microlut.quantize.codebook import Codebook, fit_codebook
from microlut.samples import as_samples
from microlut.settings import Budget
from microlut.version import VERSION
from microlut.workflow import build, deploy, load_samples, run, verify

__version__ = VERSION

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
