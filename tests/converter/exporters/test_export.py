"""Rules for every format: complete, reproducible, self-contained, careful with the user's files."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

import microlut
from microlut.errors import InvalidInput
from microlut.exporters import ExportFormat
from microlut.exporters.formats import LAYOUTS
from microlut.support.resources import data_folder, license_file

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = [to.value for to in ExportFormat if to in LAYOUTS]


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(params=FOLDERS)
def package(request, exported) -> tuple[str, dict[str, bytes]]:
    """A format and its files; the archive's are unpacked."""
    folder = exported(request.param)
    if folder.is_file():
        shutil.unpack_archive(folder, folder.with_name("unpacked"), "zip")
        folder = folder.with_name("unpacked") / "pair"
    return request.param, contents(folder)


def test_every_format_has_templates_and_every_folder_is_a_format():
    paths = (data_folder("templates") / "export").iterdir()
    folders = {path.name for path in paths if path.is_dir()}
    assert folders == set(FOLDERS)
    assert {to.value for to in ExportFormat} == {*FOLDERS, "tflite", "pico-sdk"}


def test_package_has_the_models_one_engine_licence_readme_and_example(package):
    to, files = package
    layout = LAYOUTS[ExportFormat(to)]
    assert files["LICENSE"] == license_file().read_bytes()
    assert files["README.md"].startswith(b"# pair\n")
    told = b"export several models together" in files["README.md"]
    assert told is (to != "cmake")  # libraries, of which a linker takes one engine
    for name in ("digits", "second"):
        assert f"{layout.headers}/{name}.h" in files
        sources = (f"{name}.c", f"microlut/{name}_weights.h", f"{name}_weights.c")
        assert {f"{layout.sources}/{source}" for source in sources} < set(files)
    engine = data_folder("firmware")
    headers = (engine / "include/microlut").glob("*.h")
    parts = {f"{layout.headers}/microlut/{file.name}": file for file in headers}
    for file in (engine / "src").rglob("*.[ch]"):
        parts[f"{layout.sources}/microlut/{file.relative_to(engine / 'src').as_posix()}"] = file
    assert {name: files[name] for name in parts} == {n: f.read_bytes() for n, f in parts.items()}
    sources = [Path(name) for name in files if name.startswith(f"{layout.sources}/")]
    objects = [source.stem for source in sources if source.suffix == ".c"]
    assert len(set(objects)) == len(objects), "some archivers know objects by these names alone"
    code = b"".join(data for name, data in files.items() if "example" in name or "sample" in name)
    assert b"digits_init(" in code
    assert b"second_run(" in code


def test_package_is_plain_text_without_paths_and_without_left_over_template(package):
    for name, data in package[1].items():
        text = data.decode("ascii")
        assert text.endswith("\n"), name
        assert str(CHECKOUT) not in text, name
        assert "/tmp/" not in text, name
        assert not re.search(r"\{\{ \w|\{%|\{#", text), name
        assert "NAME" not in name, name


def test_manifest_has_the_hash_of_every_other_file(package):
    to, files = package
    manifest = json.loads(files.pop("microlut.json"))
    assert manifest["format"] == to
    assert set(manifest["models"]) == {"digits", "second"}
    assert manifest["files"] == {n: hashlib.sha256(d).hexdigest() for n, d in files.items()}


@pytest.mark.parametrize("to", FOLDERS)
def test_export_again_gives_equal_bytes(to, exported, project, second, tmp_path):
    microlut.export([project, second], to, tmp_path / "again", "pair")
    first = exported(to)
    if first.is_file():
        assert first.read_bytes() == (tmp_path / "again").read_bytes()
    else:
        assert contents(first) == contents(tmp_path / "again")


def test_one_model_gives_the_library_its_name(project, tmp_path):
    found = microlut.export(project, "cmake", tmp_path / "out")
    assert (found.name, found.path, found.format) == ("digits", tmp_path / "out", "cmake")
    files = contents(tmp_path / "out")
    assert set(found.files) == set(files)
    assert found.bytes == sum(map(len, files.values()))
    assert "examples/digits/main.c" in files


def test_export_replaces_an_earlier_one(project, second, tmp_path):
    microlut.export([project, second], "cmake", tmp_path / "out")
    microlut.export(project, "cmake", tmp_path / "out")
    assert not (tmp_path / "out" / "include" / "second.h").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def add(folder: Path) -> str:
    (folder / "src" / "mine.c").touch()
    return "holds src/mine.c, which"


def change(folder: Path) -> str:
    with (folder / "examples" / "digits" / "main.c").open("a") as file:
        file.write("/* mine */\n")
    return r"holds examples/digits/main.c, which was changed since microlut wrote it"


def build(folder: Path) -> str:
    (folder / "build").mkdir()
    return "holds build, which"


def forget(folder: Path) -> str:
    (folder / "microlut.json").write_text("[]")
    return "holds CMakeLists.txt, which"


