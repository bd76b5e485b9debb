"""Plan in, C sources out: names, literals and templates, but no decisions."""

from microlut.codegen.render import Sources, render

__all__ = ["Sources", "render"]
