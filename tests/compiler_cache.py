"""Objects of the firmware that one test compiled, for all others."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def keep_objects(folder: Path) -> None:
    """Let this process and those that it starts keep objects in a folder (`cached_compiler.c`)."""
    launcher = folder / "cached_compiler"
    compiler = shutil.which("cc")
    if compiler is None:
        return
    source = _HERE / "cached_compiler.c"
    subprocess.run((compiler, "-std=gnu11", "-O1", "-o", launcher, source), check=True)
    os.environ["MLUT_TEST_OBJECTS"] = str(folder)
    os.environ["MLUT_TEST_FIRMWARE"] = str(_HERE.parent / "firmware")
    os.environ["CMAKE_C_COMPILER_LAUNCHER"] = str(launcher)
