"""The pages in Markdown: every link leads somewhere, every command is one that the parsers take, every example runs."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import unquote

import pytest

from dashboard.pages import PAGES as PAGES_OF_DASHBOARD
from dashboard.pages import Page
from dashboard.settings import add_options
from gan import cli
from scripts.__main__ import COMMANDS, split
from xai import METHODS
from xai.networks.score import LOGIT
from xai.report import words

HOUSE = Path(__file__).parents[1]
DOCS = sorted(HOUSE.glob("docs/*.md"))
PAGES = [*sorted(HOUSE.glob("*.md")), *DOCS, *sorted(HOUSE.glob("checkpoints/*/README.md"))]
RUN = ("bring_a_checkpoint", "explain_a_poster", "read_a_verdict", "write_a_method")  # others have tests of their own
MOST = 120_000  # bytes of a picture


def name_of(page: Path) -> str:
    return str(page.relative_to(HOUSE))


def without_code(text: str) -> str:
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(text: str) -> set[str]:
    """Of a page's headings, as code hosts make them."""
    found: Counter[str] = Counter()
    result = set()
    for heading in re.findall(r"^#+ +(.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        result.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return result


def broken_links(page: Path) -> list[str]:
    text, broken = page.read_text("utf-8"), []
    for link in re.findall(r"\]\(([^()\s]+)\)", without_code(text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not broken_links(page)


def test_a_broken_link_or_anchor_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Here\n\n```sh\n# no heading\n```\n")
    page = tmp_path / "page.md"
    page.write_text("[a](other.md#here) [b](other.md#no-heading) [c](none.md) [d](#mine) `[e](none.md)`\n")
    assert broken_links(page) == ["other.md#no-heading", "none.md", "#mine"]


def test_every_page_stands_in_the_index() -> None:
    index = (HOUSE / "docs/index.md").read_text("utf-8")
    for page in DOCS:
        if page.stem != "index":
            assert f"]({page.name})" in index, f"{page.name} is not linked"
            assert re.search(rf"^{page.stem}$", index, re.M), f"{page.name} is in no toctree"


# ---- commands ----------------------------------------------------------------------------------------------------


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of the page's shell blocks, as lists of words."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text("utf-8"), re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|")
            lexer.whitespace_split = True
            for separates, words_ in groupby(lexer, lambda word: set(word) <= set("&;|")):
                if not separates:
                    yield [word for word in words_ if not re.match(r"[A-Z_]+=", word)]


class Parsed(Exception):  # noqa: N818 - nothing is wrong
    """The parser took the arguments."""


@pytest.fixture
def only_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = cli.Parser.parse_args

    def parse(self: cli.Parser, *arguments: Any, **others: Any) -> None:
        self.allow_abbrev = False  # a page has options whole
        taken(self, *arguments, **others)
        raise Parsed

    monkeypatch.setattr(cli.Parser, "parse_args", parse)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)


def refused(command: list[str]) -> str:
    """Why a command of ours cannot be typed so, or "": an unknown option, a wrong choice, a file that is not there."""
    words_ = [word for word in command if word != "..."]
    files = [word for word in words_ if re.fullmatch(r"scripts/\w+\.py", word)]
    if words_[:2] == ["streamlit", "run"]:
        parser = cli.Parser()
        add_options(parser)
        return tried(lambda: parser.parse_args(words_[words_.index("--") + 1 :] if "--" in words_ else []))
    if words_[:2] == ["python", "-m"] and words_[2].split(".")[0] in ("gan", "xai"):
        return "" if (HOUSE / f"{words_[2].replace('.', '/')}.py").is_file() else f"there is no {words_[2]}"
    if files:
        if not (HOUSE / files[0]).is_file():
            return f"there is no {files[0]}"
        module, arguments = Path(files[0]).stem, words_[words_.index(files[0]) + 1 :]
    elif words_[:1] == ["posterlens"]:
        name, arguments = split(words_[1:])
        if not name:
            return "" if arguments in (["--help"], ["--version"]) else f"posterlens has no {arguments}"
        module = COMMANDS[name]
    else:
        return ""
    if module == "open_dashboard" or "..." in command:
        return ""
    return tried(lambda: import_module(f"scripts.{module}").main(arguments))


def tried(parse: Any) -> str:
    try:
        parse()
    except Parsed:
        return ""
    except SystemExit as ended:
        return f"ended with {ended.code}" if ended.code else ""
    return ""


@pytest.mark.usefixtures("only_parsing")
@pytest.mark.parametrize("page", [HOUSE / "README.md", HOUSE / "CONTRIBUTING.md", *DOCS], ids=name_of)
def test_every_command_can_be_typed_as_it_stands(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(page):
        why = refused(command)
        assert not why, f"{shlex.join(command)}: {why} {capsys.readouterr().err}"


@pytest.mark.usefixtures("only_parsing")
@pytest.mark.parametrize(
    "command",
    ["python scripts/train.py --data a --out b --presets dcgan", "posterlens explode", "python scripts/none.py",
     "streamlit run dashboard/app.py -- --poster a", "python -m gan.none", "posterlens train --preset none"],
)  # fmt: skip
def test_a_command_that_cannot_be_typed_is_noticed(command: str) -> None:
    assert refused(command.split())


def written_twice(page: Path) -> list[str]:
    """What two commands of a page write with --out, though neither says that it may be replaced or gone on with."""
    outs = [command[command.index("--out") + 1] for command in commands(page) if new_output(command)]
    return [name for name, count in Counter(outs).items() if count > 1]


def new_output(command: list[str]) -> bool:
    fills = any(word.endswith(("fetch_posters.py", "remove_text.py")) or word == "fetch" for word in command)
    return "--out" in command and not fills and not {"--overwrite", "--resume", "--dry-run"} & set(command)


@pytest.mark.parametrize("page", [HOUSE / "README.md", *DOCS], ids=name_of)
def test_the_commands_of_a_page_can_be_given_one_after_the_other(page: Path) -> None:
    assert not written_twice(page)


def test_a_second_command_that_would_be_refused_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nposterlens explain --seeds 0 --out a\nposterlens explain --seeds 1 --out a\n```\n")
    assert written_twice(page) == ["a"]


# ---- names of what is on the pages -------------------------------------------------------------------------------


@cache
def labels() -> frozenset[str]:
    """Texts of the dashboard: a button, a choice, a heading, a page or a lesson is among them."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (HOUSE / "dashboard").rglob("*.py")]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    lessons = [path.read_text("utf-8") for path in (HOUSE / "dashboard/lessons").glob("*.md")]
    titles = {title for text in lessons for title in re.findall(r'^title = "(.*)"$', text, re.M)}
    return frozenset(text for text in texts if isinstance(text, str)) | titles


def unknown_labels(page: Path) -> list[str]:
    """Words set off within a sentence, with a capital as controls have it, that nothing in the dashboard is called."""
    text = without_code(page.read_text("utf-8"))
    found = re.findall(r"(?<=[\w,] )(\*{1,2})([A-Z][^*\n]*?)\1(?![\w*:])", text)
    return [name for _, name in found if name not in labels()]


@pytest.mark.parametrize("page", [HOUSE / "README.md", *DOCS], ids=name_of)
def test_what_a_page_calls_by_its_label_is_called_so(page: Path) -> None:
    assert not unknown_labels(page)


def test_a_label_that_nothing_has_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Open **Compare**, then *Explode it*.\n\n- **Words**: that are no label.\n")
    assert unknown_labels(page) == ["Explode it"]


# ---- examples ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUN)
def test_the_examples_of_a_page_run_from_top_to_bottom(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoints").symlink_to(HOUSE / "checkpoints")
    text = (HOUSE / f"docs/{name}.md").read_text("utf-8")
    blocks = re.findall(r"^( *)```python\n(.*?)^\1```", text, re.M | re.S)
    (tmp_path / f"page_{name}.py").write_text("\n".join(dedent(code) for _, code in blocks))  # dataclasses look it up
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = dict(METHODS)
    try:
        import_module(f"page_{name}")
    finally:
        METHODS.clear()
        METHODS.update(before)
    assert blocks


# ---- what is said twice ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_described_as_it_describes_itself(name: str) -> None:
    text, method = (HOUSE / "docs/methods.md").read_text("utf-8"), METHODS[name]
    section = text.partition(f"\n## {method.title}\n")[2].partition("\n## ")[0]
    assert f"- **Shows:** {words.promise(method, LOGIT)}\n" in section
    assert f"- **But:** {words.caveat(method, LOGIT)}\n" in section
    assert "- **Limits:**" in section
    assert "- **Paper:** " in section
    assert f'xai.attribution("{name}", score)' in section
    [row] = re.findall(rf"^\| `{name}` \|.*$", text, re.M)
    complete, random, compares = (cell.strip() for cell in row.split("|")[4:7])
    assert (complete, random) == ("yes" if method.complete else "no", "by seed" if method.stochastic else "no")
    assert compares == ("several" if method.averages_references else "yes" if method.needs_reference else "no")


@pytest.mark.parametrize("page", PAGES_OF_DASHBOARD.values(), ids=lambda page: page.title)
def test_a_page_of_the_dashboard_is_listed(page: Page) -> None:
    assert f"\n| {page.title} | " in (HOUSE / "docs/pages.md").read_text("utf-8")


def test_pictures_are_small_and_used() -> None:
    pages = "".join(page.read_text("utf-8") for page in DOCS)
    pictures = list(HOUSE.glob("docs/pictures/*"))
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= MOST
        assert f"(pictures/{picture.name})" in pages


def test_the_page_on_installing_has_every_extra() -> None:
    table = (HOUSE / "docs/install.md").read_text("utf-8").split("## Extras")[1].split("##")[0]
    named = {name for row in re.findall(r"^\| (`.+?) \|", table, re.M) for name in re.findall(r"`([a-z]+)`", row)}
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
    assert named == set(project["optional-dependencies"])