@pytest.mark.parametrize("happens", [add, change, build, forget])
def test_export_keeps_what_is_not_as_it_wrote_it(happens, project, tmp_path):
    microlut.export(project, "cmake", tmp_path / "out")
    message = happens(tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(InvalidInput, match=message):
        microlut.export(project, "cmake", tmp_path / "out")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("content", [b"", b"mine", None], ids=["empty", "text", "archive"])
def test_archive_of_somebody_else_is_kept(content, project, tmp_path):
    file = tmp_path / "out.zip"
    if content is None:
        (tmp_path / "mine").mkdir()
        shutil.make_archive(str(tmp_path / "out"), "zip", tmp_path / "mine")
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(InvalidInput, match=r"out\.zip: is there and not an archive as microlut"):
        microlut.export(project, "zip", file)
    assert file.read_bytes() == before


def test_archive_with_a_changed_file_is_kept(project, tmp_path):
    microlut.export(project, "zip", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["digits/src/digits.c"] += b"/* mine */"
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    before = (tmp_path / "out.zip").read_bytes()
    with pytest.raises(InvalidInput, match=r"out\.zip: is there and not an archive as microlut"):
        microlut.export(project, "zip", tmp_path / "out.zip")
    assert (tmp_path / "out.zip").read_bytes() == before


def test_tflite_replaces_only_what_an_export_wrote(project, tmp_path):
    file = tmp_path / "m.tflite"
    for _ in range(2):
        microlut.export(project, "tflite", file)
    file.write_bytes(file.read_bytes().replace(b"microlut", b"somebody"))
    before = file.read_bytes()
    with pytest.raises(InvalidInput, match=r"m\.tflite: is there and not a \.tflite file as"):
        microlut.export(project, "tflite", file)
    assert file.read_bytes() == before


def test_output_that_ends_in_zip_is_an_archive_of_any_format(exported, project, second, tmp_path):
    for _ in range(2):  # the second takes the first one's place
        found = microlut.export([project, second], "cmake", tmp_path / "out.zip", "pair")
    assert found.bytes == (tmp_path / "out.zip").stat().st_size
    shutil.unpack_archive(tmp_path / "out.zip", tmp_path)
    assert contents(tmp_path / "pair") == contents(exported("cmake"))


@pytest.fixture
def copy(project, tmp_path) -> Path:
    """A converted model's folder that a test may damage."""
    return Path(shutil.copytree(project.path, tmp_path / "copy"))


@pytest.mark.parametrize(
    "name", ["model.h", "model.c", "weights.h", "weights.c", "engine/include/microlut/microlut.h"]
)
def test_missing_source_is_refused(name, copy, tmp_path):
    (copy / name).unlink()
    with pytest.raises(InvalidInput, match=rf"{name}: cannot be read .*microlut convert"):
        microlut.export(microlut.read(copy), "cmake", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sources_of_another_engine_are_refused(copy, tmp_path):
    header = copy / "model.h"
    header.write_text(re.sub(r"MLUT_ABI != \d+", "MLUT_ABI != 1", header.read_text()))
    with pytest.raises(InvalidInput, match=r"copy: its sources are not those.*microlut convert"):
        microlut.export(microlut.read(copy), "cmake", tmp_path / "out")


def test_the_same_model_twice_is_refused(project, copy, tmp_path):
    with pytest.raises(InvalidInput, match=r"copy: its file include/digits\.h is another model's"):
        microlut.export([project, microlut.read(copy)], "cmake", tmp_path / "out")


@pytest.mark.parametrize("name", ["My Net", "int", "math", "a-b", "", "../x", "mlut"])
def test_name_that_build_systems_would_not_take_is_refused(name, project, tmp_path):
    with pytest.raises(InvalidInput, match="cannot be used; allowed are"):
        microlut.export(project, "cmake", tmp_path / "out", name)


def test_two_models_as_tflite_are_refused(project, second, tmp_path):
    with pytest.raises(InvalidInput, match="holds one model, and 2 were given"):
        microlut.export([project, second], "tflite", tmp_path / "m.tflite")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("ESP32", "esp-idf"), ("espidf", "esp-idf"), ("idf", "esp-idf"), ("CubeMX", "stm32cube")),
        *(("stm32", "stm32cube"), ("pio", "platformio"), ("make", "cmake"), ("lite", "tflite")),
    ],
)
def test_format_that_people_call_otherwise_is_suggested(name, meant, project, tmp_path):
    with pytest.raises(InvalidInput, match=rf"did you mean [\w -]*{meant}\b.*\? allowed are"):
        microlut.export(project, name, tmp_path / "out")


def test_unknown_format_and_no_model_are_refused(project, tmp_path):
    with pytest.raises(InvalidInput, match=r"format 'xyz' is not known; allowed are .*cmake"):
        microlut.export(project, "xyz", tmp_path / "out")
    with pytest.raises(InvalidInput, match="no model"):
        microlut.export([], "cmake", tmp_path / "out")
