"""Write pictures: pictures.npz for Python and for microlut, pictures.raw for the C program."""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "budget"))

import shapes

shapes.save("pictures.npz", 120, 6)
np.load("pictures.npz")["x"].tofile("pictures.raw")
