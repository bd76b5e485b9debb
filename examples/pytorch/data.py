"""Write calibration.npz as in training, and seen.raw as a camera sends it."""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "budget"))

import shapes

x, _ = shapes.pictures(120, 6)
np.savez("calibration.npz", x=x.transpose(0, 3, 1, 2) / np.float32(127.5) - 1)  # [n, 3, 32, 32]
shapes.camera("seen.raw")
Path("shapes.txt").write_text("\n".join(shapes.NAMES), encoding="utf-8")
