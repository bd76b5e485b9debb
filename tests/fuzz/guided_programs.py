"""Programs that libFuzzer drives: the console application and exported examples of tiny models."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import microlut
from microlut.board.board import load_board
from microlut.codegen.environment import environment
from microlut.project import Project

_CHECKOUT = Path(__file__).resolve().parents[2]
_HERE = Path(__file__).parent / "guided"
_SANITIZERS = (
    *("-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow",),
    "-fno-sanitize-recover=all",
)
_PROFILED = ("-fprofile-instr-generate", "-fcoverage-mapping", "-fsanitize=fuzzer-no-link")
_APPLICATION = ("app", "common", "profile")
_WORDS = (
    *("help%", "name%", "profile%", "timestamp%", "reset%", "results%", "output%", "layers%"),
    *("bulk ", "dump ", "infer ", "db ", "db load ", "db print ", "%", "%%", " ", "  ", "00", "ff"),
    *("0", "1", "3", "4294967295", "4294967296", "-1", "\\x0d\\x0a"),
)


@dataclass(frozen=True)
class Target:
    """A program in two forms: one that finds faults, one that counts what is covered."""

    name: str
    sanitized: Path
    profiled: Path
    sessions: tuple[bytes, ...]  # sound ones to begin with


def write_dictionary(path: Path) -> Path:
    """Write the words of the console's language as libFuzzer reads them."""
    path.write_text("".join(f'"{word}"\n' for word in _WORDS))
    return path


def make_targets(work: Path, firmware: Path) -> list[Target]:
    """Convert the models and compile all programs."""
    made = []
    engine = {
        options: _archive(firmware, work / f"engine{number}", options)
        for number, options in enumerate((_SANITIZERS, _PROFILED))
    }
    for project, profile in _projects(work):
        made.append(_console(project, work, firmware, engine, profile))
        made.append(_example(project, work, firmware, engine))
    return made


def _projects(work: Path) -> list[tuple[Project, bool]]:
    """Return three models: a plain one, one with several int16 ends, and one with state."""
    import keras

    layers = keras.layers
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    plain = keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")])
    ends = [keras.Input((3,), name="left"), keras.Input((2,), name="right")]
    joined = layers.Concatenate()(ends)
    several = keras.Model(ends, [layers.Dense(2)(joined), layers.Activation("tanh")(joined)])
    frames = keras.Sequential(
        [keras.Input((8, 2)), layers.Conv1D(2, 3), layers.Flatten(), layers.Dense(2)]
    )
    x = rng.normal(size=(60, 6)).astype(np.float32)
    y = {"left": x[:, :3], "right": x[:, 3:5]}
    z = rng.normal(size=(60, 8, 2)).astype(np.float32)
    made = (
        (microlut.convert(plain, x, distill=False, name="plain"), False),
        (microlut.convert(several, y, distill=False, activations=16, name="several"), True),
        (microlut.convert(frames, z, distill=False, stream=0, name="frames"), True),
    )
    return [
        (microlut.write(conversion, work / conversion.report.prefix), profile)
        for conversion, profile in made
    ]


def _archive(firmware: Path, work: Path, options: Sequence[str]) -> Path:
    work.mkdir()
    sources = [path for path in (firmware / "src").rglob("*.c") if path.parent.name != "mve"]
    folders = (firmware / "include", firmware / "src")
    _run("clang", "-std=c11", "-O1", "-g", *options, *_included(folders), "-c", *sources, cwd=work)
    _run("ar", "rcs", work / "engine.a", *sorted(work.glob("*.o")))
    return work / "engine.a"


def _console(
    project: Project,
    work: Path,
    firmware: Path,
    engine: dict[tuple[str, ...], Path],
    profile: bool,
) -> Target:
    config = work / f"config-{project.prefix}"
    config.mkdir()
    template = environment().get_template("app_config.h.j2")
    text = template.render(prefix=project.prefix, board=load_board("host"))
    (config / "app_config.h").write_text(text)
    folders = [firmware / name for name in ("include", "port", *_APPLICATION[: 2 + profile])]
    sources = [_HERE / "console_fuzzer.c", *(firmware / "common").glob("*.c")]
    sources += project.path.glob("*.c")
    options = ["-DMLUT_ARENA_GUARD=16u", *(["-DMLUT_PROFILE"] if profile else [])]
    options += _included([*folders, config, project.path])
    size = sum(tensor.bytes for tensor in project.graph.inputs)
    return _linked(f"console-{project.prefix}", work, sources, options, engine, _sessions(size))


def _sessions(size: int) -> tuple[bytes, ...]:
    load = f"db load {size}%db {'7f' * size}%"
    return (
        b"\0help%name%profile%timestamp%results%output%",
        b"\0" + f"{load}infer 1 0%results%output%db print%layers%".encode(),
        b"\0" + f"infer 2 1%reset%infer%db load {size - 1}%db 00%infer%db print 1 1%".encode(),
        b"\1bulk 3%output%bulk 4%reset%",
        b"\x06bulk 1%",
        b"\x53MLUT\2\0\0\0" + bytes(12) + b"bulk 1%",  # another version, or another size
        b"\x53MLUT\1\0\0\0" + bytes(12) + b"bulk 1%",
        b"\0" + f"{load}dump 1 0 4%dump 1 4 8%dump 99 0 1%layers%".encode(),
        b"\0db 00112%db 0g%" + b"x" * 300 + b"%\r\n%db%",
    )


def _example(
    project: Project, work: Path, firmware: Path, engine: dict[tuple[str, ...], Path]
) -> Target:
    name = project.prefix
    made = work / f"export-{name}"
    microlut.export(project, "cmake", made)
    header = next(made.rglob(f"{name}.h"))
    main = next((made / "examples").rglob("main.c"))
    sources = [_HERE / "example_fuzzer.c", *made.rglob(f"{name}*.c")]
    names = {
        "MODEL": f"{name}_model",
        "STEP": f"{name}_step",
        "STEPS": f"{name.upper()}_STEPS",
        "CHECK": f"{name}_check",
        "EXAMPLE": f'"{main}"',
    }
    options = [f"-D{key}={value}" for key, value in names.items()]
    options += _included([header.parent])
    sessions = (bytes(range(8)) * 6, b"\0\1\1\5abcdefghijklmn\6\7\3\4\6\2")
    return _linked(f"example-{name}", work, sources, options, engine, sessions)


def _linked(
    name: str,
    work: Path,
    sources: Sequence[Path],
    options: Sequence[str],
    engine: dict[tuple[str, ...], Path],
    sessions: tuple[bytes, ...],
) -> Target:
    programs = []
    for instrumented, archive in engine.items():
        program = work / f"{name}-{'sanitized' if instrumented is _SANITIZERS else 'profiled'}"
        _run(
            *("clang", "-std=c11", "-O1", "-g", *instrumented, "-fsanitize=fuzzer", *options),
            *(*map(str, sources), str(archive), "-o", str(program)),
        )
        programs.append(program)
    return Target(name, *programs, sessions)


def _included(folders: Sequence[Path]) -> list[str]:
    return [f"-I{folder}" for folder in folders]


def _run(*command: object, cwd: Path | None = None) -> None:
    subprocess.run([*map(str, command)], check=True, cwd=cwd, env={**os.environ, "LC_ALL": "C"})
