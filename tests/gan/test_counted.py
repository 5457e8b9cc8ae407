"""A count stands with its noun everywhere: "1 poster", "no posters", "2,000 posters"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gan.errors import counted, joined

ROOT = Path(__file__).parents[2]
ROOMS = ("gan", "xai", "scripts", "dashboard")
NOUNS = (
    "posters|pictures|images|files|maps|filters|latents|samples|steps|methods|pairs|near-duplicates|seeds|genres|rows|"
    "lines|checkpoints|units|dimensions|processes|networks|layers|values|keys|tensors|errors|chunks|cases|groups|"
    "directions|neurons|segments|updates|colours|columns|folders|edits|labels|references|checks|verdicts|duplicates|bits"
)
BETWEEN = "held-out|generated|training|latent|random|real|near|different|other|more|such|whole|new|unreadable"
PLURAL = re.compile(rf" (?:(?:{BETWEEN}) )*(?:{NOUNS})\b(?! a second)")


def counts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each count in an f-string that would be wrong for 1; constants in capitals are never 1.

    Products are left out, such as 4 x 4 values."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for before, value, after in zip([None, *node.values], node.values, node.values[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            product = isinstance(before, ast.Constant) and str(before.value).endswith((" × ", " x "))
            if not product and is_count(value) and (match := PLURAL.match(str(after.value))):
                yield value.lineno, f"{{{ast.unparse(value.value)}}}{match[0]}"


def is_count(value: ast.FormattedValue) -> bool:
    decimals = value.format_spec is not None and re.search(r"\.[1-9]|%", ast.unparse(value.format_spec))
    text = isinstance(value.value, ast.Call) and ast.unparse(value.value.func).endswith(".join")
    return not decimals and not text and not (isinstance(value.value, ast.Name) and value.value.id.isupper())


@pytest.mark.parametrize("path", [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))], ids=str)
def test_no_text_counts_without_the_singular(path: Path) -> None:
    assert not list(counts(path.read_text()))


@pytest.mark.parametrize("text", ["f'{n} posters'", "f'{len(a):,} held-out posters'", "f'{a} of {b} files read'"])
def test_the_search_finds_a_count(text: str) -> None:
    assert list(counts(text))


@pytest.mark.parametrize("text", ["f'{counted(n, \"poster\")} read'", "f'{x:.1f} bits'", "f'{MOST:,} posters'"])
def test_the_search_leaves_others_alone(text: str) -> None:
    assert not list(counts(text))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "no posters"), (1, "1 poster"), (2, "2 posters"), (2000, "2,000 posters")]
)
def test_a_count_stands_with_its_noun(count: int, text: str) -> None:
    assert counted(count, "poster") == text


@pytest.mark.parametrize(("texts", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ("abc", "a, b and c")])
def test_texts_are_joined_as_a_sentence_lists_them(texts: list[str], said: str) -> None:
    assert joined(iter(texts)) == said
