"""The analysis of a model as text: what each board lacks."""

from dataclasses import replace

import microlut
from digits_example import MODEL
from microlut.show.analysis import analysis_text


def test_boards_are_told_what_they_lack():
    found = microlut.analyze(MODEL, ["mps2-an386", "stm32vldiscovery"])
    lines = analysis_text(found).splitlines()
    assert "instructions per inference, of a layer on cortex-m4f:" in "\n".join(lines)
    assert [line.split()[-1] for line in lines[-2:]] == ["yes", "yes"]
    first = replace(found.boards[0], fits=False, lacking_flash=1234, lacking_ram=56)
    last = analysis_text(replace(found, boards=(first,))).splitlines()[-1]
    assert last.endswith("lacks 1,234 flash, lacks 56 RAM")


def test_a_host_has_no_memory_to_lack():
    line = analysis_text(microlut.analyze(MODEL, "host")).splitlines()[-1]
    assert line.split()[0] == "host"
    assert "lacks" not in line
    assert "yes" not in line
