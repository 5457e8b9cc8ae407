"""Every page with networks of other classes: it works, or says in one sentence what it needs and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.pages import PAGES
from dashboard.ui import OF_CLASSES
from tests.dashboard.reading import OpenApp, errors, subject_of, texts
from tests.xai.networks.test_own_networks import HAVE
from xai.capabilities import CAPABILITIES

QUICK = {"methods": ["DeepLIFT", "Gradient × input", "Grad-CAM"], "check": "false", "references": "2"}
EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/own_*.py"))
FILE = "from tests import own_networks\n\ndef networks():\n    return own_networks.{}()\n"


@pytest.fixture
def open_own(open_app: OpenApp, tmp_path: Path, poster_folder: Path) -> Callable[..., Any]:
    def start(make: str, page: str, **query: str) -> Any:
        (tmp_path / "own.py").write_text(FILE.format(make))
        options = ("--networks", str(tmp_path / "own.py"), "--posters", str(poster_folder))
        return open_app(page, QUICK | {"source": "Poster"} | query, *options)

    return start


def test_every_need_of_a_page_and_of_its_sections_is_a_capability() -> None:
    for page in PAGES.values():
        assert {*page.needs, *(one for needs in page.sections.values() for one in needs)} <= CAPABILITIES.keys()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("make", [make.__name__ for make in HAVE])
def test_a_page_works_or_says_what_it_needs(open_own: Callable[..., Any], make: str, page: str) -> None:
    have = next(have for one, have in HAVE.items() if one.__name__ == make)
    app = open_own(make, page)
    assert not app.exception
    assert not errors(app)
    said = [note for note in app.info if f"The page {PAGES[page].title} needs" in note.value]
    assert len(said) == (not set(PAGES[page].needs) <= have)
    assert not app.warning


def test_a_section_that_needs_a_chain_says_so(open_own: Callable[..., Any]) -> None:
    said = texts(open_own("residual", "generator", lab="What a dimension drives", source="Seed"))
    assert "“What a dimension drives” needs a generator of transposed convolutions" in said
    assert "layers.0" in said or "layers.1 is a Block" in said
    app = open_own("residual", "generator", lab="Paint with this filter", source="Seed")
    assert not errors(app)
    assert "needs a generator" not in texts(app)


@pytest.mark.parametrize("page", ["start", "compare"])
def test_of_a_classifier_nothing_is_said_to_be_real_or_fake(open_own: Callable[..., Any], page: str) -> None:
    app = open_own("classifier", page, **{"class": "Comedy"})
    said = texts(app)
    assert "The classifier finds" in said
    assert "Explained: the logit of Comedy" in said
    for word in ("D finds it", "speaks for real", "for fake", "[**real**]", "[**fake**]", "decision threshold"):
        assert word not in said
    if page == "compare":
        assert "speaks for more Comedy" in said
    [found] = [one for one in app.sidebar.markdown if "The classifier finds" in one.value]
    assert found.help == OF_CLASSES


def test_another_class_is_explained_and_a_link_can_ask_for_it(open_own: Callable[..., Any]) -> None:
    app = open_own("classifier", "compare")
    assert app.selectbox(key="class").value == "Horror"
    app.selectbox(key="class").set_value("Western").run()
    assert "Explained: the logit of Western" in texts(app)
    assert "Explained: the logit of Comedy" in texts(open_own("classifier", "compare", **{"class": "Comedy"}))


@pytest.mark.parametrize("page", ["start", "compare"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_opens_first(open_app: OpenApp, poster_folder: Path, example: Path, page: str) -> None:
    query = QUICK | {"methods": ["Gradient × input"], "source": "Poster"}
    app = open_app(page, query, "--networks", str(example), "--posters", str(poster_folder))
    assert not app.exception
    assert not errors(app)
    assert app.selectbox(key="checkpoint").value == example.name
    assert "needs a" not in texts(app)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def networks():\n    return missing\n", "own.py, line 2: NameError: name 'missing' is not defined."),
        ("raise ValueError('a\\nb')\n", "own.py, line 1: ValueError: a b."),
        ("def networks(:\n", "own.py, line 1: SyntaxError: invalid syntax."),
        ("network = 1\n", "own.py: there is no function networks() in it."),
        ("def networks():\n    return 7\n", "own.py: networks() returns a int, not what gan.adapt(...) gives."),
        (None, "own.py cannot be read: No such file or directory."),
    ],
)
def test_what_is_wrong_with_the_file_is_one_sentence_and_checkpoints_can_still_be_chosen(
    open_app: OpenApp, tmp_path: Path, text: str | None, sentence: str
) -> None:
    path = tmp_path / "own.py"
    if text is not None:
        path.write_text(text)
    app = open_app("compare", QUICK | {"methods": ["Gradient × input"]}, "--networks", str(path))
    assert not app.exception
    assert errors(app) == [sentence]
    app.selectbox(key="checkpoint").set_value("tiny").run()
    assert not app.exception
    assert not errors(app)
    assert subject_of(app).checkpoint.name == "tiny"


def test_two_files_of_the_same_name_can_both_be_chosen(open_app: OpenApp, tmp_path: Path) -> None:
    options: list[str] = []
    for folder, make in (("first", "residual"), ("second", "classifier")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text(FILE.format(make))
        options += ["--networks", str(tmp_path / folder / "own.py")]
    app = open_app("start", QUICK | {"checkpoint": "second/own.py"}, *options)
    assert not app.exception
    assert app.selectbox(key="checkpoint").options[:2] == ["first/own.py", "second/own.py"]
    assert app.selectbox(key="class").value == "Horror"


def test_a_change_of_what_the_file_imports_is_seen(open_app: OpenApp, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("missing\n")
    (tmp_path / "own.py").write_text("from model import make\n\ndef networks():\n    return make()\n")
    app = open_app("start", QUICK, "--networks", str(tmp_path / "own.py"))
    assert errors(app) == ["own.py, line 1: NameError: name 'missing' is not defined."]
    (tmp_path / "model.py").write_text("from tests.own_networks import residual as make\n")
    assert not errors(app.run())
    assert subject_of(app).checkpoint.name == "own.py"
    (tmp_path / "model.py").write_text("from tests.own_networks import classifier as make  # another\n")
    assert app.run().selectbox(key="class").value == "Horror"


def test_no_command_is_named_that_cannot_measure_it(open_own: Callable[..., Any]) -> None:
    said = texts(open_own("residual", "start"))
    assert "--checkpoint DIR" not in said
    assert "not networks of a Python file" in said


def test_a_file_is_run_only_where_the_command_line_names_it(open_app: OpenApp, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("raise RuntimeError('run')\n")
    app = open_app("start", {"checkpoint": str(tmp_path / "own.py"), "networks": str(tmp_path / "own.py")})
    assert not app.exception
    assert not errors(app)
    assert app.session_state["checkpoint"] == "tiny"
