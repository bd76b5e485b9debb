#!/usr/bin/env python3
"""Run the commands of pages in docs/how-to, and write what they print into the pages.

    .venv/bin/python scripts/run_pages.py [--check] [PAGE ...]     all pages, or these

Blocks of ```console are commands, each after "$ ", and what they print. A page is one session of
bash in a folder that has the examples. --check writes nothing, and ends with exit code 1 if a
command prints other words; figures may differ, as they do between compilers and computers.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "how-to"
_BLOCK = re.compile(r"^(?P<kind>```(?:console|c title=\"(?P<file>[^\"]+)\")\n)(?P<text>.*?)^```$",
                    re.MULTILINE | re.DOTALL)  # fmt: skip
_MARK = "--- end of a command ---"


def commands_of(text: str) -> list[str]:
    """Return the commands of a block; lines that begin with "> " continue one."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(line)
        elif line.startswith("> ") and found:
            found[-1] += f"\n{line}"
    return found


def session(text: str, folder: Path) -> list[str]:
    """Run all commands of a page in a folder, and return what each printed.

    C programs with a title are written to the file that it names, where the page has them.

    Raises:
        RuntimeError: A command failed that the page does not show failing.
    """
    script = []
    for block in _BLOCK.finditer(text):
        if block["file"]:
            script.append(f"cat > {block['file']} <<'END_OF_FILE'\n{block['text']}END_OF_FILE\n")
            continue
        for command in commands_of(block["text"]):
            plain = "\n".join(line[2:] for line in command.splitlines())
            script.append(f"{{ {plain}\n}} 2>&1\necho '{_MARK}'\n")
    shutil.copytree(ROOT / "examples", folder / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "130", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        ["bash", "-u"],
        input="".join(script),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout.split(f"{_MARK}\n")[:-1]


def with_outputs(text: str, outputs: list[str]) -> str:
    """Return a page with what its commands printed."""
    left = iter(outputs)

    def filled(block: re.Match[str]) -> str:
        if block["file"]:
            return block[0]
        said = (f"{command}\n{next(left)}" for command in commands_of(block["text"]))
        return f"{block['kind']}{''.join(said)}```"

    return _BLOCK.sub(filled, text)


def words(text: str) -> list[str]:
    """Return the lines of a page without figures and the blanks around them."""
    lines = re.sub(r"[ -]*\d[\d,.]*(?:e-?\d+)?", " 0", text).splitlines()
    return [" ".join(line.split()) for line in lines]


def run(page: Path) -> str:
    """Return a page with what its commands print here."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        return with_outputs(text, session(text, Path(folder)))


def main() -> int:
    """Run the pages; return 1 if --check found other words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path, default=sorted(FOLDER.glob("*.md")))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    different = 0
    for page in options.pages:
        old, new = page.read_text(encoding="utf-8"), run(page)
        if not options.check:
            page.write_text(new, encoding="utf-8")
        elif words(old) != words(new):
            different += 1
            sys.stderr.write(f"{page}: other words\n")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
