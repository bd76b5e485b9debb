"""Analyze a model: what it needs and what stands in its way, without converting it."""

from __future__ import annotations

from collections.abc import Sequence

from microlut.board.board import Board, board_of, boards
from microlut.conversion.analysis import Analysis, Choice, analyze_graph, analyze_translation
from microlut.conversion.layer_choices import layer_choices
from microlut.conversion.settings import Overrides, settings_of
from microlut.conversion.tensor_types import tensor_types
from microlut.errors import InvalidInput
from microlut.graph.passes import run_passes
from microlut.importers import examine_model
from microlut.importers.keras.custom import Custom, check_custom
from microlut.importers.onnx.memory import with_example
from microlut.plan import DEFAULT_CORE, Optimize
from microlut.support.arguments import PathLike, check_flag, is_path, path_of
from microlut.support.texts import plain


def analyze(  # noqa: PLR0913 (the user's options, by name)
    model: PathLike | object,
    board: Board | PathLike | Sequence[Board | PathLike] | None = None,
    *,
    bits: int | None = None,
    activations: int | None = None,
    settings: PathLike | None = None,
    custom: Custom | None = None,
    optimize: Optimize = "balanced",
    max_ram: int | None = None,
    curve: bool = False,
    example_input: object = None,
) -> Analysis:
    """Return layers, obstacles, and estimates of flash, arena and instructions for boards.

    It takes about a second and needs no calibration inputs. Obstacles raise no error: they are in
    the result, together with what is known about the layers.

    Args:
        model: A .keras, .h5, .tflite or .onnx file, a SavedModel folder, a `keras.Model`, or a
            `torch.nn.Module`.
        board: One board or several, as ids, paths of .toml files or `Board`; by default all
            but the host.
        bits: Bits per weight, 2 to 8; 4 by default.
        activations: Bits of activations, 8 or 16; 8 by default.
        settings: Path of a configuration file, for bits by layer and by tensor; a budget in it is
            not followed.
        custom: What classes, activations and layers of the model are, as for `convert`.
        optimize: "balanced", "speed", "size" or "ram", as for `convert`.
        max_ram: Most bytes of the arena, as for `convert`.
        curve: Whether to find what other arenas would give, which takes longer.
        example_input: What a `torch.nn.Module` is called with, as for `convert`.

    Raises:
        MicrolutError: One of its subclasses, for everything else that can be wrong.
    """
    check_flag("curve", curve)
    model = with_example(model, example_input)
    overrides = Overrides(bits=bits, activations=activations)
    chosen, asked = settings_of(settings), _boards(board)
    found = examine_model(model, custom={**chosen.custom, **check_custom(custom)})
    if found.graph is None:
        return analyze_translation(_name(model), found)
    graph = run_passes(found.graph)
    layers = layer_choices(graph, chosen, overrides, "calibrated")
    by_layer = {name: layer.config.bits for name, layer in layers.items()}
    parameters = sum(layer.parameters for layer in found.layers)
    types = tensor_types(graph, chosen, overrides)
    choice = Choice(by_layer, asked, optimize, max_ram, types, curve)
    return analyze_graph(graph, parameters, choice)


def _name(model: PathLike | object) -> str:
    if is_path(model):
        return plain(path_of("model", model).resolve().stem)
    return plain(str(getattr(model, "name", "model")))


def _boards(board: Board | PathLike | Sequence[Board | PathLike] | None) -> tuple[Board, ...]:
    """Return the boards to estimate for; of all, those with the default core come first."""
    if board is None:
        known = [each for each in boards() if each.memory is not None]
        return tuple(sorted(known, key=lambda each: each.core.value != DEFAULT_CORE))
    asked = board if isinstance(board, list | tuple) else (board,)
    if not asked:
        raise InvalidInput("board: found no board; give one or more, or leave it out for all")
    return tuple(map(board_of, asked))
