"""The judgement of static analysis: what is explained passes, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "scripts"))

import analyze_code  # noqa: E402

DOCUMENT = analyze_code.DOCUMENT.read_text(encoding="utf-8")
DEVIATIONS = analyze_code.read_deviations(DOCUMENT)
PRINTED = """\
firmware/src/kernels/conv2d.c:3:4: warning: garbage [clang-analyzer-core.uninitialized.Assign]
cc1: warning: use of uninitialized value [CWE-457] [-Wanalyzer-use-of-uninitialized-value]
/checkout/firmware/include/microlut/layer.h:27: style: misra violation [misra-c2012-19.2]
    3 |     a line of source [that is no message]
"""


def messages(printed: str) -> list[analyze_code.Message]:
    printed = printed.replace("/checkout", str(CHECKOUT))
    return list(analyze_code.messages_in(printed, "firmware/src/kernels/winograd.c"))


def test_messages_of_each_tool_are_read():
    assert [(m.rule, m.file) for m in messages(PRINTED)] == [
        ("clang-analyzer-core.uninitialized.Assign", "firmware/src/kernels/conv2d.c"),
        ("-Wanalyzer-use-of-uninitialized-value", "firmware/src/kernels/winograd.c"),
        ("misra-c2012-19.2", "firmware/include/microlut/layer.h"),
    ]


def test_every_row_of_the_document_is_read_and_names_files_of_the_engine():
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    assert len(DEVIATIONS) == len(rows) > 30
    for deviation in DEVIATIONS:
        for name in deviation.files - {analyze_code.EVERYWHERE}:
            roots = [
                CHECKOUT / root for root in (analyze_code.ENGINE, "firmware/include", "firmware")
            ]
            found = [root / name for root in roots if (root / name).exists()]
            assert len(found) == 1, name
            assert found[0].is_dir() == name.endswith("/"), name


def explained_messages() -> list[analyze_code.Message]:
    """Return one message for each rule and file that the document names."""
    made = []
    for deviation in DEVIATIONS:
        for name in deviation.files:
            name = "check.c" if name == analyze_code.EVERYWHERE else name
            name = f"{name}some.c" if name.endswith("/") else name
            made.append(analyze_code.Message(deviation.rule, f"firmware/src/{name}", "said"))
    return made


def test_what_is_explained_passes():
    assert analyze_code.judge(explained_messages(), DEVIATIONS) == []


@pytest.mark.parametrize(
    ("rule", "file"),
    [
        ("misra-c2012-17.2", "firmware/src/check.c"),  # recursion: a rule without a row
        ("misra-c2012-11.4", "firmware/src/check.c"),  # explained in another file
        ("misra-c2012-11.4", "firmware/app/port/x.c"),  # and in another folder
    ],
)
def test_new_message_fails(rule, file):
    new = analyze_code.Message(rule, file, "the whole line")
    assert analyze_code.judge([*explained_messages(), new], DEVIATIONS) == ["the whole line"]


def test_explanation_of_nothing_fails():
    explained = explained_messages()
    left = [m for m in explained if m.rule != "misra-c2012-11.4"]
    lines = analyze_code.judge(left, DEVIATIONS)
    assert [line.partition(",")[0] for line in lines] == [
        f"misra-c2012-11.4: explained in {name}"
        for name in ("kernels/columns.c", "port/", "startup/")
    ]


def test_all_of_the_firmware_is_analyzed(tmp_path):
    parts = analyze_code.parts(tmp_path)
    sources = [source for part in parts for source in part.sources]
    assert len(sources) == len(set(sources))
    folders = ("app", "common", "port", "profile", "startup")
    files = [path for folder in folders for path in (CHECKOUT / "firmware" / folder).rglob("*.c")]
    assert sorted(sources) == sorted(str(path.relative_to(CHECKOUT)) for path in files)


def test_compiler_that_finds_something_is_heard(tmp_path, monkeypatch):
    source = "#include <stdlib.h>\nvoid f(void *p) { free(p); free(p); }\n"
    (tmp_path / "twice.c").write_text(source)
    relative = os.path.relpath(tmp_path / "twice.c", CHECKOUT)
    monkeypatch.setattr(analyze_code, "_sources", lambda with_mve=False: [relative])
    monkeypatch.setattr(analyze_code, "CORES", {"host": analyze_code.CORES["host"]})
    monkeypatch.setattr(analyze_code, "parts", lambda _: [])
    assert "-Wanalyzer-double-free" in {m.rule for m in analyze_code.analyze(["gcc"])}
