#!/usr/bin/env python3
"""Drive the console application and exported examples by libFuzzer, and show what was covered.

.venv/bin/python scripts/fuzz_guided.py --count 1000000 --seed 0
.venv/bin/python scripts/fuzz_guided.py --only console-plain

Each program is run for that many inputs, with AddressSanitizer and UBSan. What libFuzzer keeps is
then run in a program that counts lines and branches. An input that fails is kept, made smaller, in
the folder of findings. Needs Clang with its runtime libraries (Debian: clang, libclang-rt-dev).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_CHECKOUT / part) for part in ("converter", "tests/fuzz")]

_LONGEST = 420  # bytes: a command that is too long, and others
_SECONDS = 10  # for one input
_REDUCING = 60
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")
# Files whose coverage is told; the engine has tests of its own.
_COVERED = re.compile(r"/(firmware/(app|common|profile)|examples)/[^/]+(/[^/]+)?\.c$")


def main() -> int:
    """Build and run the programs; return 1 if one of them fails."""
    from guided_programs import Target, make_targets, write_dictionary

    options = _options()
    options.findings.mkdir(parents=True, exist_ok=True)
    failed, covered = False, []
    with tempfile.TemporaryDirectory(prefix="microlut-guided-") as folder:
        work = Path(folder)
        words = write_dictionary(work / "words")
        targets: list[Target] = make_targets(work, options.firmware)
        for target in targets:
            if options.only in target.name:
                corpus = work / f"corpus-{target.name}"
                corpus.mkdir()
                for number, session in enumerate(target.sessions):
                    (corpus / f"seed{number}").write_bytes(session)
                failed |= not _fuzz(target.name, target.sanitized, corpus, words, options)
                covered.append(_profile(target.profiled, corpus, work))
        for line in _coverage(covered, work):
            _print(line)
    return 1 if failed else 0


def _fuzz(name: str, program: Path, corpus: Path, words: Path, options: argparse.Namespace) -> bool:
    """Run a program on inputs that libFuzzer makes, and tell how many; return whether it lasts."""
    prefix = f"{options.findings}/{name}-"
    command = [program, corpus, f"-dict={words}", f"-runs={options.count}", f"-seed={options.seed}"]
    command += [f"-max_len={_LONGEST}", f"-max_total_time={options.seconds}", "-verbosity=0"]
    command += [f"-timeout={_SECONDS}", f"-artifact_prefix={prefix}", "-print_final_stats=1"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    found = _DONE.search(done.stderr)
    count = int(found[1]) if found else 0
    if found is None:
        units = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        count = int(units[1]) if units else 0
    kept = sum(1 for _ in corpus.iterdir())
    spent = f" in {found[2]} s" if found else ""
    _print(f"{name}: seed {options.seed}, {count} inputs{spent}, {kept} kept")
    if done.returncode == 0:
        return True
    _print(f"{name}: FAILED\n{done.stderr[-4000:]}")
    for path in options.findings.glob(f"{name}-crash-*"):
        _reduce(program, path)
    return False


def _reduce(program: Path, path: Path) -> None:
    smaller = path.with_name(f"{path.name}-smaller")
    if "-smaller" not in path.name:
        command = [program, "-minimize_crash=1", f"-max_total_time={_REDUCING}"]
        command += [f"-exact_artifact_path={smaller}", path]
        subprocess.run(command, check=False, capture_output=True)
        _print(f"kept in {smaller if smaller.exists() else path}")


def _profile(program: Path, corpus: Path, work: Path) -> tuple[Path, Path]:
    """Run the inputs that were kept, and return the program with its counts."""
    raw, counts = work / f"{program.name}.raw", work / f"{program.name}.counts"
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(raw)}
    command = [program, corpus, "-runs=0", "-verbosity=0"]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    subprocess.run(["llvm-profdata", "merge", raw, "-o", counts], check=True)
    return program, counts


def _coverage(covered: list[tuple[Path, Path]], work: Path) -> list[str]:
    """Return a line for each file: what share of its lines and branches some program has run."""
    parts: dict[str, dict[str, list[int]]] = {}
    for program, counts in covered:
        command = ["llvm-cov", "export", "-summary-only", f"-instr-profile={counts}", program]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        for file in json.loads(told.stdout)["data"][0]["files"]:
            if _COVERED.search(file["filename"]):
                name = file["filename"].replace(f"{_CHECKOUT}/", "").replace(f"{work}/", "")
                for what in ("lines", "branches"):
                    found = file["summary"][what]
                    best = parts.setdefault(name, {}).setdefault(what, [0, found["count"]])
                    if found["covered"] * best[1] >= best[0] * found["count"]:
                        best[:] = [found["covered"], found["count"]]
    return [
        f"{name}: lines {lines[0]} of {lines[1]}, branches {branches[0]} of {branches[1]}"
        for name, (lines, branches) in (
            (name, (found["lines"], found["branches"])) for name, found in sorted(parts.items())
        )
    ]


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of libFuzzer, which draws for 0")
    parser.add_argument("--count", type=int, default=100_000, help="inputs of each program")
    parser.add_argument("--seconds", type=int, default=0, help="for each program; 0: no limit")
    parser.add_argument("--only", default="", help="a part of the names of programs")
    parser.add_argument("--firmware", type=Path, default=_CHECKOUT / "firmware")
    parser.add_argument("--findings", type=Path, default=_CHECKOUT / "build" / "fuzz-guided")
    found = parser.parse_args()
    for tool in ("clang", "llvm-cov", "llvm-profdata"):
        if shutil.which(tool) is None:
            parser.error(f"{tool} is missing: sudo apt-get install clang llvm libclang-rt-dev")
    found.findings = found.findings.absolute()
    return found


if __name__ == "__main__":
    sys.exit(main())
