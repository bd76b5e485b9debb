#!/usr/bin/env python3
"""Send random commands to the console application on this computer, under sanitizers.

.venv/bin/python scripts/fuzz_console.py --seconds 60 --seed 0

The application of a small network is compiled with AddressSanitizer and UBSan, as it is and with
the commands of profiles. Every command has to be answered, and none may write behind a buffer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_CHECKOUT / "converter"))
_PORT = _CHECKOUT / "tests" / "fuzz" / "console_port.c"
_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_FOLDERS = ("app", "common", "include", "port")


def main() -> int:
    """Build both programs and run them; return 1 if one of them fails."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="microlut-fuzz-") as folder:
        work = Path(folder)
        _write_project(work)
        codes = [
            _run(_compiled(work, options, profile), options, profile) for profile in (False, True)
        ]
    return 1 if any(codes) else 0


def _write_project(work: Path) -> None:
    import microlut
    from microlut.board.board import load_board
    from microlut.codegen.environment import environment

    digits = _CHECKOUT / "examples" / "digits"
    conversion = microlut.convert(
        digits / "digits.keras", digits / "digits_calibration.npz", distill=False
    )
    project = microlut.write(conversion, work / "model")
    template = environment().get_template("app_config.h.j2")
    text = template.render(prefix=project.prefix, board=load_board("host"))
    (work / "app_config.h").write_text(text, encoding="utf-8")


def _compiled(work: Path, options: argparse.Namespace, profile: bool) -> Path:
    """Return the program with this port, as it is or with the commands of profiles."""
    firmware = options.firmware
    folders = [firmware / name for name in _FOLDERS]
    extra = [firmware / "profile"] if profile else []
    sources = [path for path in (firmware / "src").rglob("*.c") if path.parent.name != "mve"]
    sources += [path for folder in (folders[0], folders[1], *extra) for path in folder.glob("*.c")]
    sources += [*(work / "model").glob("*.c"), _PORT]
    program = work / ("profile" if profile else "plain")
    command = [options.cc, "-std=c11", "-O1", "-g", *_SANITIZERS, "-DMLUT_ARENA_GUARD=16u"]
    command += ["-DMLUT_PROFILE"] if profile else []
    command += [f"-I{each}" for each in (*extra, *folders, work, work / "model")]
    subprocess.run([*command, *map(str, sources), "-o", str(program)], check=True)
    return program


def _run(program: Path, options: argparse.Namespace, profile: bool) -> int:
    seconds = options.seconds / 2
    command = [str(program), str(options.seed), str(seconds), str(options.count)]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(command, check=False, env=environment, stdout=subprocess.PIPE, text=True)
    name = "with profiles" if profile else "as it is"
    sys.stdout.write(f"seed {options.seed}, {name}: {done.stdout.strip() or done.returncode}\n")
    return done.returncode


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--count", type=int, default=10**12, help="commands per program, at most")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--firmware", type=Path, default=_CHECKOUT / "firmware")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
