"""Add the examples to the site of the documentation: a hook of mkdocs, named in mkdocs.yml.

A page per example has its README, and the programs that it is made of. That of the method has the
notebook with its results. Links between documents and examples lead to these pages.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LANGUAGES = {".c": "c", ".h": "c", ".py": "python", ".toml": "toml"}
TEX = {r"\pm": "±", r"\frac12": "½", r"\frac14": "¼", r"\ldots": "..."}
_FROM_DOCS = re.compile(r"\]\(\.\./((?:\.\./)*)examples/([\w-]+)/README\.md")
_LINK = re.compile(r"\]\(([^):#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page per example, and the pictures of notebooks."""
    for readme in sorted(EXAMPLES.glob("*/README.md")):
        for name, content in pages_of(readme.parent).items():
            files.append(File.generated(config, f"examples/{name}", content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links from documents to READMEs of examples lead to the pages."""
    return _FROM_DOCS.sub(r"](\1examples/\2.md", markdown)


def pages_of(folder: Path) -> dict[str, str | bytes]:
    """Return the page of an example and its pictures, by their names."""
    name, pictures = folder.name, {}
    parts = [(folder / "README.md").read_text(encoding="utf-8").rstrip()]
    for notebook in sorted(folder.glob("*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            parts += _shown(cell, pictures, name)
    programs = [path for path in sorted(folder.rglob("*")) if path.suffix in LANGUAGES]
    if programs:
        parts.append("## Files")
    for path in programs:
        text = path.read_text(encoding="utf-8").rstrip()
        parts.append(f"### {path.relative_to(folder).as_posix()}")
        parts.append(f"```{LANGUAGES[path.suffix]}\n{text}\n```")
    page = _LINK.sub(lambda link: _led(link, folder), "\n\n".join(parts))
    return {f"{name}.md": f"{page}\n", **pictures}


def _led(link: re.Match[str], folder: Path) -> str:
    """Return a link of an example's README as the site needs it."""
    target, anchor = link[1], link[2] or ""
    if target.startswith("../../docs/"):
        return f"](../{target.removeprefix('../../docs/')}{anchor})"
    if found := re.fullmatch(r"\.\./([\w-]+)/README\.md", target):
        return f"]({found[1]}.md{anchor})"
    if Path(target).suffix in LANGUAGES and (folder / target).is_file():
        return f"](#{re.sub(r'[^a-z0-9_-]', '', target.lower())})"
    return link[0]


def _without_tex(formula: re.Match[str]) -> str:
    """Return a short formula in characters: the site loads no program that sets formulas."""
    text = formula[1]
    for command, character in TEX.items():
        text = text.replace(command, character)
    return re.sub(r"\^(\w)", r"<sup>\1</sup>", text)


def _shown(cell: Mapping[str, Any], pictures: dict[str, str | bytes], name: str) -> Iterator[str]:
    """Yield a cell of a notebook as Markdown; its pictures are added to the others."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        text = re.sub(r"\$([^$\n]+)\$", _without_tex, text)
        yield re.sub(r"^#", "##", text, flags=re.MULTILINE)
        return
    yield f"```python\n{text}\n```"
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            yield f"```text\n{''.join(output['text']).rstrip()}\n```"
        elif "image/png" in output.get("data", {}):
            file = f"{name}-{len(pictures) + 1}.png"
            pictures[file] = base64.b64decode("".join(output["data"]["image/png"]))
            yield f"![What the cell above draws]({file})"
