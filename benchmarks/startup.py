"""Measure what commands take to start: CPU seconds, and how many modules they import.

    .venv/bin/python benchmarks/startup.py [--runs 9]

Each command runs in its own process, once before the measurement to fill the caches. The least CPU
time counts, since other programs only make it longer. Prints the table and replaces the one in
docs/measurements/conversion.md. Ends with exit code 1 if a command takes longer than its limit.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys

from documents import MEASUREMENTS, ROOT, replace_table

PAGE = MEASUREMENTS / "conversion.md"
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    'python -c "import microlut"': ("-c", "import microlut"),
    "microlut --version": ("-m", "microlut", "--version"),
    "microlut --help": ("-m", "microlut", "--help"),
    "microlut boards": ("-m", "microlut", "boards"),
    "microlut convert --help": ("-m", "microlut", "convert", "--help"),
}
LIMITS = {  # CPU seconds
    'python -c "import microlut"': 0.3,
    "microlut --version": 0.25,
    "microlut --help": 0.25,
    "microlut boards": 0.25,
}


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in another process, which may write bytecode as usual."""
    known = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**known, "PYTHONPATH": str(ROOT / "converter")},
    )


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """Return the CPU time of one run, in user and system mode."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def modules(arguments: tuple[str, ...]) -> int:
    """Return how many modules one run imports, the interpreter's own included."""
    return start("-X", "importtime", *arguments).stderr.count("import time:") - 1  # its heading


def main() -> None:
    """Measure all commands and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    lines = ["| command | CPU seconds | limit | modules |", "|---|---|---|---|"]
    over = []
    for name, arguments in COMMANDS.items():
        count = modules(arguments)  # also fills the caches
        seconds = min(cpu_seconds(arguments) for _ in range(runs))
        limit = LIMITS.get(name)
        lines.append(f"| `{name}` | {seconds:.2f} | {limit or ''} | {count} |")
        print(lines[-1], flush=True)
        if limit is not None and seconds > limit:
            over.append(name)
    replace_table(PAGE, "startup.py", "\n".join(lines))
    if over:
        sys.exit(f"over the limit: {', '.join(over)}")


if __name__ == "__main__":
    main()
