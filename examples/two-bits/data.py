"""Write labelled pictures: train.npz to train with, test.npz to judge."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "budget"))

import shapes

shapes.save("train.npz", 4000, 5)
shapes.save("test.npz", 1000, 4)
