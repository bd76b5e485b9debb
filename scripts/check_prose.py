#!/usr/bin/env python3
"""Check the prose of the repository for phrases that CONTRIBUTING.md rules out.

    scripts/check_prose.py [PATH ...]      all tracked files, or these

Reads comments, docstrings and other strings of Python, comments of C, and all text of templates,
documents, scripts and board files. Prints one line per finding. Exit code 1: there are findings.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
# They name the phrases; the changelog is a record; results are figures.
EXEMPT = ("CHANGELOG.md", "scripts/check_prose.py", "tests/test_prose.py", "benchmarks/results/")

_SPACE = r"(?:[ \t]+|[ \t]*\n[ \t]*)"  # not across paragraphs
_UNITS = (
    r"bits?|bytes?|[KM]B|instructions|cycles|products?|MACs?|loads|multiplications?|words?|values?"
    r"|numbers?|weights|codebooks?|scales?|levels|indices|columns?|rows?|lines?|tables?|files?"
    r"|modules?|functions?|templates?|texts?|suites?|commits?|points?|seconds?|times?|samples?"
    r"|inputs?|outputs?|entry|entries|messages?|arrays?|structs?|choices?|filters?|ways?|once|twice"
    r"|fits?|blanks?|ns|us|ms|s|more|one"
)
_PER = (
    r"weight|channel|inference|layer|tensor|value|pixel|product|MAC|cycle|row|column|word|board"
    r"|model|operator|verb|format|tool|form|stage|fact|call|tile|core|sum|sample|density|width|node"
    r"|kernel|second|command|test|file|line|commit|step|image|picture|million|network|input|output"
    r"|point|byte|bit|class|fold|position|group|block|window|run"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A phrase that is not wanted, and what to write instead."""

    pattern: re.Pattern[str]
    advice: str


RULES = (
    Rule(re.compile(r"\bin\s+place\s+of\b", re.IGNORECASE), 'write "instead of"'),
    Rule(
        re.compile(r"\benters?\b[^.]{0,160}?\bleaves?\b|\benters?[,;]", re.IGNORECASE),
        "say what it does: begin with an imperative verb",
    ),
    Rule(
        re.compile(r"\A[^.\n]*\bin[,;][^.]*\bout\.", re.IGNORECASE),
        "say what it does: begin with an imperative verb",
    ),
    Rule(re.compile(rf"\b(?i:{_UNITS}){_SPACE}an?{_SPACE}(?:{_PER})\b"), 'write "per"'),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A phrase in a file."""

    path: str
    line: int
    phrase: str
    advice: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.phrase}": {self.advice}'


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of prose, and the line on which it begins."""

    line: int
    text: str


def findings(path: str, source: str) -> Iterator[Finding]:
    """Yield the findings in the prose of a file."""
    for piece in _prose(path, source):
        for rule in RULES:
            for match in rule.pattern.finditer(piece.text):
                line = piece.line + piece.text.count("\n", 0, match.start())
                yield Finding(path, line, " ".join(match[0].split()), rule.advice)


def _prose(path: str, source: str) -> Iterator[Text]:
    """Yield the pieces of prose in a file; their lines keep their number, but not their marks."""
    if path.endswith(".py") or source.startswith("#!/usr/bin/env python"):
        pieces = _python(source)
    elif path.endswith((".c", ".h")):
        pieces = _comments(source)
    else:
        hidden = re.sub(r"^```.*?^```", _blank, source, flags=re.MULTILINE | re.DOTALL)
        pieces = iter([Text(1, hidden if path.endswith(".md") else source)])
    for piece in pieces:
        yield Text(piece.line, re.sub(r"^[ \t]*(?:#+|\*+|//+)?[ \t]*", "", piece.text, flags=re.M))


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _comments(source: str) -> Iterator[Text]:
    for match in re.finditer(r"/\*.*?\*/|//[^\n]*", source, re.DOTALL):
        yield Text(1 + source.count("\n", 0, match.start()), match[0])


def _python(source: str) -> Iterator[Text]:
    """Yield strings and comments; those that continue each other are one piece."""
    piece, kind = Text(0, ""), tokenize.OP
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            continue
        if token.type not in (tokenize.STRING, tokenize.COMMENT):
            yield piece
            piece, kind = Text(0, ""), token.type
            continue
        text = re.sub(r"\A\w*(?:\"\"\"|'''|\"|')|(?:\"\"\"|'''|\"|')\Z", "", token.string)
        last = piece.line + piece.text.count("\n")
        if kind == token.type and token.start[0] <= last + 1:
            gap = "\n" * (token.start[0] - last)
            piece = Text(piece.line, f"{piece.text}{gap}{text}")
        else:
            yield piece
            piece, kind = Text(token.start[0], text), token.type
    yield piece


def tracked() -> list[str]:
    """Return the tracked text files, without the exempt ones."""
    command = ["git", "-C", str(CHECKOUT), "ls-files", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = [name for name in listed.split("\0") if name and not name.startswith(EXEMPT)]
    return [name for name in names if b"\0" not in (CHECKOUT / name).read_bytes()[:4096]]


def main() -> int:
    """Check the files on the command line, or all tracked ones."""
    found = []
    for name in sys.argv[1:] or tracked():
        found += findings(name, (CHECKOUT / name).read_text(encoding="utf-8"))
    sys.stdout.writelines(f"{finding}\n" for finding in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
