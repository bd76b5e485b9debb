"""How results show themselves: in a few lines, as tables in notebooks, and as records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import microlut
from digits_example import CALIBRATION, MODEL, TEST, conversion
from microlut.conversion.front import Point, SearchResult
from microlut.machine.tools import HOST_CC, find_tool
from microlut.quantize.figures import Quality
from microlut.running.profile import LayerProfile, Profile
from microlut.support.shown import Listing, Shown, html_table
from microlut.workflow.flash import FlashResult

PLAIN = str | bool | int | float | None


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return what the functions of the package return, by a name."""
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    folder = tmp_path_factory.mktemp("shown")
    project = microlut.write(conversion(), folder / "out")
    outcome = microlut.run(project, "host", TEST, limit=3, original=MODEL)
    layer = LayerProfile("stem", "conv2d", ("body",), 4, 100, 1000, 5000)
    quality = Quality(0.1, 99.0, 0.5, 100)
    point = Point("uniform", 4, 4.0, 1000, {f"layer{i}": 4 for i in range(99)}, quality, True)
    exact = replace(point, quality=Quality(0.0, None, None, 100))
    return {
        "analyzed": microlut.analyze(MODEL),
        "boards": microlut.boards(),
        "board": microlut.load_board("nucleo-f446re"),
        "budget": microlut.Budget(max_drop=1),
        "codebook": microlut.fit_codebook(np.arange(9.0), 3),
        "conversion": conversion(),
        "deployed": microlut.deploy(conversion(), "host", folder / "run", TEST, limit=3),
        "built": microlut.deploy(conversion(), "host", folder / "built"),
        "exported": microlut.export(project, "cmake", folder / "cmake"),
        "fits": microlut.fit(MODEL),
        "flashed": FlashResult("a", "pyocd", None, ("pyocd", "flash a"), 99, False, "no board"),
        "image": microlut.build(project, "host"),
        "profiled": replace(outcome, profile=Profile((layer,) * 20, 7)),
        "project": project,
        "reported": microlut.report(project, TEST, original=MODEL, limit=3),
        "run": outcome,
        "started": microlut.init(MODEL, "host", input_range=(0, 16), config=folder / "m.toml"),
        "samples": microlut.as_samples(CALIBRATION, (8, 8, 1)),
        "found": SearchResult("digits", False, False, (point,) * 20),
        "values": SearchResult("digits", True, False, (exact,)),
        "compared": microlut.compare(project, TEST, MODEL, limit=3),
        "verified": microlut.verify(project, TEST, "host", limit=3),
    }


TABLES = [  # what has records
    "analyzed",
    *(
        "boards",
        "board",
        "built",
        "codebook",
        "compared",
        "conversion",
        "deployed",
        "exported",
        "fits",
    ),
    *("flashed", "found", "image", "profiled", "project", "reported"),
    *("run", "samples", "started", "values", "verified"),
]


def reachable(value: object, place: str) -> Iterator[tuple[str, object]]:
    """Yield all objects of the package among a value and its public fields."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == "microlut":
        yield place, value
    fields = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "model_fields", {})
    for name in fields:
        if not name.startswith("_"):
            yield from reachable(getattr(value, name), f"{place}.{name}")
    inside = list(value.values()) if isinstance(value, Mapping) else value
    if isinstance(inside, tuple | list):
        for number, item in enumerate(inside):
            yield from reachable(item, f"{place}[{number}]")


def test_every_object_prints_in_five_lines(shown):
    places = [found for name, value in shown.items() for found in reachable(value, name)]
    classes = {type(value) for _, value in places}
    public = {getattr(microlut, name) for name in microlut.__all__}
    assert {one for one in public if isinstance(one, type)} - {microlut.MicrolutError} <= classes
    assert len(classes) > 50
    for place, value in places:
        for text in (repr(value), str(value)):
            assert sum(-(-len(line) // 100) for line in text.splitlines()) <= 5, place
            assert len(text) <= 500, place
            assert "array(" not in text, place


def test_graphs_and_plans_have_records(shown):
    made = shown["conversion"]
    for part in (made.graph, made.quantized, made.plan):
        records = part.records()
        assert records[0]["name"] == "stem"
        assert "<td" in part._repr_html_()


@pytest.mark.parametrize("name", TABLES)
def test_records_are_dicts_of_plain_values(name, shown):
    records = shown[name].records()
    assert type(records) is list
    assert records
    assert len({tuple(record) for record in records}) == 1, "all have the same keys"
    json.dumps(records)
    for record in records:
        assert type(record) is dict
        for key, value in record.items():
            several = value if isinstance(value, tuple | list) else (value,)
            assert all(isinstance(one, PLAIN) for one in several), key


@pytest.mark.parametrize("name", TABLES)
def test_notebooks_show_a_table_of_the_records(name, shown):
    records, text = shown[name].records(), shown[name]._repr_html_()
    assert text.startswith("<table>")
    assert re.search(r"</table>(<p><img [^>]*></p>)?$", text)
    text = text.partition("</table>")[0]  # tables of something else may follow
    assert len(re.findall("<td", text)) == len(records) * len(records[0])


def test_records_say_what_the_results_say(shown):
    assert [record["name"] for record in shown["conversion"].records()][:2] == ["stem", "body"]
    assert shown["project"].records()[0]["weight_bytes"] > 0
    (run,) = shown["run"].records()
    assert (run["samples"], run["bit_exact"], run["float_top1"]) == (3, True, 100.0)
    assert shown["verified"].records()[0]["form"] == "interpreter"
    assert len(shown["found"].records()) == 20
    assert {record["id"] for record in shown["boards"].records()} == {*microlut.list_boards()}
    assert len(shown["fits"].records()) == len(shown["fits"]) == 5
    assert shown["samples"].records()[0]["samples"] == 200


def test_a_listing_is_a_tuple():
    boards = microlut.boards()
    assert isinstance(boards, tuple)
    assert boards == tuple(boards)
    assert boards[0].id == "blackpill-f411ce"


@dataclass(frozen=True, slots=True, repr=False)
class Everything(Shown):
    text: str
    path: Path
    array: np.ndarray
    data: bytes
    many: tuple[int, ...]
    few: tuple[int, ...]
    by_name: dict[str, int]
    _private: int = 0


def everything(text: str) -> Everything:
    values = (np.zeros((3, 4), np.int8), b"abc", tuple(range(9)), (1, 2), {"a": 1})
    return Everything(text, Path("a") / "b", *values)


def test_fields_are_shown_short():
    assert repr(everything("a b")) == (
        "Everything(text='a b', path='a/b', array=<int8 [3, 4]>, data=<3 bytes>, "
        "many=<9 in a tuple>, few=(1,\n    2), by_name=<1 in a dict>)"
    )
    assert len(repr(everything("x" * 10_000))) < 300
    assert len(repr(everything("line\n" * 100)).splitlines()) <= 5
    (record,) = everything("a").records()
    assert record == {"text": "a", "path": "a/b", "many": tuple(range(9)), "few": (1, 2)}


def test_what_names_hold_is_text_in_html():
    text = html_table([{"<b>": "<script>", "n": 1}, {"<b>": "&", "n": 2_000}])
    assert "<script>" not in text
    assert "<b>" not in text
    assert "2,000" in text


def test_a_listing_of_many_is_cut():
    text = repr(Listing(microlut.boards() * 50))
    assert len(text.splitlines()) == 5
    assert text.endswith(" ...")
