"""The site's reference: the public names of gan and xai, and every command's --help, written when the site is built.

    reference_pages.connect(app)    # in setup of conf.py
    reference_pages.commands()      # the text of the page on commands

Pages in docs/ also link to Markdown elsewhere in the project, such as the model cards of checkpoints. These become
pages of the site, and the links to them are changed while it is built; other files that are linked become downloads.
"""

from __future__ import annotations

import inspect
import io
import os
import re
from contextlib import redirect_stdout
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
FOLDER = DOCS / "reference"
WIDTH = "100"  # columns of a command's page
LINK = re.compile(r"\]\(([^()\s:#]+)(#[^()\s]*)?\)")  # of this project: no scheme, and not within the page
NAMED = re.compile(r"\[[\w/]+\.md\]\((?=[\w./-]+\.md)")  # a link that shows the file's name: in the site, its title
FIELD = re.compile(r"(?P<names>\w+(?:, \w+)*) : (?P<text>.*)")
FIELD_BEGINS = re.compile(r"(?:\n|(?<=\.) )(?=\w+(?:, \w+)* : )")


def connect(app: Any) -> None:
    app.connect("builder-inited", lambda app: write())
    app.connect("source-read", lambda app, page, text: text.__setitem__(0, inward(text[0], DOCS / f"{page}.md")))
    app.connect("autodoc-process-docstring", as_rst, priority=400)  # before napoleon


def write() -> None:
    """The pages in docs/reference/, touched only where they changed, so that Sphinx builds no more than it must."""
    FOLDER.mkdir(exist_ok=True)
    pages = {"gan.rst": public_names("gan"), "xai.rst": public_names("xai"), "commands.rst": commands()}
    pages |= {own_page(path).name: moved(path) for path in linked_elsewhere()}
    for name, text in pages.items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def public_names(package: str) -> str:
    """A page about all that ``package`` exports: classes, functions, then registries."""
    module = import_module(package)
    names = {name: getattr(module, name) for name in module.__all__}
    functions = [name for name, value in names.items() if inspect.isroutine(value)]
    classes = [name for name, value in names.items() if inspect.isclass(value)]
    others = [name for name in names if name not in functions + classes]
    sections = [
        heading(f"The package {package}", "="),
        f".. automodule:: {package}\n   :no-members:",
        heading("Functions", "-"),
        *(f".. autofunction:: {package}.{name}" for name in functions),
        heading("Classes", "-"),
        *(f".. autoclass:: {package}.{name}\n   :members:" for name in classes),
    ]
    if others:
        listed = [f"``{package}.{name}``\n   {', '.join(f'``{key}``' for key in names[name])}" for name in others]
        sections += [heading("Registries, by their names", "-"), *listed]
    return "\n\n".join(sections) + "\n"


def commands() -> str:
    """A page with what ``posterlens --help`` prints, and ``posterlens COMMAND --help`` of each command."""
    from scripts.__main__ import COMMANDS, page, summary

    sections = [heading("Commands", "="), literal(page())]
    for name, file in COMMANDS.items():
        sections += [heading(f"posterlens {name}", "-"), summary(file).replace("*", r"\*"), literal(help_of(name))]
    return "\n\n".join(sections) + "\n"


def help_of(command: str) -> str:
    """What ``posterlens COMMAND --help`` prints."""
    from scripts.__main__ import main

    printed, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        with redirect_stdout(printed):
            main([*command.split(), "--help"])
    except SystemExit:
        pass
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return printed.getvalue()


def heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def literal(text: str) -> str:
    return "::\n\n" + "\n".join(f"   {line}".rstrip() for line in text.strip().splitlines())


# ---- Markdown elsewhere in the project -----------------------------------------------------------------------------


def linked_elsewhere() -> list[Path]:
    """Markdown outside docs/ to which a page in docs/ links."""
    found = {target for page in DOCS.glob("*.md") for target in _targets(page)}
    return sorted(target for target in found if target.suffix == ".md" and DOCS not in target.parents)


def _targets(page: Path) -> list[Path]:
    return [(page.parent / match[1]).resolve() for match in LINK.finditer(page.read_text(encoding="utf-8"))]


def own_page(path: Path) -> Path:
    """Where such a page stands in the site: "model-card-dcgan-64.md", "contributing.md"."""
    name = f"model-card-{path.parent.name}" if path.name == "README.md" else path.stem.lower()
    return FOLDER / f"{name}.md"


def moved(path: Path) -> str:
    """Its text, with links that work from its place in the site."""
    return inward(path.read_text(encoding="utf-8"), path, FOLDER)


def inward(text: str, page: Path, place: Path | None = None) -> str:
    """The text of a page with links to Markdown elsewhere in the project led to its copy in the site.

    place : the folder that the text will stand in, where that is not the page's.
    """
    place = place or page.parent
    elsewhere = set(linked_elsewhere())

    def lead(match: re.Match[str]) -> str:
        target = (page.parent / match[1]).resolve()
        target = own_page(target) if target in elsewhere else target
        return f"]({os.path.relpath(target, place)}{match[2] or ''})"

    return NAMED.sub("[](", LINK.sub(lead, text))


# ---- docstrings of this project, as reStructuredText ------------------------------------------------------------


def as_rst(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Change ``lines`` in place: an indented example becomes a code block, "name : text" an item of a list.

    Both are left alone from the first underlined section on ("Raises"), which numpydoc's own rules read.
    """
    end = next((row - 1 for row, line in enumerate(lines) if re.fullmatch(r"-{3,}", line.strip())), len(lines))
    lines[:] = [*_fields(_examples(lines[:end])), *lines[end:]]


def _examples(lines: list[str]) -> list[str]:
    result: list[str] = []
    for row, line in enumerate(lines):
        begins = line.startswith("    ") and (row == 0 or not lines[row - 1].strip())
        inside = any(before.startswith(".. code-block") for before in _paragraph_before(result))
        if begins and not inside:
            result += [".. code-block:: python", ""]
        result.append(line)
    return result


def _paragraph_before(lines: list[str]) -> list[str]:
    """The indented lines at the end, and the line that they hang on."""
    found: list[str] = []
    for line in reversed(lines):
        found.append(line)
        if line.strip() and not line.startswith(" "):
            break
    return found


def _fields(lines: list[str]) -> list[str]:
    result: list[str] = []
    for _, group in groupby(lines, lambda line: bool(line.strip())):
        paragraph = list(group)
        if FIELD.match(paragraph[0]):
            items = filter(None, FIELD_BEGINS.split("\n".join(line.strip() for line in paragraph)))
            paragraph = ["", *(_item(" ".join(item.split())) for item in items), ""]
        result += paragraph
    return result


def _item(field: str) -> str:
    match = FIELD.match(field)
    assert match is not None  # noqa: S101 - the text was split there
    names = ", ".join(f"``{name}``" for name in match["names"].split(", "))
    return f"* {names}: {match['text']}"
