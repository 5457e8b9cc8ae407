"""Text that is not ours is shown as it stands, on every page and in every message: no picture, link or formula."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import gan
from dashboard.pages import PAGES
from dashboard.text import JOINER, plain, plain_label
from gan.data.synthetic import draw_poster
from tests.dashboard.reading import OpenApp, captions, shown

DASHBOARD = Path(__file__).parents[2] / "dashboard"
PICTURE = "![x](http://evil.test/p.png)"
FOLDER = "![x](http:&sol;&sol;evil.test&sol;c.png)"  # what a folder's name can hold
GENRE = "M*A*S*H :red[x] $y$ <img src=http://evil.test/g.png>"
NOTE = "variety <b>low</b> " + PICTURE
EDITS = f'[["{PICTURE}",7,[0,0,1,1],"off"]]'


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("M*A*S*H", r"M\*A\*S\*H"),
        ("seed 4", "seed 4"),
        (":material/home:", rf"\:{JOINER}material\/home\:"),
        (":red[x]", rf"\:{JOINER}red\[x\]"),
        ("a  b\n# c", r"a b \# c"),
        ("http://x", rf"http\:{JOINER}\/\/x"),
        ("www.x.y", rf"www{JOINER}\.x\.y"),
        ("me@x.y", rf"me{JOINER}\@x\.y"),
        ("a -> b", rf"a \-{JOINER}\> b"),
        ("1. a", r"1\. a"),
        ("a\u202eb", "a\ufffdb"),
    ],
)
def test_marks_are_escaped_and_nothing_else_changes(text: str, escaped: str) -> None:
    assert plain(text) == escaped


@given(st.text())
def test_whatever_the_text_it_comes_back_when_the_marks_are_taken_away(text: str) -> None:
    if text.isprintable():
        assert shown(plain(text)) == " ".join(text.split())
    escaped = plain(text)
    assert all(escaped[place - 1] == "\\" for place, sign in enumerate(escaped) if sign in "`*_[]()<>$:!#&@|~")


def test_charts_read_no_html() -> None:
    assert plain_label("<b>a</b> & <a href='x'>") == "&lt;b&gt;a&lt;/b&gt; &amp; &lt;a href='x'&gt;"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints, posters and runs whose names, genres and notes are Markdown and HTML."""
    folder = tmp_path_factory.mktemp("hostile")
    config = gan.ModelConfig(16, latent=8, width=4, genres=(GENRE, PICTURE), embedding=4)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator, discriminator = gan.Generator(config), gan.Discriminator(config)
        discriminator(generator(gan.latents(range(8), config), torch.zeros(8, 2)), torch.zeros(8, 2))
    gan.save(folder / "checkpoints" / FOLDER, generator.eval(), discriminator.eval(), {"kimg": 1, "start": PICTURE})
    with zipfile.ZipFile(folder / "posters.zip", "w") as archive:
        names = [f"{PICTURE} {number}.png" for number in range(8)]
        for number, name in enumerate(names):
            buffer = io.BytesIO()
            draw_poster(number).image.save(buffer, "PNG")
            archive.writestr(name, buffer.getvalue())
        rows = [f'"{name}","{GENRE}|{PICTURE}"' for name in names]
        archive.writestr("metadata.csv", "\n".join(["file_name,genres", *rows]))
    run = folder / "runs" / FOLDER
    run.mkdir(parents=True)
    row = {"kimg": 1.0, "step": 10, "seconds": 60.0, "loss_d": 1.0, "loss_g": 1.0, "note": NOTE}
    (run / "stats.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"kimg": 2.0}) + "\n")
    return folder


def arguments(hostile: Path) -> list[str]:
    options = {"checkpoints": "checkpoints", "posters": "posters.zip", "runs": "runs"}
    return [word for name, place in options.items() for word in (f"--{name}", str(hostile / place))]


# Shown as it is by Streamlit or by components of our own, or not shown at all.
RAW = {"options", "raw_values", "id", "key", "query_param_key", "data", "json", "alt", "url", "code_text", "default",
       "form_id", "file_name", "element_id", "user_key", "block_id"}  # fmt: skip


def texts_of(message: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        for one in values:
            if field.type == field.TYPE_MESSAGE and hasattr(one, "ListFields"):
                yield from texts_of(one, (*path, field.name))
            elif field.type == field.TYPE_STRING:
                yield (*path, field.name), str(one)


def check(app: AppTest) -> None:
    """Nothing that Streamlit would read as Markdown, or Plotly as HTML, holds a name as it came."""
    for block in (app.main, app.sidebar):
        for element in walk(block):
            for path, text in texts_of(element.proto) if hasattr(element.proto, "ListFields") else ():
                if "spec" in path:
                    assert "<b>" not in json.dumps(json.loads(text)["data"]), (element.type, text[:200])
                elif not RAW & set(path):
                    assert "evil.test" not in text, (element.type, path, text)
                    assert "M*A*S*H" not in text, (element.type, path, text)


def walk(block: Any) -> Iterator[Any]:
    if block.proto is not None:
        yield block
    for child in getattr(block, "children", {}).values():
        yield from walk(child)


def pages() -> list[tuple[str, dict[str, str]]]:
    quick = {"methods": "DeepLIFT", "check": "false"}
    sections = ["Importance", "Directions", "Paths", "Genres", "Find this poster"]
    return [
        *((page, quick | {"source": source, "genres": GENRE}) for page in PAGES for source in ("Seed", "Poster")),
        *((page, quick | {"genres": PICTURE, "checkpoint": PICTURE, "run": PICTURE}) for page in PAGES),
        ("generator", {"lab": "Paint with this filter", "edits": EDITS}),
        ("compare", quick | {"more": "Export", "source": "Poster"}),
        *(("latent", {"noise": section, "source": "Poster"}) for section in sections),
        ("training", {"with": PICTURE}),
    ]


@pytest.mark.parametrize(("page", "query"), pages())
def test_no_page_interprets_a_name(open_app: OpenApp, hostile: Path, page: str, query: dict[str, str]) -> None:
    app = open_app(page, query, *arguments(hostile))
    assert not app.exception
    check(app)
    if query.get("source") == "Poster":
        names = [caption for caption in captions(app) if PICTURE in caption and GENRE in caption]
        assert len(names) == 1


def test_no_message_interprets_the_name_of_an_upload(open_app: OpenApp, hostile: Path) -> None:
    app = open_app("compare", {"check": "false"}, *arguments(hostile))
    app.file_uploader(key="own_references").upload(f"{PICTURE}.png", b"no picture", "image/png").run()
    check(app)
    assert PICTURE in shown(app.error[0].value)
    app.radio(key="source").set_value("Upload").run()
    app.file_uploader(key="upload").upload(f"{PICTURE}.png", b"no picture", "image/png").run()
    check(app)
    assert PICTURE in shown(app.error[0].value)
    buffer = io.BytesIO()
    draw_poster(3).image.save(buffer, "PNG")
    app.file_uploader(key="upload").upload(f"{PICTURE}.png", buffer.getvalue(), "image/png").run()
    check(app)


SINKS = {
    "markdown", "caption", "info", "warning", "error", "success", "toast", "title", "header", "subheader", "metric",
    "button", "expander", "popover", "progress", "spinner", "download_button", "tabs",
}  # fmt: skip


def test_sentences_that_name_an_error_or_a_file_pass_through_plain() -> None:
    """No call that Streamlit reads as Markdown is given a bare error, file name, genre or path."""
    forgotten = []
    for path in DASHBOARD.rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in SINKS:
                continue
            parts = [ast.unparse(one) for word in call.args[:1] for one in pieces(word)]
            foreign = [part for part in parts if part.split(".")[-1] in FOREIGN and part not in OURS]
            forgotten += [f"{path.name}:{call.lineno} {part}" for part in foreign]
    assert not forgotten


OURS = {"layer.name", "badge.note"}  # the program's own words
FOREIGN = {
    "name",
    "names",
    "genre",
    "genres",
    "folder",
    "path",
    "poster",
    "note",
    "file",
    "saved",
    "requested",
    "error",
}


def pieces(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a text that are not literal, unless ``plain`` is around them."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("plain", "plain_label"):
        return
    if isinstance(node, ast.JoinedStr):
        for value in node.values:
            if isinstance(value, ast.FormattedValue) and value.format_spec is None:
                yield from pieces(value.value)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "str":
        yield from (one for word in node.args for one in pieces(word))
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        yield node
