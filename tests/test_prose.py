"""The check of the prose and the hook for commit subjects."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


def load(path: str) -> ModuleType:
    loader = SourceFileLoader(Path(path).stem.replace("-", "_"), str(CHECKOUT / path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module  # dataclasses look it up
    loader.exec_module(module)
    return module


prose = load("scripts/check_prose.py")
hook = load("scripts/hooks/commit-msg")


def phrases(path: str, source: str) -> list[tuple[int, str]]:
    return [(found.line, found.phrase) for found in prose.findings(path, source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""USB devices: nothing enters, ids leave."""\n', (1, "enters, ids leave")),
        ('"""Boards enter, lines leave."""\n', (1, "enter, lines leave")),
        ('"""The plan in, its sources out."""\n', (1, "The plan in, its sources out.")),
        ("x = 1\n# a list in place\n# of a set\n", (2, "in place of")),
        ("BITS = 4  # bits a weight\n", (1, "bits a weight")),
        ('f(help="At most B bits "\n"a weight.")\n', (1, "bits a weight")),
        ('def f():\n    """Return it.\n\n    Once a row.\n    """\n', (4, "Once a row")),
    ],
)
def test_planted_phrases_of_python_are_found(source, expected):
    assert phrases("planted.py", source) == [expected]


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("planted.c", "int a;\n/* 4 bytes\n * a channel */\n", (2, "bytes a channel")),
        ("planted.h", "int a; // in place of b\n", (1, "in place of")),
        ("planted.md", "Text.\n\n```\nin place of\n```\nInstructions an inference\n", (6, None)),
        ("planted.c.j2", "/* {{ n }} bytes a value */\n", (1, "bytes a value")),
        ("planted.toml", "# words a row\n", (1, "words a row")),
        ("planted", "#!/usr/bin/env python3\n# words a row\n", (2, "words a row")),
    ],
)
def test_planted_phrases_of_other_files_are_found(path, source, expected):
    line, phrase = expected
    assert phrases(path, source) == [(line, phrase or "Instructions an inference")]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("good.py", '"""Return bits per weight; layers run in place."""\n'),
        (
            "good.py",
            "# a weight is stored in two bytes; a channel has one scale\nenters = leaves = 1\n",
        ),
        ("good.py", '"""Return what a stage leaves out."""\n'),
        ("good.c", 'const char *text = "in place of";\n'),
        ("good.md", "It lists the files.\n\nA board is one of them.\n"),
    ],
)
def test_good_prose_passes(path, source):
    assert phrases(path, source) == []


def test_the_tree_passes():
    names = prose.tracked()
    assert len(names) >= 500
    script = [sys.executable, str(CHECKOUT / "scripts" / "check_prose.py")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_findings_are_printed_with_their_place(tmp_path):
    planted = tmp_path / "planted.md"
    planted.write_text("Text.\nA list in place of a set.\n")
    script = [sys.executable, str(CHECKOUT / "scripts" / "check_prose.py"), str(planted)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == f'{planted}:2: "in place of": write "instead of"\n'


@pytest.mark.parametrize(
    "subject",
    [
        "plan: Share scratch between layers",
        "tests, docs: Follow the wings",
        "scripts/check: Process one file at a time",
        "quantize: Need no data",
        "Merge branch 'docs'",
        "fixup! plan: Share scratch",
    ],
)
def test_good_subjects_pass(subject):
    assert hook.complaint(subject) == ""


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("plan: " + "Share scratch " * 5, "characters, at most 72"),
        ("Share scratch between layers", "is not `area: Sentence`"),
        ("plan: share scratch", "capital letter"),
        ("plan: The scratch of layers", "imperative verb"),
        ("plan: Shares scratch", "imperative verb"),
        ("plan: Shared scratch", "imperative verb"),
        ("plan: Sharing scratch", "imperative verb"),
        ("plan: Share scratch.", "full stop"),
    ],
)
def test_bad_subjects_are_refused(subject, message):
    assert message in hook.complaint(subject)


@pytest.mark.parametrize(("subject", "code"), [("plan: Share scratch", 0), ("sharing", 1)])
def test_hook_reads_the_message_as_git_writes_it(tmp_path, subject, code):
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text(f"\n# a comment\n{subject}\n\nWhy.\n")
    done = subprocess.run([CHECKOUT / "scripts/hooks/commit-msg", message], capture_output=True)
    assert done.returncode == code
    assert (subject.encode() in done.stderr) is bool(code)


def test_git_finds_the_hook_where_contributing_says():
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "git config core.hooksPath scripts/hooks" in text
    assert (CHECKOUT / "scripts/hooks/commit-msg").stat().st_mode & 0o111
