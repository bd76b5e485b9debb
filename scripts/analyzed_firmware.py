"""What of the firmware beside the engine is analyzed: the application, ports, start-up code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jinja2

from microlut.board.board import Board, load_board

CHECKOUT = Path(__file__).resolve().parents[1]
_MODEL = CHECKOUT / "tests" / "boards" / "fake_model"  # two functions: nothing of it is analyzed
_PREFIX = "fake"


@dataclass(frozen=True)
class Part:
    """Sources that are compiled alike.

    Attributes:
        name: The port's, or "application".
        prefix: Of the compiler's name; empty on this computer.
        flags: Of the core, as GCC has them.
        includes: Options that name folders and macros.
        sources: Relative to the checkout.
    """

    name: str
    prefix: str
    flags: tuple[str, ...]
    includes: tuple[str, ...]
    sources: tuple[str, ...]


def parts(work: Path) -> list[Part]:
    """Return all of the firmware but the engine, each source once; configurations go to `work`."""
    boards = [load_board(path.stem) for path in sorted((CHECKOUT / "boards").glob("*.toml"))]
    first = {board.port: board for board in reversed(boards)}
    made = [_application(work)]
    seen = set(made[0].sources)
    for name, board in sorted(first.items()):
        part = _port(work, board)
        new = tuple(source for source in part.sources if source not in seen)
        seen |= set(new)
        made.append(Part(name, part.prefix, part.flags, part.includes, new))
    return made


def _application(work: Path) -> Part:
    folders = ("app", "common", "profile")
    includes = _included(work, load_board("host"), ("profile",))
    sources = _sources(*folders)
    return Part("application", "", (), ("-DMLUT_PROFILE", *includes), sources)


def _port(work: Path, board: Board) -> Part:
    names = [board.port, *(str(each) for each in Path(board.port).parents if each != Path())]
    folders = [f"port/{name}" for name in names]
    startup = board.toolchain.startup
    sources = _sources(*folders)
    if startup:
        sources += tuple(
            source
            for source in _sources("startup")
            if Path(source).name.startswith((startup, "paint"))
        )
    includes = _included(work, board, (*folders, "startup"))
    specs = (f"--specs={board.toolchain.specs}",) if board.toolchain.specs else ()
    return Part(board.port, board.toolchain.prefix, board.flags + specs, includes, sources)


def _sources(*folders: str) -> tuple[str, ...]:
    root = CHECKOUT / "firmware"
    found = (path for folder in folders for path in sorted((root / folder).glob("*.c")))
    return tuple(str(path.relative_to(CHECKOUT)) for path in found)


def _included(work: Path, board: Board, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Write what a build writes for a board, and return the options that name all folders."""
    config = work / board.id
    config.mkdir(exist_ok=True)
    templates = jinja2.Environment(  # as toolchain/build.py has it
        loader=jinja2.FileSystemLoader(CHECKOUT / "templates"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    names = ["app_config.h"] + (["board_config.h"] if board.memory is not None else [])
    for name in names:
        template = templates.get_template(f"{name}.j2")
        text = template.render(prefix=_PREFIX, board=board)
        (config / name).write_text(text, encoding="utf-8")
    shared = ("app", "common", "port", "include", *folders)
    places = [*(f"firmware/{folder}" for folder in shared), _MODEL, config]
    return ("-DMLUT_ARENA_GUARD=16u", *(f"-I{place}" for place in places))
